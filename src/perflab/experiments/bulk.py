"""Asks by which way a block of bytes gets to another process fastest, from 64 bytes to 256 MiB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext

from perflab.clock import monotonic_ns
from perflab.errors import WrongAnswer
from perflab.experiments._places import ANYWHERE, ONE_CORE, placed, places
from perflab.experiments._shared import shared
from perflab.experiments._transfers import FRESH, KEPT, transferring
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
PIPE = "Pipe"
WAYS = (PIPE, "socket", "Queue", KEPT, FRESH)

SMALL, MIDDLE, LARGE = 4 * KIB, 64 * KIB, 4 * MIB
SWEEP = (64, SMALL, MIDDLE, 256 * KIB, MIB, LARGE)
HUGE, HUGE_WAYS = {"default": 32 * MIB, "full": 256 * MIB}, (PIPE, KEPT)
"""The largest, by plan, is passed once a block, and only by the two ways that are judged: 256 MiB take a second."""

PLACED, PLACED_WAYS = (SMALL, MIDDLE), (PIPE, "socket", KEPT)
"""Where waking the receiver takes longer than the bytes do, the two are also put on one core, by the ways judged."""

PASSED_BYTES, MOST_BLOCKS = 4 * MIB, {FRESH: 20}
"""What a sample passes, in blocks of its size, at most 100 (fewer where each is dear): some milliseconds of work."""

NOTHING_WON = 0.9
"""Less than a tenth saved counts as nothing won."""

QUANTITIES = (
    Quantity("transfer_ns", "ns", "from handing over a block of bytes to having the receiver's checksum of it"),
)


def design(settings: Settings) -> Design:
    """A group for each size, the Pipe its control; the largest size once a block, and not in the quick plan."""
    sizes = (SMALL, MIDDLE, LARGE) if settings.plan == "quick" else SWEEP
    first, *others = places(settings)
    groups = [Group(_words(size), _arms(size, WAYS, first)) for size in sizes]
    groups += [Group(f"{_words(size)}, {one}", _arms(size, PLACED_WAYS, one)) for one in others for size in PLACED]
    if huge := HUGE.get(settings.plan):
        groups.append(Group(_words(huge), _arms(huge, HUGE_WAYS, first), single=True))
    return Design(tuple(groups), tuple(_claims(settings)), tuple(_figures(settings, sizes)))


def _case(way: str, size: int, place: str) -> Case:
    return Case(strategy=way, workers=1, params=(("bytes", size), ("place", place)))


def _arms(size: int, ways: tuple[str, ...], place: str) -> tuple[Arm, ...]:
    pipe, cores = _case(PIPE, size, place), 1 if place == ONE_CORE else 2
    return tuple(
        Arm(_case(way, size, place), None if way == PIPE else pipe, memory_bytes=3 * size, cores=cores) for way in ways
    )


def _ratio(
    way: str, other: str, size: int, place: str, relation: Relation, bound: float = 1.0, role: Role = Role.DECIDES
) -> Clause:
    label = f"{_words(size)}, {place}, {way} / {other}"
    case, control = _case(way, size, place), _case(other, size, place)
    return Clause(case, "transfer_ns", Estimand.RATIO, relation, bound, control, role, label)


def _claims(settings: Settings) -> Iterator[Claim]:
    first = places(settings)[0]

    def fastest(size: int) -> list[Clause]:
        where = places(settings) if size in PLACED else (first,)
        against = [_ratio(KEPT, other, size, one, Relation.BELOW) for one in where for other in (PIPE, "socket")]
        return [*against, _ratio(KEPT, "Queue", size, first, Relation.BELOW, role=Role.BESIDE)]

    passed = "from handing over a block to the receiver's checksum of it; one block at a time"
    both = f"small ones with both on {' and on '.join(places(settings))}"
    yield Claim(
        "S18",
        "Shared memory is the fastest way to pass data between processes",
        (*fastest(SMALL), *fastest(MIDDLE), *fastest(LARGE)),
        ("S18",),
        conditions=f"of any size from {_words(SMALL)} to {_words(LARGE)}, a segment that is kept; {both}; {passed}",
    )
    larger = (LARGE,) if settings.plan == "quick" else (MIB, LARGE)
    most = HUGE.get(settings.plan)
    huge = (_ratio(KEPT, PIPE, most, first, Relation.BELOW),) if most else ()
    yield Claim(
        "S18-large",
        "For blocks of a MiB and more, shared memory is the fastest way to pass them between processes",
        (*(clause for size in larger for clause in fastest(size)), *huge),
        ("S18",),
        conditions=f"{', '.join(map(_words, larger))}{f', {_words(most)}' if most else ''}; a kept segment; {passed}",
    )
    yield Claim(
        "S18-below",
        "Below 0.1 MiB shared memory wins nothing over a Pipe",
        tuple(
            _ratio(KEPT, PIPE, size, one, Relation.ABOVE, NOTHING_WON) for one in places(settings) for size in PLACED
        ),
        ("S18",),
        conditions=f"{_words(SMALL)} and {_words(MIDDLE)}; less than a tenth saved is nothing; {both}; {passed}",
    )
    yield Claim(
        "S18-fresh",
        "A segment made for one block costs more than one that is kept",
        tuple(_ratio(FRESH, KEPT, size, first, Relation.ABOVE) for size in (SMALL, LARGE))
        + tuple(_ratio(FRESH, PIPE, size, first, Relation.ABOVE, role=Role.BESIDE) for size in (SMALL, LARGE)),
        ("S18",),
        conditions=f"making, mapping, first touch and unlinking included; {passed}",
    )


def _figures(settings: Settings, sizes: tuple[int, ...]) -> Iterator[Figure]:
    claims = ("S18", "S18-large", "S18-below")
    title = "How long a block takes to another process, against a Pipe, by its size"
    first, *elsewhere = places(settings)
    most = HUGE.get(settings.plan)
    cells = [(way, size, first, way) for way in WAYS for size in sizes]
    cells += [(way, size, one, f"{way}, {one}") for one in elsewhere for way in PLACED_WAYS for size in PLACED]
    cells += [(way, most, first, way) for way in HUGE_WAYS] if most else []
    marks = tuple(
        Mark(_case(way, size, one), f"{series}, {_words(size)}", _case(PIPE, size, one), series, size)
        for way, size, one, series in cells
        if way != PIPE
    )
    line = (Reference(1.0, "as long as a Pipe"),)
    yield Figure(
        "bulk-ratio",
        title,
        "lines",
        "transfer_ns",
        Estimand.RATIO,
        marks,
        x_label="bytes",
        references=line,
        claims=claims,
    )
    own = tuple(
        Mark(_case(way, size, one), f"{series}, {_words(size)}", None, series, size) for way, size, one, series in cells
    )
    title = "How long a block takes to another process and its checksum back"
    yield Figure("bulk-time", title, "lines", "transfer_ns", Estimand.LEVEL, own, x_label="bytes")


def _words(size: int) -> str:
    return f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB" if size >= KIB else f"{size} B"


def probe(case: Case) -> Iterator[Sample]:
    """A receiver that is warm; a sample passes the same block again and again and checks the last checksum."""
    import zlib

    size, place = int(case.param("bytes")), str(case.param("place", ANYWHERE))
    with shared(("block", size), lambda: nullcontext(_block(size))) as block:
        expected, blocks = zlib.adler32(block), max(1, min(MOST_BLOCKS.get(case.strategy, 100), PASSED_BYTES // size))
        with transferring(case.strategy, block, place) as transfer:
            if case.strategy == KEPT:
                transfer()  # both sides touch the pages of the segment for the first time

            def sample(count: int) -> Mapping[str, Observation]:
                with placed(place):
                    started = monotonic_ns()
                    for _ in range(blocks * count):
                        found = transfer()
                    took = monotonic_ns() - started
                if found != expected:
                    raise WrongAnswer(f"the receiver's checksum of {size} bytes is {found}, expected {expected}")
                return {"transfer_ns": took / (blocks * count)}

            yield sample


def _block(size: int) -> bytes:
    return (bytes(range(256)) * (size // 256 + 1))[:size]


EXPERIMENT = Experiment(
    name="bulk",
    question="By which way does a block of bytes get to another process fastest, and from which size on?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "A block is handed to a receiver process, which answers with its Adler-32 checksum, so that every byte was "
        "really there and was looked at: as bytes through a Pipe, through a Queue, through a socketpair into a buffer "
        "that is kept, and by copying it into shared memory, once into a segment that both keep mapped, once into a "
        "segment made, mapped and unlinked for that block. The next block is sent when the answer is there. All ways "
        "of one size are visited in the same rounds, against the Pipe. Sender and receiver are bound each to a core of "
        "its own, and for small blocks, where waking the receiver takes longest, also both to one core: left to the "
        "system they are found now here, now there, and that alone makes a factor of three."
    ),
    limits=(
        "The sender copies its block into shared memory; a program that computes its data there in the first place "
        "saves that copy too, and gains more. The checksum takes the same time by all ways and makes factors look "
        "smaller for large blocks. Several blocks under way at once would let sender and receiver overlap, which is "
        "not looked at. How simple a way is, as the tutorial also says of shared memory, no measurement tells."
    ),
    weight=4,
    place=72,
)
