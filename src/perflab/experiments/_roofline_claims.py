"""The cases of ``roofline``, and the sentences about them."""

from __future__ import annotations

from collections.abc import Iterator

from perflab.model import Case, Claim, Clause, Estimand, Relation

KIB, MIB = 2**10, 2**20

QUICK = (32 * KIB, MIB, 32 * MIB)
SWEEP = (4 * KIB, 32 * KIB, 256 * KIB, 512 * KIB, MIB, 8 * MIB, 32 * MIB, 128 * MIB)
FULL = (
    4 * KIB,
    16 * KIB,
    32 * KIB,
    128 * KIB,
    256 * KIB,
    512 * KIB,
    MIB,
    2 * MIB,
    8 * MIB,
    32 * MIB,
    128 * MIB,
    512 * MIB,
)
CACHED = (32 * KIB, MIB)
"""Where the other types are looked at."""

OURS, NUMPY, LOADS, COMPENSATED, REPRODUCIBLE = "ours", "numpy", "loads", "compensated", "reproducible"
PARALLEL, LOADS_BY_ALL = "parallel", "loads_by_all"
ARITHMETIC = "arithmetic"
TYPES = ("int64", "float32")

NUMPYS = (
    ("small", 16 * KIB, 512 * KIB, 3.0, "of 16 to 512 KiB at least three times"),
    ("middle", MIB, 8 * MIB, 1.8, "of 1 to 8 MiB at least 1.8 times"),
    ("large", 32 * MIB, 32 * MIB, 2.5, "of 32 MiB at least 2.5 times"),
    ("memory", 128 * MIB, 512 * MIB, 1.6, "beyond the caches at least 1.6 times"),
)
"""Name, from and to how many bytes, how many times as fast as numpy, and that in words."""

OF_LIMIT, OF_LIMIT_L1 = 0.9, 0.7
LIMIT_FROM, FIRST_LEVEL = 512 * KIB, 32 * KIB
COMPENSATED_FROM = 16 * KIB
TIMES_NUMPY = {"int64": 1.5, "float32": 2.0}

NOT_SLOWER = 0.95
"""More than a twentieth slower is slower: where one thread would do the same calls, chance is that large."""


def case_of(way: str, size: int, workers: int = 0, of: str = "float64") -> Case:
    """So many bytes of a type, added up (or only loaded) in that way."""
    return Case("vector", of, way, workers, size)


def adding() -> Case:
    """Additions that load nothing."""
    return Case(ARITHMETIC, "float64", "ours")


def words(size: int) -> str:
    """As people write it."""
    return f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB"


def claims(sizes: tuple[int, ...], workers: int) -> Iterator[Claim]:
    """Those that these sizes can judge: a clause for each size that the sentence is about."""
    yield from _against_numpy(sizes)
    yield from _against_limit(sizes)
    yield from _other_sums(sizes)
    yield from _other_types(sizes)
    yield Claim(
        "roofline-parallel",
        "Adding up with all cores is never slower than with one",
        tuple(_above(case_of(PARALLEL, size, workers), case_of(OURS, size), NOT_SLOWER, size) for size in sizes),
        conditions=f"{workers} threads, of which as many are used as pay; a twentieth slower counts as slower",
        not_applicable="one worker only: nothing can run in parallel" if workers < 2 else "",
    )


def _above(case: Case, control: Case, bound: float, size: int, of: str = "") -> Clause:
    label = ", ".join(part for part in (of, words(size)) if part)
    return Clause(case, "bandwidth", Estimand.RATIO, Relation.ABOVE, bound, control, label=label)


def _against_numpy(sizes: tuple[int, ...]) -> Iterator[Claim]:
    for name, least, most, bound, said in NUMPYS:
        inside = [size for size in sizes if least <= size <= most]
        if inside:
            yield Claim(
                f"roofline-numpy-{name}",
                f"The package's sum_float64 adds up vectors {said} as fast as numpy.sum",
                tuple(_above(case_of(OURS, size), case_of(NUMPY, size), bound, size) for size in inside),
                conditions=f"one thread, float64, {_listed(inside)}",
            )


def _against_limit(sizes: tuple[int, ...]) -> Iterator[Claim]:
    larger = [size for size in sizes if size >= LIMIT_FROM]
    yield Claim(
        "roofline-limit",
        "From 512 KiB on sum_float64 runs at 90 % of what loading the numbers allows",
        tuple(_above(case_of(OURS, size), case_of(LOADS, size), OF_LIMIT, size) for size in larger),
        conditions=f"one thread, against a loop that only loads each number, {_listed(larger)}",
    )
    first = FIRST_LEVEL
    yield Claim(
        "roofline-limit-l1",
        "In the first-level cache sum_float64 runs at 70 % of what loading the numbers allows",
        (_above(case_of(OURS, first), case_of(LOADS, first), OF_LIMIT_L1, first),),
        conditions=f"one thread, {words(first)}: what a first-level cache of today holds",
    )


def _other_sums(sizes: tuple[int, ...]) -> Iterator[Claim]:
    inside = [size for size in sizes if size >= COMPENSATED_FROM]
    yield Claim(
        "roofline-compensated",
        "A sum that compensates its rounding errors is no slower than numpy.sum",
        tuple(_above(case_of(COMPENSATED, size), case_of(NUMPY, size), 1.0, size) for size in inside),
        conditions=f"one thread, numbers that do not cancel, {_listed(inside)}",
    )


def _other_types(sizes: tuple[int, ...]) -> Iterator[Claim]:
    inside = [size for size in sizes if size in CACHED]
    said = {"int64": "1.5 times", "float32": "twice"}
    for of, times in TIMES_NUMPY.items():
        yield Claim(
            f"roofline-{of}",
            f"Sums of {of} in a cache are at least {said[of]} as fast as numpy's",
            tuple(_above(case_of(OURS, size, of=of), case_of(NUMPY, size, of=of), times, size, of) for size in inside),
            conditions=f"one thread, {_listed(inside)}; the sum of int64 also finds out whether it leaves int64",
        )


def _listed(sizes: list[int]) -> str:
    return ", ".join(map(words, sizes))
