"""Names under which other tools follow a case from run to run.

Sizes are calibrated anew for each run, so a name that held one would be a new name each time. Where cases of one
experiment differ in nothing else, their rank by size tells them apart.
"""

from __future__ import annotations

from dataclasses import replace

from perflab.export.source import Source
from perflab.model import Case


def stable(source: Source, experiment: str, case: Case) -> str:
    """The case without its size: equal in every run of the same plan on machines with as many cores."""
    alike = [one for one in source.designs[experiment].cases if _sizeless(one) == _sizeless(case)]
    sizes = sorted({one.size for one in alike})
    rank = f"size{sizes.index(case.size) + 1}of{len(sizes)}" if len(sizes) > 1 else ""
    return "/".join(part for part in (_sizeless(case).id, rank) if part)


def _sizeless(case: Case) -> Case:
    return replace(case, size=0)
