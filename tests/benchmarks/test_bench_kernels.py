"""The kernels' twins at a few sizes, the interpreted implementation of the same workload beside them.

    pytest tests/benchmarks --benchmark-only --benchmark-json=benchmarks.json

Numbers for a trend, not verdicts: pytest-benchmark runs one case after the other, in one process.
"""

from __future__ import annotations

from array import array

import pytest

from perflab import registry
from perflab.kernels import spin

SIZES = {"range_sum": (1_000, 100_000), "vector_sum": (1_000, 100_000), "vector_sum_int64": (1_000, 100_000)}
CASES = [
    pytest.param(name, implementation, size, id=f"{name}-{size}-{implementation}")
    for name, sizes in SIZES.items()
    for size in sizes
    for implementation in registry.find("workload", name).implementations
]


@pytest.mark.parametrize(("name", "implementation", "size"), CASES)
def test_implementation(benchmark, name, implementation, size):
    """One call of one implementation on the whole input, and its answer is the oracle's."""
    benchmark.group = f"{name} n={size}"
    workload = registry.find("workload", name)
    answer = benchmark(workload.implementations[implementation], workload.load(size), 0, size)
    assert answer == workload.oracle(size)


@pytest.mark.parametrize("wait", [spin.wait_gil, spin.wait_nogil])
def test_call_of_a_kernel(benchmark, wait):
    """What a call costs that does nothing: buffer, checks, and for one twin releasing and taking back the GIL."""
    benchmark.group = "call"
    assert benchmark(wait, array("i", [1]))
