"""The sums beside numpy and math.fsum, and beside numba, numexpr and bottleneck where they are installed.

    pytest tests/benchmarks/test_bench_sums.py --benchmark-only --benchmark-group-by=group

Numbers for a trend, not verdicts: pytest-benchmark runs one case after the other, in one process. The figures in
docs/kernels.md come from reports/kernels/measure.py, which takes turns.
"""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest

from perflab.kernels import limits, sums

SIZES = {"64 KiB": 2**13, "8 MiB": 2**20}


def numexpr_sum(vector):
    return pytest.importorskip("numexpr").evaluate("sum(vector)")


def numba_sum():
    """A plain loop; numba may not reorder it unless it is told to."""
    numba = pytest.importorskip("numba")

    @numba.njit(fastmath={"reassoc", "nsz"})
    def total(vector):
        result = 0.0
        for value in vector:
            result += value
        return result

    return total


PEERS = {
    "numpy": lambda: np.sum,
    "fsum": lambda: math.fsum,
    "numba": numba_sum,
    "numexpr": lambda: importlib.import_module("numexpr") and numexpr_sum,
    "bottleneck": lambda: importlib.import_module("bottleneck").nansum,
}
OURS = ("sum_float64", "sum_compensated", "sum_reproducible", "sum_parallel")


def peer(name):
    """A peer's sum; the case is skipped where the peer is not installed."""
    if name in ("numba", "numexpr", "bottleneck"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    return PEERS[name]()


def vector_of(size: int) -> np.ndarray:
    """Whole numbers: every order of additions has the same, exact sum."""
    return np.random.default_rng(size).integers(-1000, 1000, size).astype(float)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("name", OURS)
def test_sum(benchmark, name, size):
    """Ours, at the best level."""
    benchmark.group = f"float64, {size} elements"
    vector = vector_of(size)
    assert benchmark(getattr(sums, name), vector) == vector.sum()


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("name", PEERS)
def test_peer(benchmark, name, size):
    """Others, called as their users call them."""
    total, vector = peer(name), vector_of(size)
    benchmark.group = f"float64, {size} elements"
    assert benchmark(total, vector) == vector.sum()


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("level", sums.levels())
def test_level(benchmark, level, size):
    """Each instruction set, forced."""
    benchmark.group = f"float64 by level, {size} elements"
    vector = vector_of(size)
    assert benchmark(sums.sum_float64, vector, level) == vector.sum()


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_load_only(benchmark, size):
    """What the memory gives."""
    benchmark.group = f"float64, {size} elements"
    vector = vector_of(size)
    assert benchmark(limits.load_only, vector) == int(np.bitwise_xor.reduce(vector.view("u8")))


@pytest.mark.parametrize(
    ("code", "total"), [("f4", sums.sum_float32), ("i8", sums.sum_int64), ("f4", np.sum), ("i8", np.sum)]
)
def test_other_types(benchmark, code, total):
    """float32 and int64, numpy beside ours."""
    benchmark.group = f"{code}, {2**15} elements"
    vector = np.random.default_rng(3).integers(-100, 100, 2**15).astype(code)
    assert benchmark(total, vector) == vector.sum()


@pytest.mark.parametrize("total", [sums.sum_float64, np.sum])
def test_call(benchmark, total):
    """One element: the price of a call."""
    benchmark.group = "call"
    assert benchmark(total, np.ones(1)) == 1.0
