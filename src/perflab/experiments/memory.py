"""Asks what a forked child has of its own, what one more thread or process adds, and what a large parent costs."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Mapping

from perflab.experiments import _parents
from perflab.experiments._parents import ACTIONS, MIB
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
    Reference,
    Relation,
    Role,
    Sample,
    Settings,
)

QUANTITIES = (
    Quantity("private_dirty_bytes", "bytes", "memory that only the child has (its Private_Dirty)"),
    Quantity("private_share", "share", "memory that only the child has, of what only its parent had before the fork"),
    Quantity("added_bytes", "bytes", "memory that one more adds (PSS of all together, with it minus without)"),
    Quantity("fork_ns", "ns", "from the call of os.fork() to its return in the parent"),
)

SIZES_MIB = {"quick": (10, 64), "default": (10, 256), "full": (10, 256, 960)}
MOST_COPIED_MIB = 256
"""Children may copy half of a parent up to this size: with all parents alive at once that stays below 1.5 GB."""

DOINGS = (
    ("idle", False, "nothing"),
    ("read", False, "reading a bytearray"),
    ("iterate", False, "iterating over a list of objects"),
    ("collect", False, "gc.collect()"),
    ("collect", True, "gc.collect() after gc.freeze() in the parent"),
    ("iterate", True, "iterating after gc.freeze() in the parent"),
    ("write", False, "writing to each page of a bytearray"),
)
"""What a child does, whether its parent froze first, and how that is called."""

TENFOLD = 10.0
COPIES = 0.5
"""A child that holds more than half of the memory in question as its own has copied it; with less it has not."""

NOT_COPIES = 0.05
"""What is said to copy nothing may copy a twentieth."""

ALL_OF_IT = 0.9
GROWS = 1.2
"""Two processes that do the same differ by up to 11 %: a growth must be more than that to be one."""

THREADS, PROCESSES = 16, 2
"""How many are started to see what one of them adds: a thread adds a few pages only."""


def design(settings: Settings) -> Design:
    """What children hold, what others add, what a fork takes; the first and the last where there is fork."""
    forks = "fork" in (settings.override("start_method") or settings.start_methods)
    sizes = SIZES_MIB[settings.plan]
    judged = max(size for size in sizes if size <= MOST_COPIED_MIB)
    groups = (*((_children(judged), _forks(sizes)) if forks else ()), _others(settings, sizes[0]))
    claims = (*_child_claims(judged, forks), _heavier(settings, sizes[0]), _growth(sizes, forks))
    figures = (*((_child_figure(judged), _growth_figure(sizes)) if forks else ()), _others_figure(settings, sizes[0]))
    return Design(groups, claims, figures)


def _host(mebibytes: int) -> str:
    return f"parent of {mebibytes} MiB"


def _child(mebibytes: int, doing: str, frozen: bool = False) -> Case:
    params = (("parent", f"{mebibytes} MiB"), ("child", doing), *((("frozen", "yes"),) if frozen else ()))
    return Case(strategy="process", start_method="fork", params=params)


def _children(mebibytes: int) -> Group:
    """One parent forks them all, one after the other: they differ in nothing but what they do."""
    idle = _child(mebibytes, "idle")
    copied = {"idle": mebibytes * MIB, "read": 0}
    arms = (
        Arm(
            _child(mebibytes, doing, frozen),
            idle if doing != "idle" else None,
            _host(mebibytes),
            copied.get(doing, mebibytes * MIB // 2),
        )
        for doing, frozen, _ in DOINGS
    )
    return Group("what a child does", tuple(arms), single=True)


def _forker(mebibytes: int) -> Case:
    return Case(strategy="process", start_method="fork", params=(("parent", f"{mebibytes} MiB"), ("child", "ends")))


def _forks(sizes: tuple[int, ...]) -> Group:
    small = _forker(sizes[0])
    arms = (Arm(_forker(size), small if size != sizes[0] else None, _host(size), size * MIB) for size in sizes)
    return Group("fork by size of the parent", tuple(arms), per_case_count=True)


def _other(mebibytes: int, start_method: str = "") -> Case:
    strategy = "process" if start_method else "thread"
    return Case(
        strategy=strategy, start_method=start_method, params=(("parent", f"{mebibytes} MiB"), ("child", "waits"))
    )


def _methods(settings: Settings) -> tuple[str, ...]:
    """The default first; every plan looks at all."""
    return settings.override("start_method") or tuple(
        dict.fromkeys((settings.default_start_method, *settings.start_methods))
    )


def _others(settings: Settings, mebibytes: int) -> Group:
    thread = _other(mebibytes)
    processes = (Arm(_other(mebibytes, method), thread, _host(mebibytes)) for method in _methods(settings))
    return Group("one more", (Arm(thread, None, _host(mebibytes), mebibytes * MIB), *processes), single=True)


def _child_claims(mebibytes: int, forks: bool) -> Iterator[Claim]:
    half = mebibytes * MIB // 2
    parent = f"a parent with {half // MIB} MiB in an array and {half // MIB} MiB in small objects"
    reason = "" if forks else "it needs fork, which is not offered here"

    def claim(name: str, sentence: str, *clauses: Clause) -> Claim:
        return Claim(name, sentence, clauses if forks else (), ("S09",), f"{parent}; Private_Dirty", reason)

    def more(doing: str, relation: Relation, share: float, role: Role = Role.DECIDES, frozen: bool = False) -> Clause:
        label = {(name, kept): words for name, kept, words in DOINGS}[doing, frozen]
        case, idle = _child(mebibytes, doing, frozen), _child(mebibytes, "idle")
        return Clause(case, "private_dirty_bytes", Estimand.DIFFERENCE, relation, share * half, idle, role, label)

    written = more("write", Relation.ABOVE, ALL_OF_IT, Role.PRECONDITION)
    idle = _child(mebibytes, "idle")
    yield claim(
        "S09",
        "fork copies the parent's whole memory",
        Clause(idle, "private_share", Estimand.LEVEL, Relation.ABOVE, COPIES, label="share that an idle child copied"),
        written,
    )
    yield claim(
        "S09-read",
        "Reading an array in a forked child copies none of it",
        more("read", Relation.WITHIN, NOT_COPIES),
        written,
    )
    yield claim(
        "S09-objects",
        "Merely iterating over a list of objects in a forked child copies most of them: reference counts are written",
        more("iterate", Relation.ABOVE, COPIES),
        more("read", Relation.WITHIN, NOT_COPIES, Role.SUPPORTS),
    )
    yield claim(
        "S09-collect",
        "A garbage collection in a forked child copies most of the objects that its parent made",
        more("collect", Relation.ABOVE, COPIES),
        written,
    )
    yield claim(
        "S09-freeze",
        "gc.freeze() in the parent keeps a garbage collection in the child from copying the objects",
        more("collect", Relation.BELOW, NOT_COPIES, frozen=True),
        more("collect", Relation.ABOVE, COPIES, Role.SUPPORTS),
        more("iterate", Relation.ABOVE, COPIES, Role.BESIDE, frozen=True),
    )


def _heavier(settings: Settings, mebibytes: int) -> Claim:
    def clause(method: str) -> Clause:
        case, thread = _other(mebibytes, method), _other(mebibytes)
        return Clause(case, "added_bytes", Estimand.RATIO, Relation.ABOVE, TENFOLD, thread, label=method)

    return Claim(
        "S08-memory",
        "Processes are heavy, threads light: one more process takes more than ten times the memory of one more thread",
        tuple(clause(method) for method in _methods(settings)),
        ("S08",),
        conditions=f"idle children of a parent with {mebibytes} MiB; pages that several share are counted once (PSS)",
    )


def _growth(sizes: tuple[int, ...], forks: bool) -> Claim:
    small, large = sizes[0], sizes[-1]
    label = f"fork of a parent with {large} MiB"
    clause = Clause(_forker(large), "fork_ns", Estimand.RATIO, Relation.ABOVE, GROWS, _forker(small), label=label)
    return Claim(
        "S09-time",
        "The more memory a parent has, the longer it takes to fork",
        (clause,) if forks else (),
        ("S08", "S09"),
        conditions=f"more than {GROWS} times as long with {large} MiB as with {small} MiB; a fork copies page tables",
        not_applicable="" if forks else "it needs fork, which is not offered here",
    )


def _child_figure(mebibytes: int) -> Figure:
    marks = (Mark(_child(mebibytes, doing, frozen), words) for doing, frozen, words in DOINGS)
    half, whole = Reference(mebibytes * MIB / 2, "half"), Reference(float(mebibytes * MIB), "what the parent filled")
    return Figure(
        "memory-child",
        f"Memory of its own that a forked child of a parent with {mebibytes} MiB has, by what it does",
        "strip",
        "private_dirty_bytes",
        Estimand.LEVEL,
        tuple(marks),
        references=(half, whole),
        claims=("S09", "S09-objects", "S09-collect", "S09-freeze"),
    )


def _others_figure(settings: Settings, mebibytes: int) -> Figure:
    processes = (Mark(_other(mebibytes, method), f"process, {method}") for method in _methods(settings))
    return Figure(
        "memory-one-more",
        "Memory that one more thread or process adds",
        "strip",
        "added_bytes",
        Estimand.LEVEL,
        (Mark(_other(mebibytes), "thread"), *processes),
        claims=("S08-memory",),
    )


def _growth_figure(sizes: tuple[int, ...]) -> Figure:
    marks = (Mark(_forker(size), f"{size} MiB", None, "os.fork()", float(size * MIB)) for size in sizes)
    return Figure(
        "memory-fork",
        "Time of a fork by the memory of the parent",
        "lines",
        "fork_ns",
        Estimand.LEVEL,
        tuple(marks),
        x_label="bytes that the parent filled",
        claims=("S09-time",),
    )


def probe(case: Case) -> Iterator[Sample]:
    """Make the parent's memory; what a sample does with it is in the case."""
    doing, size = str(case.param("child")), int(str(case.param("parent")).removesuffix(" MiB"))
    parent = _parents.parent_of(size)
    if doing == "ends":

        def forks(count: int) -> Mapping[str, Observation]:
            return {"fork_ns": statistics.median(_parents.fork_ns() for _ in range(count))}

        yield forks
    elif doing == "waits":
        begin = _parents.process(case.start_method) if case.start_method else _parents.thread
        number = PROCESSES if case.start_method else THREADS
        yield lambda count: {"added_bytes": _parents.added_bytes(begin, number)}
    else:

        def holds(count: int) -> Mapping[str, Observation]:
            with _parents.frozen(bool(case.param("frozen"))):
                own = _parents.private_bytes(os.getpid())
                private = _parents.forked_bytes(parent, ACTIONS[doing])
            return {"private_dirty_bytes": private, "private_share": private / own}

        yield holds


EXPERIMENT = Experiment(
    name="memory",
    question="Does a fork copy the parent's memory, and what does one more thread or process take?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "A parent fills half of its memory with an array and half with small lists, and forks a child that does one "
        "thing and waits; the parent then reads the child's Private_Dirty from /proc: pages that were written and "
        "that nobody else has. What the child answers is checked. A child that writes to every page of the array "
        "shows that a copy would be seen. For one more thread or process the PSS of all processes together is read "
        f"with and without {THREADS} threads or {PROCESSES} processes that have begun and wait; one was started and "
        "ended before, because the first one brings a server or a tracker along. The time of os.fork() is taken in "
        "parents of different sizes, with children that end at once."
    ),
    limits=(
        "The kernel's own memory (page tables, kernel stacks) is in none of these numbers, nor is the time that a "
        "page takes to be copied when it is first written to, which moves the cost of a fork to later. The objects "
        "are small lists, made one after the other, so that each page holds dozens of them; objects that lie apart "
        "cost a page each. Where the system gives huge pages without being asked, a write copies two megabytes at "
        "once, and forks are cheaper. Nothing here says how much memory children need for work of their own."
    ),
    weight=5.5,
    place=22,
)
