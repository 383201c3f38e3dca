"""The sums beside numpy and math.fsum, and beside numba, numexpr and bottleneck where they are installed.

    pytest tests/benchmarks/test_bench_sums.py --benchmark-only --benchmark-group-by=group

Numbers for a trend, not verdicts: pytest-benchmark runs one case after the other, in one process. The figures in
docs/kernels.md come from reports/kernels/measure.py, which takes turns.
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from perflab.kernels import limits, sums

REPORTS = Path(__file__).resolve().parents[2] / "reports" / "kernels"
SPEC = importlib.util.spec_from_file_location("peers", REPORTS / "peers.py")
peers = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(peers)

SIZES = {"8 KiB": 2**10, "64 KiB": 2**13, "8 MiB": 2**20}
ALWAYS = {"numpy": np.sum, "fsum": math.fsum}
OURS = ("sum_float64", "sum_compensated", "sum_reproducible", "sum_parallel")


def peer(name):
    """A peer's sum; the case is skipped where the peer is not installed."""
    total = ALWAYS.get(name) or peers.installed().get(name)
    return total or pytest.skip(f"{peers.PEERS[name][0]} is not installed: pip install perflab[peers]")


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
@pytest.mark.parametrize("name", [*ALWAYS, *peers.PEERS])
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
