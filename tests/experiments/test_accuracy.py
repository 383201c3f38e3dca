"""accuracy: exact sums are exact, errors are counted in ulps, verdicts on both sides of each bound."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from claims_support import design_of, verdicts
from sharing_support import observe

from perflab.experiments import _families, accuracy
from perflab.experiments._families import Family, family
from perflab.experiments.accuracy import COMPENSATED, CONDITIONS, FSUM, OURS, PAIRWISE, REPRODUCIBLE
from perflab.kernels import sums
from perflab.model import Case, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
ALWAYS = {"worst_ulps", "mean_ulps", "wrong_bits", "wall_ns"}


def test_each_case_is_observed_and_leaves_nothing() -> None:
    """Errors and a time of every method; what comes of parts where a method can join them."""
    cases = design_of("accuracy").cases
    observed = observe("accuracy", cases)
    assert len(observed) == len(cases) == 30
    for case in cases:
        seen: dict[str, Any] = dict(observed[case.id])
        joined = {"by_parts"} if case.implementation in (OURS, REPRODUCIBLE) else set()
        assert set(seen) == ALWAYS | joined, case
        assert 0 <= seen["mean_ulps"] <= seen["worst_ulps"], case
        assert seen["wrong_bits"] == pytest.approx(math.log2(1 + seen["worst_ulps"]))
        assert seen["wall_ns"] > 0


@pytest.mark.parametrize("condition", CONDITIONS)
def test_exact_sums_are_exact(condition: int) -> None:
    """By fractions, whatever cancels; and the condition number is met to within a factor of two."""
    known = family(condition, 3)
    for vector, exact in list(zip(known.vectors, known.sums, strict=True))[::40]:
        numbers = [Fraction(number) for number in vector.tolist()]
        assert sum(numbers) == Fraction(exact, _families.UNIT)
        found = sum(map(abs, numbers)) / abs(sum(numbers))
        assert condition / 2 <= found <= condition * 2


def test_vectors_are_given_from_several_places_on() -> None:
    """The same numbers again, beginning elsewhere: other vectors with the same sums."""
    known, vectors = family(10**4, 3), _families.VECTORS
    first, *turned = (known.vectors[number].tolist() for number in range(0, len(known.vectors), vectors))
    assert len(turned) == len(_families.TURNS) - 1
    assert all(sorted(one) == sorted(first) and one != first for one in turned)


def test_families_follow_their_seed() -> None:
    """The same again for one seed, others for another."""
    one, again, other = (family(10**4, seed).sums for seed in (1, 1, 2))
    assert one == again != other


def test_errors_are_counted_from_the_exact_sum() -> None:
    """In ulps of it, with what the nearest float leaves out."""
    exact = 3 * 2**60 + 1  # between two floats
    nearest = 3.0 * 2**60 / _families.UNIT
    ulp = math.ulp(nearest)
    rest = Fraction(1, _families.UNIT) / Fraction(ulp)
    found = Family([None] * 3, [exact] * 3).errors([nearest, nearest + ulp, nearest - 4 * ulp])
    assert found == [pytest.approx(float(error)) for error in (rest, 1 - rest, 4 + rest)]
    assert found[0] > 0


def test_a_sum_that_errs_more_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that leaves out its last number is off by many units."""
    right = sums.sum_compensated
    monkeypatch.setattr(sums, "sum_compensated", lambda vector: right(vector[:-1]))
    case = next(case for case in design_of("accuracy").cases if case.implementation == COMPENSATED)
    probe = accuracy.probe(case)
    assert next(probe)(1)["worst_ulps"] > 1000  # type: ignore[operator]
    probe.close()  # type: ignore[attr-defined]


def test_a_merge_that_depends_on_order_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Partial sums that are dropped, or rounded on the way, come to other bits."""
    monkeypatch.setattr(sums, "reproducible_merge", lambda one, other: other)
    case = next(case for case in design_of("accuracy").cases if case.implementation == REPRODUCIBLE)
    probe = accuracy.probe(case)
    assert next(probe)(1)["by_parts"] == accuracy.OTHER
    probe.close()  # type: ignore[attr-defined]


def seen(**changed: Any) -> dict[tuple[Case, str], Any]:
    """What confirms all claims, but for what is ``changed`` at a condition of 1e8, by method and quantity."""
    found: dict[tuple[Case, str], Any] = {}
    methods = {"numpy": PAIRWISE, "ours": OURS, "compensated": COMPENSATED, "reproducible": REPRODUCIBLE, "fsum": FSUM}
    values: dict[str, Any] = {
        "numpy_worst_ulps": 1e6,
        "numpy_mean_ulps": 1e5,
        "ours_mean_ulps": 0.9e5,
        "ours_by_parts": accuracy.OTHER,
        "compensated_worst_ulps": 0.5,
        "compensated_wall_ns": 500.0,
        "reproducible_by_parts": accuracy.SAME,
        "fsum_wall_ns": 20_000.0,
    }
    for condition in CONDITIONS:
        for name, value in values.items():
            method, _, quantity = name.partition("_")
            case = Case("known_sums", methods[method], size=2000, params=(("condition", condition),))
            found[case, quantity] = changed.get(name, value) if condition == 10**8 else value
    return found


@pytest.mark.parametrize(
    ("claim", "changed", "verdict"),
    [
        ("accuracy-compensated", {}, CONFIRMED),
        ("accuracy-compensated", {"compensated_worst_ulps": 1.5}, REFUTED),
        ("accuracy-compensated", {"compensated_worst_ulps": [0.5, 1.5] * 3}, UNRESOLVED),
        ("accuracy-compensated", {"numpy_worst_ulps": 0.6}, UNRESOLVED),
        ("accuracy-pairwise", {}, CONFIRMED),
        ("accuracy-pairwise", {"ours_mean_ulps": 1.2e5}, REFUTED),
        ("accuracy-pairwise", {"ours_mean_ulps": [1.0e5, 1.2e5] * 3}, UNRESOLVED),
        ("accuracy-reproducible", {}, CONFIRMED),
        ("accuracy-reproducible", {"reproducible_by_parts": accuracy.OTHER}, REFUTED),
        ("accuracy-reproducible", {"reproducible_by_parts": [accuracy.SAME, accuracy.OTHER] * 3}, UNRESOLVED),
        ("accuracy-reproducible", {"ours_by_parts": accuracy.SAME}, UNRESOLVED),
        ("accuracy-fsum", {}, CONFIRMED),
        ("accuracy-fsum", {"fsum_wall_ns": 4000.0}, REFUTED),
        ("accuracy-fsum", {"fsum_wall_ns": [4000.0, 6000.0] * 3}, UNRESOLVED),
    ],
)
def test_both_sides_of_each_bound(claim: str, changed: dict[str, Any], verdict: Verdict) -> None:
    """One condition number at which it does not hold refutes what is said of all."""
    assert verdicts("accuracy", seen(**changed))[claim].verdict is verdict
