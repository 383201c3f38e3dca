"""Statistics of a few dozen block values: pure functions of their arguments, nothing but the standard library.

``ranks`` bounds a median exactly and spends error over looks, ``intervals`` reads an interval, ``shares`` bounds a
share, ``bootstrap`` is the second opinion, ``guards`` ask whether blocks are replicates at all. Each module names its
sources; docs/methods.md gives the formulas, and what a simulation with known truths says of them.
"""

from perflab.stats.bootstrap import LEAST_BLOCKS, bootstrap_interval
from perflab.stats.guards import lag1_autocorrelation, lag1_p, split_half_drift, split_half_p
from perflab.stats.intervals import equivalence, interval, median, minimum_detectable
from perflab.stats.ranks import (
    ALPHA,
    SPENDING_POWER,
    confidence_at,
    crossing_probability,
    first_look,
    rank_at,
    sign_test_rank,
    spend,
)
from perflab.stats.shares import clopper_pearson, share_look

__all__ = [
    "ALPHA",
    "LEAST_BLOCKS",
    "SPENDING_POWER",
    "bootstrap_interval",
    "clopper_pearson",
    "confidence_at",
    "crossing_probability",
    "equivalence",
    "first_look",
    "interval",
    "lag1_autocorrelation",
    "lag1_p",
    "median",
    "minimum_detectable",
    "rank_at",
    "share_look",
    "sign_test_rank",
    "spend",
    "split_half_drift",
    "split_half_p",
]
