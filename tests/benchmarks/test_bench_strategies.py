"""One warm call under every strategy: two workers sum one small range.

pytest tests/benchmarks --benchmark-only --benchmark-json=benchmarks.json
"""

from __future__ import annotations

import multiprocessing

import pytest

from perflab import registry
from perflab.model import Task

SIZE = 200_000


@pytest.mark.parametrize("strategy", registry.strategies().values(), ids=lambda strategy: strategy.name)
@pytest.mark.parametrize("implementation", ["python", "nogil"])
def test_strategy(benchmark, strategy, implementation):
    """Set up outside the clock, one call inside, torn down outside; the answer is the oracle's."""
    workload = registry.find("workload", "range_sum")
    method = multiprocessing.get_start_method() if strategy.starts_processes else ""
    opened = strategy.open(Task(workload, implementation, SIZE, workers=2, start_method=method))
    benchmark.group = f"range_sum/{implementation} n={SIZE} w=2"
    try:
        assert benchmark(next(opened)) == workload.oracle(SIZE)
    finally:
        opened.close()
