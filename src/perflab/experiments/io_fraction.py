"""Asks for which work threads suit: from tasks that only wait for a server to tasks that only compute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from perflab.clock import monotonic_ns
from perflab.errors import WrongAnswer
from perflab.experiments._io_tasks import TASKS_A_WORKER, WAYS, Done, Run, compiled
from perflab.experiments._loopback import delaying_server
from perflab.model import (
    Arm,
    Case,
    Claim,
    Clause,
    Curve,
    Design,
    Estimand,
    Experiment,
    Figure,
    Group,
    Mark,
    Observation,
    Quantity,
    Relation,
    Role,
    Sample,
    Settings,
)

WORKERS = 4
TASK_NS = 1_800_000
"""What one task takes: it waits for a part of that, and computes for the rest."""

PERCENTS = {"quick": (0, 20, 100)}
ALL_PERCENTS = (0, 1, 5, 20, 50, 100)

HELPS = 1.2
"""Less than a fifth faster is no help: the bound that S01 is judged by as well."""

SUITS = 0.5
"""Threads suit waiting tasks if N of them reach more than half of N: the waits overlap rather than queue."""

CEILING = 1.3
LONGER = 1.05
CLOSE_ROUNDS = 16
"""More rounds for threads against processes that wait: a round scatters by 3 %, and few percent are asked for."""

SLACK = 0.1
"""How far beyond its law a speed-up may lie: waking up takes some 50 µs, which no law knows of."""

QUANTITIES = (
    Quantity("wall_ns", "ns", "wall time until all tasks are done"),
    Quantity("speedup", "x", "how many times faster than one task after the other", of="wall_ns", inverse=True),
)


@dataclass(frozen=True, slots=True)
class _Mix:
    """The cases of one percentage of computing."""

    percent: int
    serial: Case
    threads: Case
    processes: Case

    @property
    def most(self) -> float:
        """No speed-up can be above: at most N waits at once, and one task computing at a time."""
        return _most(self.threads.workers, self.percent)

    @property
    def least(self) -> float:
        """None is below as long as somebody computes or waits: each task meets all others in the queue."""
        return _least(self.threads.workers, self.percent)


def _most(workers: int, percent: float) -> float:
    """min(N, 1/f), the upper asymptotic bound of a closed queue with one server (the GIL)."""
    return min(float(workers), 100 / percent) if percent else float(workers)


def _least(workers: int, percent: float) -> float:
    """N / (1 + (N - 1) f), its lower bound."""
    return workers / (1 + (workers - 1) * percent / 100)


def design(settings: Settings) -> Design:
    """A group for each share of computing, and compiled loops that show whether two cores are to be had."""
    mixes = tuple(_mix(settings, percent) for percent in PERCENTS.get(settings.plan, ALL_PERCENTS))
    alone, together = _ceiling(settings)
    groups = (*(_group(settings, mix) for mix in mixes[:-1]), _last_group(mixes[-1], alone, together))
    if settings.plan != "quick":
        groups = (*groups, _close_group(mixes[0]))
    return Design(groups, tuple(_claims(settings, mixes, alone, together)), (_figure(settings, mixes),))


def _mix(settings: Settings, percent: int) -> _Mix:
    serial = Case(
        implementation="python",
        strategy="serial",
        size=settings.size("range_sum", "python", TASK_NS) * percent // 100,
        params=(
            ("percent", percent),
            ("tasks", TASKS_A_WORKER * _workers(settings)),
            ("wait_us", TASK_NS * (100 - percent) // 100_000),
        ),
    )
    threads = replace(serial, strategy="threads", workers=_workers(settings))
    processes = replace(threads, strategy="processes", start_method=settings.chosen_start_methods[0])
    return _Mix(percent, serial, threads, processes)


def _workers(settings: Settings) -> int:
    return int(max(settings.override("workers"), default=WORKERS))


def _ceiling(settings: Settings) -> tuple[Case, Case]:
    size = settings.size("range_sum", "nogil")
    alone = Case("range_sum", "nogil", "serial", size=size)
    return alone, replace(alone, strategy="threads", workers=_workers(settings))


def _group(settings: Settings, mix: _Mix) -> Group:
    """The quick plan leaves the processes out where no claim asks for them: a third case would cost half again."""
    arms = _arms(mix)[: 2 if settings.plan == "quick" and mix.percent else 3]
    return Group(f"{mix.percent} % computing", arms)


def _last_group(mix: _Mix, alone: Case, together: Case) -> Group:
    """Where all is computing, the ceiling stands beside it in the same rounds."""
    return Group(f"{mix.percent} % computing", (*_arms(mix), Arm(alone), Arm(together, alone)))


def _close_group(mix: _Mix) -> Group:
    """Without the serial one, which takes most of the time and has no part in the claim."""
    arms = (Arm(mix.threads), Arm(mix.processes, mix.threads, "crew"))
    return Group("waiting, threads and processes", arms, rounds=CLOSE_ROUNDS)


def _arms(mix: _Mix) -> tuple[Arm, Arm, Arm]:
    """The process cases share a host, because they share the processes."""
    return Arm(mix.serial), Arm(mix.threads, mix.serial), Arm(mix.processes, mix.serial, "crew")


def _claims(settings: Settings, mixes: tuple[_Mix, ...], alone: Case, together: Case) -> Iterator[Claim]:
    waiting, computing = mixes[0], mixes[-1]
    workers = waiting.threads.workers
    one_core = "one core or one worker only: nothing can run in parallel" if min(settings.cores, workers) < 2 else ""
    two = "" if workers > 1 else "one worker only: nothing can overlap"
    work = f"{TASKS_A_WORKER * workers} tasks of {TASK_NS / 1e6:g} ms, {workers} workers against one"
    ceiling = _faster(together, alone, Relation.ABOVE, CEILING, "compiled loops that release the GIL")
    yield Claim(
        "S03",
        "Threads suit work that waits, processes work that computes",
        (
            _faster(waiting.threads, waiting.serial, Relation.ABOVE, SUITS * workers, "threads, tasks that only wait"),
            _faster(computing.threads, computing.serial, Relation.BELOW, HELPS, "threads, tasks that only compute"),
            _faster(computing.processes, computing.serial, Relation.ABOVE, HELPS, "processes, tasks that only compute"),
            replace(ceiling, role=Role.PRECONDITION),
        ),
        ("S03",),
        conditions=f"{work}; waiting for a server on the loopback, computing in a Python loop",
        not_applicable=one_core,
    )
    slower = Clause(
        waiting.processes, "wall_ns", Estimand.RATIO, Relation.ABOVE, LONGER, waiting.threads, label="processes"
    )
    yield Claim(
        "S03-waiting-processes",
        "For work that only waits, processes are worse than threads: they take longer",
        (slower,),
        ("S03",),
        conditions=f"more than {LONGER - 1:.0%} longer; {work}, all warm: start and memory are not counted",
        not_applicable=two,
    )
    yield Claim(
        "io-fraction-law",
        "Threads speed up between N / (1 + (N - 1) f) and min(N, 1/f), f being the share that computes",
        tuple(clause for mix in mixes for clause in _bounds(mix)),
        conditions=f"give or take {SLACK:.0%}; {work}; the law of a queue before one processor, which is the GIL",
        not_applicable=two,
    )


def _bounds(mix: _Mix) -> Iterator[Clause]:
    label = f"threads, {mix.percent} % computing"
    least = _faster(mix.threads, mix.serial, Relation.ABOVE, (1 - SLACK) * mix.least, f"{label}, the least")
    # Where nothing computes, the law says N on the dot, and what it falls short of that is waking up and handing over.
    yield replace(least, role=Role.DECIDES if mix.percent else Role.BESIDE)
    yield _faster(mix.threads, mix.serial, Relation.BELOW, (1 + SLACK) * mix.most, f"{label}, the most")


def _faster(case: Case, control: Case, relation: Relation, bound: float, label: str) -> Clause:
    return Clause(case, "speedup", Estimand.RATIO, relation, bound, control, label=label)


def _figure(settings: Settings, mixes: tuple[_Mix, ...]) -> Figure:
    workers = mixes[0].threads.workers
    measured = (mixes[0], mixes[-1]) if settings.plan == "quick" else mixes
    series = {
        "threads": [(mix.threads, mix) for mix in mixes],
        "processes": [(mix.processes, mix) for mix in measured],
    }
    laws = {"law: at most min(N, 1/f)": _most, "law: at least N / (1 + (N - 1) f)": _least}
    return Figure(
        "io-fraction",
        f"How much faster {workers} workers are than one, by the share of a task that computes",
        "lines",
        "speedup",
        Estimand.RATIO,
        tuple(
            Mark(case, f"{name}, {mix.percent} %", mix.serial, name, mix.percent)
            for name, cases in series.items()
            for case, mix in cases
        ),
        x_label="share of a task that computes, %",
        curves=tuple(
            Curve(name, tuple((float(percent), law(workers, percent)) for percent in range(0, 101, 5)))
            for name, law in laws.items()
        ),
        claims=("S03", "io-fraction-law"),
    )


def probe(case: Case) -> Iterator[Sample]:
    """Opens connections and workers; a sample is the time until all tasks are done, each answer and sum counted."""
    with ExitStack() as stack:
        if case.implementation == "nogil":
            yield _sample(compiled(case, stack), (max(1, case.workers), _sum(case.size)))
        else:
            port, tasks = stack.enter_context(delaying_server()), int(case.param("tasks"))
            yield _sample(WAYS[case.strategy](case, port, stack), (tasks, tasks * _sum(case.size)))


def _sample(run: Run, expected: Done) -> Sample:
    def sample(count: int) -> Mapping[str, Observation]:
        started = monotonic_ns()
        for _ in range(count):
            found = run()
            if found != expected:
                raise WrongAnswer(f"found (tasks, sum) = {found}, expected {expected}: some were lost or done twice")
        return {"wall_ns": (monotonic_ns() - started) / count}

    return sample


def _sum(elements: int) -> int:
    return elements * (elements - 1) // 2


EXPERIMENT = Experiment(
    name="io-fraction",
    question="For which work do threads suit: for work that waits, or for work that computes?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    calibrates=("range_sum/python", "range_sum/nogil"),
    how=(
        "A task takes 1.8 ms: for a part of them it waits for the answer of a real server, another process at the end "
        "of a TCP connection over the loopback, which answers after exactly that time; for the rest it adds up "
        "numbers in a Python loop. The part that computes is varied from none to all. The same tasks are done by one "
        "thread in turn, by four threads, and by four processes that are up already, each with a connection of its "
        "own; every answer and every sum is checked. In the same blocks compiled loops on threads show whether this "
        "machine had more than one core to give, without which nothing is said of processes."
    ),
    limits=(
        "All waits are equally long and the server never is the bottleneck; real servers slow down when asked at "
        "once. Each wait ends with waking up, which takes some tens of microseconds that no share of computing "
        "counts. Starting threads and processes is not counted, nor is their memory. With eight tasks the first and "
        "the last wait alone, so that speed-ups stay below the law's upper bound where its two bounds differ."
    ),
    weight=6,
    place=42,
)
