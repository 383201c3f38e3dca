"""Asks what process and thread executors have in common, and what a Pool and an executor do when a task fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from perflab.experiments._facts import facts_of
from perflab.experiments._failing import ENDS, FAIL, GOES_ON, INTERFACE, SAID
from perflab.model import (
    Arm,
    Case,
    Claim,
    Clause,
    Design,
    Estimand,
    Experiment,
    Figure,
    Group,
    Mark,
    Observation,
    Quantity,
    Role,
    Sample,
    Settings,
)
from perflab.outcomes import always

INTERFACES = (
    Quantity("said", "", "what submit, map, as_completed, an exception, a callback and shutdown came to, as one text"),
    Quantity("lambda", "", "what becomes of a submitted lambda"),
    Quantity("chunk", "", "how many workers did the four tasks of map(chunksize=4)"),
    Quantity("change", "", "whether a task's change of a global is seen by its caller"),
)
FAILURES = (
    Quantity(
        "raised", "", "what get or result raises for a task that raised ValueError, and whether the next one is done"
    ),
    Quantity("argument", "", "the same for an argument that cannot be pickled"),
    Quantity("result", "", "the same for a result that cannot be pickled"),
    Quantity("killed", "", "what get or result comes to for a task whose worker was killed"),
    Quantity("queued", "", "what became of the two tasks that waited behind it"),
    Quantity("shut", "", "whether close and join, or shutdown, end after a task's worker was killed"),
    Quantity("idle", "", "what becomes of a task after the death of a worker that had nothing to do"),
    Quantity("abandon", "", "whether terminate, or shutdown, ends after that"),
)

PROCESS, THREAD = "ProcessPoolExecutor", "ThreadPoolExecutor"
POOL = "Pool"
BROKEN = "BrokenProcessPool"
NEVER = "no answer"
BOTH_DONE = "done, done"


def design(settings: Settings) -> Design:
    """The interface on both executors, and every kind of failure in a Pool and an executor."""
    methods, quick = settings.chosen_start_methods, settings.plan == "quick"
    thread = _case("interface", THREAD)
    processes = [_case("interface", PROCESS, method) for method in (methods[:1] if quick else methods)]
    failing = methods if settings.plan == "full" else methods[:1]
    failures = {kind: [_case("failure", kind, method) for method in failing] for kind in (POOL, PROCESS)}
    ends = {kind: [] if quick else [_case("ends", kind, methods[0])] for kind in (POOL, PROCESS)}
    claims = (*_interface([*processes, thread]), *_failures(failures), *_ends(ends))
    cases = (thread, *processes, *failures[POOL], *failures[PROCESS], *ends[POOL], *ends[PROCESS])
    figures = (_said([*processes, thread]), _killed(failures))
    return Design((Group("programs", tuple(Arm(case) for case in cases), single=True),), claims, figures)


def _case(topic: str, kind: str, method: str = "") -> Case:
    return Case(strategy=kind, start_method=method, params=(("topic", topic),))


def _name(case: Case) -> str:
    return f"{case.strategy}{f', {case.start_method}' if case.start_method else ''}"


def _show(
    cases: Iterable[Case], quantity: str, expected: str, words: str, role: Role = Role.DECIDES
) -> tuple[Clause, ...]:
    """One clause for each case: that the outcome is the rule."""
    return tuple(always(case, quantity, expected, f"{_name(case)}: {words}", role) for case in cases)


def _interface(both: list[Case]) -> Iterator[Claim]:
    same = "one function is given either executor"
    yield Claim(
        "S17",
        "ProcessPoolExecutor and ThreadPoolExecutor have the same interface",
        _show(both, "said", SAID, "every method did what was expected"),
        ("S17",),
        conditions=f"submit, map, as_completed, wait, callbacks, exceptions, cancel, shutdown, with: {same}",
    )
    yield Claim(
        "S17-lambda",
        "What can be submitted to one executor can be submitted to the other: a lambda",
        _show(both, "lambda", "done", "a lambda is done"),
        ("S17",),
        conditions=same,
    )
    yield Claim(
        "S17-chunks",
        "chunksize means the same to both executors: map gives so many inputs at a time to one worker",
        _show(reversed(both), "chunk", "1 worker", "four inputs, a chunksize of four, one worker"),
        ("S17",),
        conditions=f"four tasks that sleep 5 ms, two workers; {same}",
    )
    yield Claim(
        "S17-globals",
        "A task may change a global of its caller in either executor",
        _show(both, "change", "seen", "the change is seen"),
        ("S17", "S11"),
        conditions=same,
    )


def _failures(failures: Mapping[str, list[Case]]) -> Iterator[Claim]:
    pools, executors = failures[POOL], failures[PROCESS]
    both, alone = [*pools, *executors], "a pool or executor of one worker"
    for quantity, expected, sentence in (
        ("raised", f"ValueError: 3 is refused; {GOES_ON}", "An exception reaches the caller with its type and text"),
        ("argument", f"an error; {GOES_ON}", "An argument that cannot be pickled is an error of its task"),
        ("result", f"an error; {GOES_ON}", "A result that cannot be pickled is an error of its task"),
    ):
        yield Claim(
            f"executors-{quantity}",
            f"{sentence}, and the tasks after it are done",
            _show(both, quantity, expected, expected),
            conditions=f"Pool and ProcessPoolExecutor; {alone}",
        )
    yield Claim(
        "S17-killed",
        "A task whose worker is killed ends in an error, BrokenProcessPool",
        _show(executors, "killed", BROKEN, f"the killed task raises {BROKEN}"),
        ("S17",),
        conditions=f"ProcessPoolExecutor; SIGKILL from within the task; {alone}",
    )
    yield Claim(
        "S17-pool-killed",
        "A Pool loses the task of a killed worker in silence: its get has no answer when the tasks behind it are done",
        _show(pools, "killed", NEVER, "get has no answer"),
        ("S17",),
        conditions=f"multiprocessing.Pool; SIGKILL from within the task; {alone}",
    )
    yield Claim(
        "executors-pool-goes-on",
        "A Pool replaces a killed worker and does the tasks that waited behind",
        _show(pools, "queued", BOTH_DONE, "two tasks behind the killed one are done"),
        conditions=f"SIGKILL from within a task; {alone}",
    )
    yield Claim(
        "executors-broken",
        "A killed worker costs ProcessPoolExecutor every task that waits behind",
        _show(executors, "queued", f"{BROKEN}, {BROKEN}", f"both tasks behind the killed one raise {BROKEN}"),
        conditions=f"SIGKILL from within a task; {alone}",
    )


def _ends(ends: Mapping[str, list[Case]]) -> Iterator[Claim]:
    """What else a killed worker does to a Pool; the executor, which tells and ends, is the control."""
    pools, executors = ends[POOL], ends[PROCESS]
    not_now = "" if pools else "it waits for what never comes, and is measured where the plan has time for that"
    yield Claim(
        "executors-idle",
        "A Pool whose idle worker is killed never does another task, nor does terminate end it",
        (
            *_show(pools, "idle", NEVER, "the next task has no answer"),
            *_show(pools, "abandon", "hangs", "terminate hangs"),
            *_show(executors, "idle", BROKEN, f"the next task raises {BROKEN}", Role.SUPPORTS),
            *_show(executors, "abandon", "ends", "shutdown ends", Role.SUPPORTS),
        ),
        conditions="SIGKILL while the only worker waits for a task; a quarter of a second of patience",
        not_applicable=not_now,
    )
    yield Claim(
        "executors-shut",
        "After the death of a task's worker, close and join of its Pool never end",
        (
            *_show(pools, "shut", "hangs", "close and join hang"),
            *_show(executors, "shut", "ends", "shutdown ends", Role.SUPPORTS),
        ),
        conditions="SIGKILL from within the task; a pool of one worker; a quarter of a second of patience",
        not_applicable=not_now,
    )


def _said(cases: list[Case]) -> Figure:
    marks = tuple(Mark(case, _name(case)) for case in cases)
    title = "How often one function sees no difference between the executors"
    return Figure("executors-said", title, "strip", "said", Estimand.SHARE, marks, log=False, claims=("S17",))


def _killed(failures: Mapping[str, list[Case]]) -> Figure:
    marks = [Mark(case, f"{_name(case)}: no answer") for case in failures[POOL]]
    marks += [Mark(case, f"{_name(case)}: {BROKEN}") for case in failures[PROCESS]]
    title = "What becomes of a task whose worker is killed"
    claims = ("S17-killed", "S17-pool-killed")
    return Figure("executors-killed", title, "strip", "killed", Estimand.SHARE, tuple(marks), log=False, claims=claims)


PROGRAMS: Mapping[str, str] = {"interface": INTERFACE, "failure": FAIL, "ends": ENDS}


def probe(case: Case) -> Iterator[Sample]:
    """One sample runs the topic's program on the Pool or executor of the case."""
    source = PROGRAMS[str(case.param("topic"))].replace("METHOD", case.start_method).replace("KIND", case.strategy)

    def sample(count: int) -> Mapping[str, Observation]:
        return facts_of(source)

    yield sample


EXPERIMENT = Experiment(
    name="executors",
    question="What do process and thread executors have in common, and what becomes of tasks that fail?",
    design=design,
    probe=probe,
    quantities=(*INTERFACES, *FAILURES),
    how=(
        "Programs are run from a file. In the first, one function is given a ProcessPoolExecutor or a "
        "ThreadPoolExecutor and uses all that both are said to have; then it submits a lambda, hands four inputs to "
        "map in one chunk, and lets a task change a global. In the second, a Pool or a ProcessPoolExecutor of one "
        "worker gets a task that raises, an argument and a result that cannot be pickled, and at last a task that "
        "kills its worker while two more wait behind it. When those two have been done, the killed one is either "
        "answered or lost for good. The longer plans also close a Pool that has lost a task, and kill an idle worker."
    ),
    limits=(
        "A killed worker stands for one that the kernel ends for want of memory, or that crashes in a C extension; the "
        "signal here comes from the task itself. With more workers than one, tasks that others are doing at that "
        "moment end well in a Pool, and are lost in an executor as are those that wait. Which exception tells that "
        "something cannot be pickled differs between versions of Python, so that only the fact is judged."
    ),
    weight=3.5,
    place=64,
)
