"""Turn a block's samples into one number for a case, or for a case against another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import sub

from perflab import stats
from perflab.model import BlockRecord, Observation

Key = tuple[str, str]
"""A case id and the name of an observed quantity."""

Combine = Callable[[float, float], float | None]


@dataclass(frozen=True, slots=True)
class BlockTable:
    """One block's observations by case and quantity; a visit is a round's number within the block.

    ``once`` holds what is observed once a block and group. ``replaced`` are the visits run again later.
    """

    visits: Mapping[Key, Mapping[int, Observation]]
    once: Mapping[Key, tuple[Observation, ...]]
    replaced: frozenset[int]

    def observations(self, key: Key, keep_replaced: bool) -> list[Observation]:
        """What rounds observed, or else what the block observed once."""
        if key not in self.visits:
            return list(self.once.get(key, ()))
        return [seen for visit, seen in self.visits[key].items() if keep_replaced or visit not in self.replaced]


def tabulate(block: BlockRecord) -> BlockTable:
    """Index a block's record, so that each value is a look-up and not a search."""
    visits: dict[Key, dict[int, Observation]] = {}
    once: dict[Key, tuple[Observation, ...]] = {}
    for group in block.groups:
        for key, seen in _pairs(group.once):
            once[key] = (*once.get(key, ()), seen)
    rounds = [record for group in block.groups for record in group.rounds]
    for visit, record in enumerate(rounds):
        for key, seen in _pairs(record.samples):
            visits.setdefault(key, {})[visit] = seen
    return BlockTable(visits, once, frozenset(visit for visit, record in enumerate(rounds) if record.replaced))


def level(table: BlockTable, key: Key, keep_replaced: bool) -> float | None:
    """The median of a case's own numbers; None where there are none."""
    numbers = (as_number(seen) for seen in table.observations(key, keep_replaced))
    return _median(number for number in numbers if number is not None)


def difference(table: BlockTable, case: Key, control: Key, keep_replaced: bool) -> float | None:
    """The median over shared rounds of case minus control, or the difference of their medians where none is shared."""
    return _against(table, case, control, sub, keep_replaced)


def log_ratio(table: BlockTable, case: Key, control: Key, keep_replaced: bool) -> float | None:
    """The median over shared rounds of log(case / control), or that of their medians where none is shared.

    A round where either is not positive has no ratio and is left out.
    """
    return _against(table, case, control, _log_quotient, keep_replaced)


def shows(table: BlockTable, key: Key, expected: str, keep_replaced: bool) -> bool | None:
    """Whether every sample showed the expected outcome (a number without one: was not zero); None without samples."""
    seen = table.observations(key, keep_replaced)
    return all(_is_expected(one, expected) for one in seen) if seen else None


def as_number(seen: Observation) -> float | None:
    """A finite number, or None: a text has no level."""
    return float(seen) if not isinstance(seen, str) and math.isfinite(seen) else None


def _against(table: BlockTable, case: Key, control: Key, combine: Combine, keep_replaced: bool) -> float | None:
    ours, theirs = table.visits.get(case, {}), table.visits.get(control, {})
    shared = [visit for visit in ours if visit in theirs]
    if shared:
        chosen = [visit for visit in shared if keep_replaced or visit not in table.replaced]
        each = (_combined(as_number(ours[visit]), as_number(theirs[visit]), combine) for visit in chosen)
        return _median(value for value in each if value is not None)
    return _combined(level(table, case, keep_replaced), level(table, control, keep_replaced), combine)


def _combined(ours: float | None, theirs: float | None, combine: Combine) -> float | None:
    return None if ours is None or theirs is None else combine(ours, theirs)


def _log_quotient(ours: float, theirs: float) -> float | None:
    return math.log(ours) - math.log(theirs) if ours > 0 and theirs > 0 else None


def _median(numbers: Iterable[float]) -> float | None:
    values = list(numbers)
    return stats.median(values) if values else None


def _is_expected(seen: Observation, expected: str) -> bool:
    return str(seen) == expected if isinstance(seen, str) or expected else bool(seen)


def _pairs(samples: Mapping[str, Mapping[str, Observation]]) -> Iterable[tuple[Key, Observation]]:
    return (((case, name), seen) for case, named in samples.items() for name, seen in named.items())
