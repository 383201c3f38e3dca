"""The contract of the sums, for one level, in plain Python: also run under sanitizers, in an interpreter without numpy.

``python sums_support.py FOLDER`` takes the kernels compiled in that folder, and holds every level to the contract.
"""

from __future__ import annotations

import math
import random
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import product
from operator import xor
from types import ModuleType
from typing import Any

INFINITY, NAN, LARGEST, SMALLEST = math.inf, math.nan, sys.float_info.max, 5e-324
SIZES = (*range(301), 511, 512, 513, 1023, 1024, 1025, 2047, 2049, 4095, 4097, 8193, 16385, 33001, 70003)
STEPS = (1, 2, 3, 7, -1, -2, -5)
FLOATS = ("float64", "compensated", "reproducible", "parallel")

# What is summed, and what comes out at every precision; placed anywhere among zeros that change nothing.
SPECIALS = (
    ([INFINITY, 1.0], INFINITY),
    ([-INFINITY, -1.0], -INFINITY),
    ([INFINITY, -INFINITY], NAN),
    ([NAN, 1.0], NAN),
    ([NAN, INFINITY], NAN),
    ([-0.0, 0.0], 0.0),
    ([-0.0, -0.0], -0.0),
    ([1.0, -1.0], 0.0),
    ([SMALLEST, SMALLEST, SMALLEST], 3 * SMALLEST),
    ([SMALLEST, -SMALLEST], 0.0),
    ([LARGEST, LARGEST], INFINITY),
    ([-LARGEST, -LARGEST], -INFINITY),
    ([LARGEST, 1.0, -LARGEST / 2], LARGEST / 2),
)
# Sums whose partial sums overflow: exact in the end for those that do not round on the way.
OVERFLOWING = (([LARGEST, LARGEST, -LARGEST], LARGEST), ([LARGEST, LARGEST, -LARGEST, -LARGEST], 0.0))


def same(found: float, expected: float) -> bool:
    """Equal, NaN being equal to NaN, and zeros by their sign."""
    if math.isnan(expected):
        return math.isnan(found)
    return found == expected and math.copysign(1, found) == math.copysign(1, expected)


def units_apart(found: float, expected: float) -> float:
    """How far apart, in units in the last place of the second."""
    return abs(found - expected) / math.ulp(expected)


def views(typecode: str, numbers: Sequence[int]) -> Iterator[memoryview]:
    """Views of every size, at nine offsets from a cache line and seven strides."""
    whole = memoryview(array(typecode, numbers))
    for size, step in product(SIZES, STEPS):
        offset, span = size % 9, (size - 1) * abs(step) + 1 if size else 0
        if offset + span <= len(whole):
            part = whole[offset : offset + span]
            yield part[::step]
    for offset, size in product(range(17), (1, 63, 64, 65, 1024, 1100)):
        yield whole[offset : offset + size]


def check_whole_numbers(sums: ModuleType, limits: ModuleType, level: str) -> None:
    """Sums of small integers are exact whatever the order, of every view."""
    chance = random.Random(1)
    numbers = [chance.randrange(-1000, 1000) for _ in range(71_000)]
    for typecode, names in (("d", FLOATS), ("f", ("float32",)), ("q", ("int64",))):
        for view in views(typecode, numbers):
            expected = sum(view.tolist())
            for name in names:
                found = getattr(sums, f"sum_{name}")(view, level=level)
                assert found == expected, (name, level, len(view), view.strides, found, expected)
    for view in views("q", numbers):
        assert limits.load_only(view, level=level) == reduce(xor, view.tolist(), 0) & (2**64 - 1)


