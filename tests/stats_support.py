"""What the tests of the statistics share: the looks of the plans, and values to draw."""

from __future__ import annotations

from hypothesis import strategies as st

from perflab.model import PLANS

LOOKS = [plan.looks for plan in PLANS.values()]
FULL = (6, 8, 12, 18, 24, 36, 48)

finite = st.floats(-1e9, 1e9)
series = st.lists(finite, min_size=1, max_size=40)
