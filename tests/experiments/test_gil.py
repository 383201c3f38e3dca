"""gil: how long the work is that workers share out."""

from __future__ import annotations

from perflab import registry
from perflab.model import Settings


def test_only_work_that_is_shared_out_is_made_longer() -> None:
    """One worker takes the plan's 15 ms, two share 40 ms in Python and 80 ms where a few percent are asked for."""
    groups = {group.name: group for group in registry.find("experiment", "gil").design(Settings()).groups}
    sizes = {name: group.arms[0].case.size for name, group in groups.items()}
    assert sizes["python, workers: 1"] == sizes["kernels, workers: 1"] == 1_500_000
    assert (sizes["python"], sizes["kernels"]) == (4_000_000, 8_000_000)
