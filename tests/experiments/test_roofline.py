"""roofline: every way adds up what it should, a wrong sum goes red, verdicts on both sides of each bound."""

from __future__ import annotations

from typing import Any

import pytest
from claims_support import design_of, verdicts
from sharing_support import observe

from perflab.errors import WrongAnswer
from perflab.experiments import roofline
from perflab.experiments._roofline_claims import (
    COMPENSATED,
    KIB,
    LOADS,
    LOADS_BY_ALL,
    MIB,
    NUMPY,
    OURS,
    PARALLEL,
    REPRODUCIBLE,
    adding,
    case_of,
)
from perflab.experiments._vectors import filled
from perflab.kernels import limits, sums
from perflab.model import Case, Settings, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
SIZES = {"l1": 32 * KIB, "mib": MIB, "large": 32 * MIB}


def test_each_case_is_timed_and_leaves_nothing() -> None:
    """Every case of the quick plan observes bytes in a second, and nothing else."""
    cases = design_of("roofline").cases
    observed = observe("roofline", cases)
    assert len(observed) == len(cases) == 28
    for case, seen in observed.items():
        assert set(seen) == {"bandwidth"}, case
        assert seen["bandwidth"] > 0, case  # type: ignore[operator]


@pytest.mark.parametrize("size", [8, 24, 4096, 2**20, 2**20 + 8, 3 * 2**20 + 4096])
def test_a_vector_is_its_pattern_over_and_over(size: int) -> None:
    """Every word of it, also where the size is no multiple of what is written at once."""
    found = filled("q", size, [1, 2, 3])[: size // 8]
    assert len(found) == size // 8
    whole = [1, 2, 3] * (2**20 // 24 + 1)
    step = 2**20 // 8
    expected = [whole[n % step] for n in range(size // 8)]
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("module", "function", "way"),
    [
        (sums, "sum_float64", OURS),
        (sums, "sum_compensated", COMPENSATED),
        (sums, "sum_reproducible", REPRODUCIBLE),
        (sums, "sum_parallel", PARALLEL),
        (limits, "load_only", LOADS),
        (limits, "load_only_nogil", LOADS_BY_ALL),
    ],
)
def test_a_wrong_sum_is_not_timed(module: Any, function: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is off by one bit of the last number is found, whichever way it was added up."""
    right = getattr(module, function)
    monkeypatch.setattr(module, function, lambda vector, *given: right(vector[:-1], *given))
    probe = roofline.probe(case_of(way, 32 * KIB, 2 if way in (PARALLEL, LOADS_BY_ALL) else 0))
    with pytest.raises(WrongAnswer, match="expected"):
        next(probe)(1)
    probe.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("of", ["int64", "float32"])
def test_other_types_are_checked_too(of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their sums are those of the same numbers."""
    monkeypatch.setattr(sums, f"sum_{of}", lambda vector: 1)
    probe = roofline.probe(case_of(OURS, 32 * KIB, of=of))
    with pytest.raises(WrongAnswer, match="answered 1, expected"):
        next(probe)(1)
    probe.close()  # type: ignore[attr-defined]


def test_bytes_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """All bytes of all calls, over the ns that they took."""
    ticks = iter([0, 0, 0, 1000])
    probe = roofline.probe(case_of(OURS, 32 * KIB))
    sample = next(probe)
    monkeypatch.setattr(roofline, "monotonic_ns", lambda: next(ticks))
    monkeypatch.setattr(roofline, "READ_BYTES", 0)
    with pytest.raises(ZeroDivisionError):
        sample(1)
    assert sample(1)["bandwidth"] == pytest.approx(roofline.READ_BYTES / 1000 or 32 * MIB / 1000)
    probe.close()  # type: ignore[attr-defined]


def seen(**changed: Any) -> dict[tuple[Case, str], Any]:
    """GB/s that confirm all claims, but for those that are ``changed``, by way and size."""
    ways = {
        "ours": (OURS, 0, 95.0),
        "numpy": (NUMPY, 0, 30.0),
        "loads": (LOADS, 0, 100.0),
        "compensated": (COMPENSATED, 0, 40.0),
        "parallel": (PARALLEL, 2, 96.0),
    }
    found: dict[tuple[Case, str], Any] = {
        (case_of(way, size, workers), "bandwidth"): changed.get(f"{name}_{at}", value)
        for name, (way, workers, value) in ways.items()
        for at, size in SIZES.items()
    }
    for of in ("int64", "float32"):
        for at in ("l1", "mib"):
            found[case_of(NUMPY, SIZES[at], of=of), "bandwidth"] = 30.0
            found[case_of(OURS, SIZES[at], of=of), "bandwidth"] = changed.get(f"{of}_{at}", 90.0)
    return found | {(adding(), "bandwidth"): 200.0}


def astride(value: float) -> list[float]:
    """A value for each block, so that any interval of their median lies astride it."""
    return [value * factor for factor in (0.8, 1.25) * 3]


@pytest.mark.parametrize(
    ("claim", "changed", "verdict"),
    [
        ("roofline-numpy-small", {}, CONFIRMED),
        ("roofline-numpy-small", {"numpy_l1": 33.0}, REFUTED),
        ("roofline-numpy-small", {"numpy_l1": astride(31.6)}, UNRESOLVED),
        ("roofline-numpy-middle", {}, CONFIRMED),
        ("roofline-numpy-middle", {"numpy_mib": 55.0}, REFUTED),
        ("roofline-numpy-large", {}, CONFIRMED),
        ("roofline-numpy-large", {"numpy_large": 40.0}, REFUTED),
        ("roofline-limit", {}, CONFIRMED),
        ("roofline-limit", {"loads_large": 110.0}, REFUTED),
        ("roofline-limit", {"loads_mib": astride(105.0)}, UNRESOLVED),
        ("roofline-limit-l1", {}, CONFIRMED),
        ("roofline-limit-l1", {"loads_l1": 140.0}, REFUTED),
        ("roofline-compensated", {}, CONFIRMED),
        ("roofline-compensated", {"compensated_l1": 29.0}, REFUTED),
        ("roofline-compensated", {"compensated_mib": astride(30.0)}, UNRESOLVED),
        ("roofline-int64", {}, CONFIRMED),
        ("roofline-int64", {"int64_l1": 40.0}, REFUTED),
        ("roofline-float32", {}, CONFIRMED),
        ("roofline-float32", {"float32_mib": 50.0}, REFUTED),
        ("roofline-parallel", {}, CONFIRMED),
        ("roofline-parallel", {"parallel_l1": 85.0}, REFUTED),
        ("roofline-parallel", {"parallel_large": astride(90.25)}, UNRESOLVED),
    ],
)
def test_both_sides_of_each_bound(claim: str, changed: dict[str, Any], verdict: Verdict) -> None:
    """One size that is too slow refutes what is said of several."""
    assert verdicts("roofline", seen(**changed))[claim].verdict is verdict


def test_sizes_by_plan() -> None:
    """Three in the quick plan, up to 128 MiB by default and 512 MiB in the full one, where memory is judged too."""

    def sizes(plan: str) -> list[int]:
        return sorted({case.size for case in roofline.design(Settings(plan)).cases} - {0})

    assert sizes("quick") == sorted(SIZES.values())
    assert (sizes("default")[0], sizes("default")[-1], len(sizes("default"))) == (4 * KIB, 128 * MIB, 8)
    assert sizes("full")[-1] == 512 * MIB
    judged = {plan: {claim.id for claim in roofline.design(Settings(plan)).claims} for plan in ("quick", "default")}
    single = {group.name for group in roofline.design(Settings("default")).groups if group.single}
    assert single == {"128 MiB on one thread", "128 MiB on all cores"}
    assert judged["default"] - judged["quick"] == {"roofline-numpy-memory"}
