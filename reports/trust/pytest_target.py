"""What pytest-benchmark runs: the function of ``contested`` that the environment names, under one name."""

import os

import contested


def test_target(benchmark):
    """Timed as pytest-benchmark sees fit."""
    benchmark(getattr(contested, os.environ["TRUST_TARGET"]))
