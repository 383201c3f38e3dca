"""What pytest-benchmark runs: the function of ``targets`` that the environment names, under one name."""

import os

import targets


def test_target(benchmark):
    """Timed as pytest-benchmark sees fit."""
    benchmark(getattr(targets, os.environ["TRUST_TARGET"]))