def check_specials(sums: ModuleType, level: str) -> None:
    """Infinities, NaN, zeros, the smallest and the largest numbers, at every place of a row and of a block."""
    for name in FLOATS:
        call: Callable[..., float] = getattr(sums, f"sum_{name}")
        exact = OVERFLOWING if name in ("compensated", "reproducible") else ()
        for (values, expected), size in product((*SPECIALS, *exact), (0, 1, 5, 61, 200, 1500, 5000)):
            for before in (0, size // 3, size):
                vector = array("d", [-0.0] * before + values + [-0.0] * (size - before))
                found = call(vector, level=level)
                assert same(found, expected), (name, level, values, size, before, found)
        assert same(call(array("d"), level=level), 0.0)
    for values, expected in SPECIALS[:8]:
        assert same(sums.sum_float32(array("f", values), level=level), expected)
    assert same(sums.sum_float32(array("f"), level=level), 0.0)


def check_int64(sums: ModuleType, level: str) -> None:
    """Exact where the sum fits, whatever the partial sums; refused where it does not."""
    chance = random.Random(2)
    for size in (1, 2, 3, 64, 100, 1000):
        values = [chance.randrange(-(2**63), 2**63) for _ in range(size)]
        total = sum(values)
        assert whole_sum(sums, values, level) == (total if -(2**63) <= total < 2**63 else None)
        values += [-value if value != -(2**63) else 0 for value in values]
        assert whole_sum(sums, values, level) == sum(values)
    for ends in ([2**63 - 1], [-(2**63)], [2**63 - 1, 1, -1], [-(2**63), -1, 1], [2**32 - 1], [-(2**32)]):
        assert whole_sum(sums, ends, level) == sum(ends)
    assert whole_sum(sums, [2**63 - 1, 1], level) is None


def whole_sum(sums: ModuleType, values: list[int], level: str) -> int | None:
    try:
        return int(sums.sum_int64(array("q", values), level=level))
    except OverflowError:
        return None


def check_random(sums: ModuleType, level: str) -> None:
    """Random numbers against the correctly rounded sum."""
    chance = random.Random(3)
    for size in (1, 2, 7, 100, 1000, 20_011):
        vector = array("d", [chance.gauss(0, 1) * 2.0 ** chance.randrange(-20, 20) for _ in range(size)])
        expected, magnitude = math.fsum(vector), math.fsum(map(abs, vector))
        slack = (7 + math.log2(size)) * 2**-53 * magnitude
        assert abs(sums.sum_float64(vector, level=level) - expected) <= slack
        assert units_apart(sums.sum_compensated(vector, level=level), expected) <= 1
        assert abs(sums.sum_reproducible(vector, level=level) - expected) <= 2**-60 * magnitude + math.ulp(expected)
        singles = array("f", vector)
        slack = (7 + math.log2(size)) * 2**-24 * magnitude
        assert abs(sums.sum_float32(singles, level=level) - math.fsum(singles)) <= slack


def check_repeated(sums: ModuleType, level: str) -> None:
    """0.0 and as many sums as were asked for, of whatever size and stride."""
    for size, step, times in product((0, 1, 70, 5000), (1, -3), (0, 1, 2, 9)):
        view = memoryview(array("d", range(size)))[::step]
        expected = times * sum(view.tolist())
        for twin in (sums.sum_repeatedly_gil, sums.sum_repeatedly_nogil):
            assert same(twin(view, times, level=level), expected), (size, step, times, level)


def check_distant(sums: ModuleType, limits: ModuleType, level: str) -> None:
    """Vectors long enough to be read as from memory, whole rows or not: nothing is left out, nothing beyond is read."""
    for size, offset in ((5 << 19, 0), ((5 << 19) + 5000, 0), ((5 << 19) + 4001, 3)):
        room = array("d", [0.0]) * (size + offset)
        whole = memoryview(room)[offset:]
        for place in (0, size // 3, size - 1):
            whole[place] = 1.0
        assert sums.sum_float64(whole, level=level) == sums.sum_parallel(whole, 2, level=level) == 3.0
        assert limits.load_only(whole.cast("B").cast("q"), level=level) == 0x3FF << 52
        singles = whole.cast("B").cast("f")
        for half in (0, 1):  # of the 1.0, its lower half being 0.0
            assert sums.sum_float32(singles[half::2], level=level) == half * 3 * 1.875
        assert sums.sum_float32(singles, level=level) == 3 * 1.875


def check_partials(sums: ModuleType, level: str) -> None:
    """Parts, strided or not, merge into the bytes of the whole."""
    chance = random.Random(4)
    vector = memoryview(array("d", [chance.gauss(0, 1) * 2.0 ** chance.randrange(-900, 900) for _ in range(9001)]))
    whole = sums.reproducible_partial(vector, level=level)
    for cut in (0, 1, 4096, 9000, 9001):
        parts = (sums.reproducible_partial(vector, *bounds, level=level) for bounds in ((0, cut), (cut, None)))
        assert sums.reproducible_merge(*parts) == whole
    odd, even = (sums.reproducible_partial(vector[start::2], level=level) for start in (1, 0))
    assert sums.reproducible_merge(odd, even) == whole == sums.reproducible_partial(vector[::-1], level=level)


def check_arithmetic(limits: ModuleType, level: str) -> None:
    """As many additions as were asked for: 16 of one vector's width a round."""
    lanes = {"v4": 8, "v3": 4, "baseline": 2, "scalar": 1}[level]
    assert [limits.arithmetic(n, level=level) for n in (0, 1, 7, 5000)] == [16 * lanes * n for n in (0, 1, 7, 5000)]


def hold_to_contract(sums: ModuleType, limits: ModuleType, level: str) -> None:
    """Everything above, at one level."""
    check_whole_numbers(sums, limits, level)
    check_specials(sums, level)
    check_int64(sums, level)
    check_random(sums, level)
    check_repeated(sums, level)
    check_distant(sums, limits, level)
    check_partials(sums, level)
    check_arithmetic(limits, level)


def hammer(sums: ModuleType) -> None:
    """Four threads at once sum a vector that is worth several threads."""
    import threading

    vector = memoryview(bytearray(8 << 20)).cast("d")
    vector[5] = vector[-1] = 2.5
    found: list[Any] = []
    calls = [lambda: found.extend(sums.sum_parallel(vector, 3) for _ in range(20)) for _ in range(4)]
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [5.0] * 80


def check_sharing(sharing: ModuleType) -> None:
    """Counters at both ends of a buffer, and chains of every length of their unrolled loop."""
    counters = array("q", [0] * 9)
    assert sharing.add_atomic(counters, 8, 1000) == sharing.add_plain(counters, 0, 1000) == 1000
    assert [sharing.dependent_adds(n) for n in range(40)] == list(range(40))
    assert sharing.reacquire(100, 7) == sharing.signature_only(100) == 4950


if __name__ == "__main__":
    import perflab.kernels

    perflab.kernels.__path__.insert(0, sys.argv[1])
    from perflab.kernels import limits, sharing, sums

    assert all(module.__file__.startswith(sys.argv[1]) for module in (limits, sharing, sums))
    for one in sums.levels():
        hold_to_contract(sums, limits, one)
    hammer(sums)
    check_sharing(sharing)
    print("held", *sums.levels())
