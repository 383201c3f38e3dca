"""The scripted run, analysed once."""

from __future__ import annotations

import pytest
import report_samples

from perflab.model import Analysis, Experiment
from perflab.verdict import analyse


@pytest.fixture(scope="session")
def experiments() -> dict[str, Experiment]:
    return report_samples.EXPERIMENTS


@pytest.fixture(scope="session")
def analysis() -> Analysis:
    return analyse(report_samples.scripted_run(), report_samples.EXPERIMENTS)
