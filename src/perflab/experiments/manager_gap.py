"""Asks what one access to shared data costs: ordinary memory, sharedctypes, shared memory, a Manager."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from perflab.clock import monotonic_ns
from perflab.errors import WrongAnswer
from perflab.experiments._targets import ELEMENT_BYTES, SUMS, TARGETS
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

KIB, MIB = 2**10, 2**20
VALUES = (("attribute", "Value"), ("Value", ""), ("RawValue", "Value"), ("Manager.Value", "Value"))
ELEMENTS = (("list", ""), ("RawArray", "list"), ("numpy-view", "RawArray"), ("Manager.Array", "RawArray"))
OTHERS = (("RawArray", ""), ("SharedMemory", "RawArray"), ("Manager.list", "RawArray"))
"""Targets of single accesses, each with the target it is compared with."""

LADDER = (
    *("attribute", "list", "RawValue", "RawArray", "numpy-view", "SharedMemory"),
    *("Value", "Manager.Value", "Manager.Array", "Manager.list"),
)
"""The same in the order in which they are shown."""

JUDGED_BYTES = (64 * KIB, MIB)
SHOWN_BYTES = (8 * MIB, 32 * MIB)
SERVED_BYTES = 64 * KIB
"""Sizes of the arrays that are summed whole; a Manager sends what it sums through a socket, so it gets the least."""

QUANTITIES = (Quantity("access_ns", "ns", "one access in a Python loop, the loop included; in bulk, one element"),)

SMALL_PAGES = "numpy, small pages"
HUGE_FROM_BYTES = 4 * MIB
"""From this size on numpy asks the system for huge pages, which shared memory seldom has."""

TWO_ORDERS = 100.0
FACTOR_TWO = 1.0
BULK_MARGIN = 0.05


def design(settings: Settings) -> Design:
    """Accesses to one number by each means, and sums of whole arrays by size."""
    groups = (*_single_groups(settings), *_bulk_groups(settings))
    measured = frozenset(arm.case for group in groups for arm in group.arms)
    claims = (*_gap_claims(settings), *_local_claims(settings))
    figures = (
        _ladder(settings, "add", "What adding to one number costs, by where it lives", measured),
        _ladder(settings, "read", "What reading one number costs, by where it lives", measured),
        _ladder(settings, "write", "What writing one number costs, by where it lives", measured),
        _gap(claims),
        _sweep(settings),
    )
    return Design(groups, claims, figures)


def _case(settings: Settings, operation: str, target: str, size: int = 0) -> Case:
    params = (("operation", operation), ("target", target), *((("bytes", size),) if size else ()))
    return Case(params=params, start_method=settings.chosen_start_methods[0] if _is_served(target) else "")


def _is_served(target: str) -> bool:
    return target.startswith("Manager.")


def _arm(settings: Settings, operation: str, target: str, control: str, size: int = 0) -> Arm:
    case = _case(settings, operation, target, size)
    against = _case(settings, operation, control, size) if control else None
    return Arm(case, against, "manager" if _is_served(target) else "local", size)


def _group(name: str, *arms: Arm) -> Group:
    return Group(name, arms, per_case_count=True)


def _single_groups(settings: Settings) -> Iterator[Group]:
    """Adding to every target, reading and writing them all; in the quick plan what the claims need."""
    full = settings.plan != "quick"
    for operation in ("add", "read", "write") if full else ("add",):
        yield _group(f"{operation}, a value", *(_arm(settings, operation, *pair) for pair in VALUES))
        yield _group(f"{operation}, an element", *(_arm(settings, operation, *pair) for pair in ELEMENTS))
        if full:
            yield _group(f"{operation}, other ways", *(_arm(settings, operation, *pair) for pair in OTHERS))
    for name, pairs in () if full else (("a value", (VALUES[1], VALUES[3])), ("an element", ELEMENTS[:2])):
        arms = (_arm(settings, operation, *pair) for operation in ("read", "write") for pair in pairs)
        yield _group(f"read and write, {name}", *arms)


def _bulk_groups(settings: Settings) -> Iterator[Group]:
    sizes = _bulk_sizes(settings)
    small = (("numpy", ""), ("numpy-view", "numpy"))
    large = ((SMALL_PAGES, ""), ("numpy", SMALL_PAGES), ("numpy-view", SMALL_PAGES))
    yield _group("sum, small arrays", *(_arm(settings, "sum", *pair, size) for size in sizes[:2] for pair in small))
    for size in sizes[2:]:
        yield _group(f"sum, {_words(size)}", *(_arm(settings, "sum", *pair, size) for pair in large))
    more = {"quick": (), "default": ("Manager.Array",), "full": ("Manager.Array", "SharedMemory")}[settings.plan]
    ways = (("numpy-view", ""), *((target, "numpy-view") for target in ("Manager.list", *more)))
    yield _group("sum, other ways", *(_arm(settings, "sum", *way, SERVED_BYTES) for way in ways))


def _bulk_sizes(settings: Settings) -> tuple[int, ...]:
    return (*JUDGED_BYTES, *(SHOWN_BYTES[:1] if settings.plan == "quick" else SHOWN_BYTES))


def _clause(
    settings: Settings,
    pair: tuple[str, str, str],
    relation: Relation,
    bound: float,
    size: int = 0,
    role: Role = Role.DECIDES,
) -> Clause:
    """Of (operation, target, control): the target's access time against the control's."""
    operation, target, control = pair
    case, against = (_case(settings, operation, one, size) for one in (target, control))
    label = f"{operation} {target}{f', {_words(size)}' if size else ''}"
    return Clause(case, "access_ns", Estimand.RATIO, relation, bound, against, role, label)


def _gap_claims(settings: Settings) -> Iterator[Claim]:
    """S22 is judged by one pair; the others stand beside it, each with a claim of its own."""

    def hundredfold(pair: tuple[str, str, str], role: Role = Role.DECIDES) -> Clause:
        size = SERVED_BYTES if pair[0] == "sum" else 0
        return _clause(settings, pair, Relation.ABOVE, TWO_ORDERS, size, role)

    others = {
        "read": ("Reading a Value is", ("read", "Manager.Value", "Value")),
        "write": ("Writing a Value is", ("write", "Manager.Value", "Value")),
        "rawvalue": ("Adding to a RawValue is", ("add", "Manager.Value", "RawValue")),
        "array": ("Adding to an element of a RawArray is", ("add", "Manager.Array", "RawArray")),
        "bulk": ("Summing a RawArray with numpy is", ("sum", "Manager.list", "numpy-view")),
    }
    beside = (hundredfold(pair, Role.BESIDE) for _, pair in others.values())
    alone = "one process, nobody else waiting, the Manager reached over its local socket"
    yield Claim(
        "S22",
        "sharedctypes is two orders of magnitude faster than a Manager",
        (hundredfold(("add", "Manager.Value", "Value")), *beside),
        ("S22",),
        conditions=f"value += 1.0 on a Value, with the lock it comes with, and on a Manager's Value; {alone}",
    )
    for name, (sentence, pair) in others.items():
        words = f"{sentence} two orders of magnitude faster than the same with {pair[1]}"
        yield Claim(f"S22-{name}", words, (hundredfold(pair),), ("S22",), conditions=alone)


def _local_claims(settings: Settings) -> Iterator[Claim]:
    def alike(pair: tuple[str, str, str], role: Role = Role.DECIDES) -> Clause:
        return _clause(settings, pair, Relation.WITHIN, FACTOR_TWO, role=role)

    yield Claim(
        "S23",
        "Reading and writing single elements through sharedctypes costs about what it costs in ordinary memory",
        (
            alike(("read", "RawArray", "list")),
            alike(("write", "RawArray", "list")),
            alike(("add", "RawArray", "list"), Role.BESIDE),
            alike(("add", "Value", "attribute"), Role.BESIDE),
        ),
        ("S23",),
        conditions="within a factor of two, element by element in a Python loop: a RawArray against a list",
    )
    judged = [("numpy", size, Role.DECIDES) for size in JUDGED_BYTES]
    shown = [size for size in _bulk_sizes(settings) if size not in JUDGED_BYTES]
    beside = [(control, size, Role.BESIDE) for control in (SMALL_PAGES, "numpy") for size in shown]
    yield Claim(
        "S23-view",
        "Seen by numpy as a whole, shared memory is as fast as ordinary memory",
        tuple(
            _clause(settings, ("sum", "numpy-view", control), Relation.WITHIN, BULK_MARGIN, size, role)
            for control, size, role in (*judged, *beside)
        ),
        ("S23",),
        conditions=(
            f"within {BULK_MARGIN:.0%}, up to 1 MiB: numpy's sum over a view of a RawArray against its own array; "
            "larger arrays are shown beside, as their speed hangs on the pages the system has for each"
        ),
    )


def _ladder(settings: Settings, operation: str, title: str, measured: frozenset[Case]) -> Figure:
    marks = (Mark(_case(settings, operation, target), target) for target in LADDER)
    shown = tuple(mark for mark in marks if mark.case in measured)
    claims = ("S22", "S23") if operation == "add" else ("S23", f"S22-{operation}")
    value = _case(settings, operation, "Value")
    lines = (Reference(1.0, "Value", value), Reference(TWO_ORDERS, "two orders of magnitude above Value", value))
    return Figure(
        f"access-{operation}", title, "strip", "access_ns", Estimand.LEVEL, shown, references=lines, claims=claims
    )


def _gap(claims: tuple[Claim, ...]) -> Figure:
    clauses = [claim.clauses[0] for claim in claims if claim.id.startswith("S22")]
    lines = {1: "equal", 10: "one order", 100: "two orders of magnitude", 1000: "three orders", 10_000: "four orders"}
    return Figure(
        "manager-gap",
        "How many times as long an access takes through a Manager as through sharedctypes",
        "strip",
        "access_ns",
        Estimand.RATIO,
        tuple(
            Mark(one.case, f"{one.label} / {one.control.param('target')}", one.control)
            for one in clauses
            if one.control
        ),
        references=tuple(Reference(float(value), f"{value}×, {words}") for value, words in lines.items()),
        claims=("S22",),
    )


def _sweep(settings: Settings) -> Figure:
    series = {"numpy": "numpy's own memory", SMALL_PAGES: "in small pages", "numpy-view": "view of a RawArray"}
    marks = (
        Mark(_case(settings, "sum", target, size), f"{words}, {_words(size)}", None, words, size)
        for target, words in series.items()
        for size in _bulk_sizes(settings)
        if target != SMALL_PAGES or size >= HUGE_FROM_BYTES
    )
    title = "What summing one element with numpy costs, by the size of the array and the kind of memory"
    return Figure(
        "bulk-sum", title, "lines", "access_ns", Estimand.LEVEL, tuple(marks), x_label="bytes", claims=("S23-view",)
    )


def _words(size: int) -> str:
    return f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB"


def probe(case: Case) -> Iterator[Sample]:
    """Opens the target; a sample times a loop of accesses and checks what they left behind."""
    operation, target, size = (case.param(name) for name in ("operation", "target", "bytes"))
    if operation == "sum":
        elements = int(size) // ELEMENT_BYTES
        with SUMS[str(target)](elements, case.start_method) as total:
            yield _sum_sample(total, elements)
    else:
        with TARGETS[str(target)](case.start_method) as shared:
            yield _access_sample(shared, str(operation), "target.value" if target in dict(VALUES) else "target[0]")


def _access_sample(shared: Any, operation: str, place: str) -> Sample:
    read, write = _loop(f"seen = {place}"), _loop(f"{place} = number")
    loop = {"read": _loop(f"seen = {place}"), "write": _loop(f"{place} = number"), "add": _loop(f"{place} += 1.0")}
    number = 0.0

    def sample(count: int) -> Mapping[str, Observation]:
        nonlocal number
        number += 1
        write(shared, 1, -number if operation == "write" else number)
        started = monotonic_ns()
        seen = loop[operation](shared, count, number)
        took = monotonic_ns() - started
        _check(seen if operation == "read" else read(shared, 1, 0.0), number + count * (operation == "add"))
        return {"access_ns": took / count}

    return sample


def _loop(statement: str) -> Callable[[Any, int, float], Any]:
    """A loop over one statement, as code of its own.

    Since 3.11 code adapts to the types it meets: with one loop for all targets they would undo each other's adaptation.
    """
    body = f"    seen = None\n    for _ in range(count):\n        {statement}\n    return seen\n"
    namespace: dict[str, Any] = {}
    exec(f"def loop(target, count, number):\n{body}", namespace)
    made: Callable[[Any, int, float], Any] = namespace["loop"]
    return made


def _sum_sample(total: Callable[[], float], elements: int) -> Sample:
    expected = elements * (elements - 1) / 2

    def sample(count: int) -> Mapping[str, Observation]:
        started = monotonic_ns()
        for _ in range(count):
            found = total()
        took = monotonic_ns() - started
        _check(found, expected)
        return {"access_ns": took / (count * elements)}

    return sample


def _check(found: float, expected: float) -> None:
    if found != expected:
        raise WrongAnswer(f"the accesses left {found!r}, expected {expected!r}")


EXPERIMENT = Experiment(
    name="manager-gap",
    question="What does one access to shared data cost, and how far is a Manager from sharedctypes?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "One Python loop with one statement in it (read a number, write it, or add 1.0 to it) is run on a number "
        "that lives in an ordinary attribute or list, in shared memory, or in a Manager's server process. Each kind "
        "repeats the statement until a sample is long enough, and the time is given for one repetition. Then whole "
        "arrays are summed: by numpy in memory of its own and through a view of a RawArray, both starting at a page "
        "and written beforehand, in the same process; and through a Manager, which sends a copy first. The number "
        "that is left is checked after each sample, for reads the one read last. S22 is judged by value += 1.0 on a "
        "Value and on a Manager's Value; the other pairs stand beside it, because the factor depends on the pair."
    ),
    limits=(
        "The loop around the statement is counted (some 10 ns), so factors between fast kinds are understated. "
        "Nobody else uses the data: with several processes a lock or the one server would be waited for. Value "
        "takes its lock for each read and each write, and += on it is still not atomic. Above some 4 MiB Linux may "
        "give numpy's private memory huge pages, which a shared mapping usually does not get; then translating "
        "addresses costs the view more, and a difference there comes from the kind of page, not from sharing. Pages of "
        "shared memory, in turn, may lie together where those of private memory do not: with private memory in small "
        "pages beside it a view of 8 MiB was as fast in most runs and 10 % faster in one, which is why such sizes do "
        "not decide. The "
        "order in which arrays are allocated is drawn anew for each block. At 64 KiB a good part of a sum is the call."
    ),
    weight=11,
    place=30,
)
