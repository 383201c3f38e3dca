"""Read expectations from a TOML table: what each claim should come to, and between which bounds a ratio should lie."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from perflab.errors import BadInput
from perflab.model import Verdict
from perflab.registry import nearest

EXAMPLE = 'nogil-threads-scale = "confirmed"'
CLAIM_KEYS = ("verdict", "min", "max")
RATIO_KEYS = ("case", "control", "quantity", "experiment", "min", "max")
_KEYS = (*CLAIM_KEYS, *RATIO_KEYS[:4])


@dataclass(frozen=True, slots=True)
class Bounds:
    """From ``least`` up to ``most``, both belonging to it; None is no bound."""

    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class ClaimExpected:
    """A claim's allowed verdicts (``words`` as they were written; empty: any) and bounds on its deciding value."""

    name: str
    verdicts: frozenset[Verdict] = frozenset()
    words: str = ""
    bounds: Bounds | None = None


@dataclass(frozen=True, slots=True)
class RatioExpected:
    """Bounds on the ratio of cases to their controls, both chosen by patterns over case ids, in one quantity.

    Without ``control`` it is the one that the experiment declares; without ``experiment`` every one is looked through.
    """

    name: str
    case: str
    quantity: str
    bounds: Bounds
    control: str = ""
    experiment: str = ""


Expected = ClaimExpected | RatioExpected


def parse(table: Mapping[str, Any], source: str) -> tuple[Expected, ...]:
    """The expectations of a table as TOML gives it; BadInput names ``source``, the entry and what would be right."""
    if not table:
        raise BadInput(f"{source} holds no expectation; write one a line, as in {EXAMPLE}")
    return tuple(_entry(str(name), value, f"{source}, '{name}'") for name, value in table.items())


def _entry(name: str, value: Any, where: str) -> Expected:
    if isinstance(value, str):
        return ClaimExpected(name, *_verdicts(value, where))
    if not isinstance(value, Mapping):
        raise BadInput(f"{where} is {value!r}, expected a verdict as in {EXAMPLE}, or bounds as in {{ min = 1.5 }}")
    if {"case", "control", "quantity"} & set(value):
        return _ratio(name, value, where)
    _refuse_unknown(value, CLAIM_KEYS, where)
    if not value:
        raise BadInput(f"{where} expects nothing: give it {', '.join(CLAIM_KEYS)}, as in {{ min = 1.5 }}")
    verdicts, words = _verdicts(value["verdict"], where) if "verdict" in value else (frozenset[Verdict](), "")
    return ClaimExpected(name, verdicts, words, _bounds(value, where))


def _ratio(name: str, value: Mapping[str, Any], where: str) -> RatioExpected:
    _refuse_unknown(value, RATIO_KEYS, where)
    for key in ("case", "quantity"):
        if key not in value:
            raise BadInput(f"{where} has no {key}, expected it as in {_EXAMPLES[key]}")
    for key in ("case", "control", "quantity", "experiment"):
        if not isinstance(value.get(key, "text"), str) or value.get(key) == "":
            raise BadInput(f"{where} has {key} = {value[key]!r}, expected a text as in {_EXAMPLES[key]}")
    bounds = _bounds(value, where)
    if bounds is None:
        raise BadInput(f"{where} has no bound, expected one as in min = 1.5 or max = 1.2")
    if any(bound is not None and bound <= 0 for bound in (bounds.least, bounds.most)):
        raise BadInput(f"{where} bounds a ratio at 0 or below, where none can be: give a factor above 0")
    return RatioExpected(
        name, value["case"], value["quantity"], bounds, value.get("control", ""), value.get("experiment", "")
    )


def _verdicts(text: Any, where: str) -> tuple[frozenset[Verdict], str]:
    """The verdicts that a text allows: itself, or with "not" in front every other."""
    words = " ".join(str(text).lower().replace("-", " ").split())
    known = {str(verdict).replace("-", " "): verdict for verdict in Verdict}
    every = {**known, **{f"not {name}": verdict for name, verdict in known.items()}}
    if words == "failed":
        raise BadInput(f"{where} expects a failure, which is never as expected: leave that entry out")
    if words not in every:
        close = nearest(words, every)
        raise BadInput(f"{where} is {text!r}{close}; expected a verdict such as 'confirmed' or 'not refuted'")
    denied = words not in known
    return frozenset(set(Verdict) - {every[words]} if denied else {every[words]}), words


def _bounds(value: Mapping[str, Any], where: str) -> Bounds | None:
    """The bounds of an entry; None where it has none."""
    given = {key: _number(value[key], f"{where}: {key}") for key in ("min", "max") if key in value}
    bounds = Bounds(given.get("min"), given.get("max"))
    if bounds.least is not None and bounds.most is not None and bounds.least > bounds.most:
        raise BadInput(f"{where} has min {bounds.least:g} above max {bounds.most:g}: nothing lies between; swap them")
    return bounds if given else None


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInput(f"{where} = {value!r} is no bound, expected a number as in 1.5")
    return float(value)


def _refuse_unknown(value: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in _unknown(value, known):
        raise BadInput(f"{where} has the unknown key '{key}'{nearest(key, _KEYS)}; expected {', '.join(known)}")


def _unknown(value: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    return (str(key) for key in value if key not in known)


_EXAMPLES = {
    "case": 'case = "range_sum/nogil/threads/*"',
    "control": 'control = "range_sum/nogil/serial/*"',
    "quantity": 'quantity = "speedup"',
    "experiment": 'experiment = "gil"',
}
