"""What is followed from run to run: ratios for GitHub and Bencher, under names that last."""

from __future__ import annotations

from dataclasses import replace

import fastjsonschema
import pytest

from export_support import ONE, TWO, doubling, exported, strict
from perflab.errors import BadInput
from perflab.model import Arm, Quantity
from perflab.testing import merged_blocks, scripted_blocks, scripted_experiment

SPEEDUP = Quantity("speedup", "x", "how many times faster", of="wall_ns", inverse=True)

BMF_SCHEMA = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": "^[a-z0-9-]{1,64}$"},
        "additionalProperties": {
            "type": "object",
            "properties": {name: {"type": "number"} for name in ("value", "lower_value", "upper_value")},
            "required": ["value"],
            "additionalProperties": False,
        },
    },
}


def test_github_action_gets_ratios_and_never_seconds() -> None:
    """One entry for each cost of a case with a control, with interval and verdict; a slower runner changes nothing."""
    text = exported("github-action", doubling())
    (entry,) = strict(text)
    assert sorted(entry) == ["extra", "name", "range", "unit", "value"]
    assert (entry["name"], entry["unit"]) == ("trial wall_ns: sum/python/threads/w2 against sum/python/serial", "ratio")
    assert entry["value"] == pytest.approx(2.0)
    assert "2.00–2.00×" in entry["range"]
    assert "median of 6 blocks\nslower: confirmed" in entry["extra"]
    slower = strict(exported("github-action", doubling(scale=7.0)))
    assert slower[0]["value"] == pytest.approx(entry["value"])
    assert {**slower[0], "value": 0} == {**entry, "value": 0}


@pytest.mark.parametrize("format", ["github-action", "bmf"])
def test_names_outlive_the_calibration_of_sizes(format: str) -> None:
    """Other sizes in the next run, the same names for what is followed."""
    one, two = (replace(case, size=123456) for case in (ONE, TWO))
    documents = [
        strict(exported(format, doubling())),
        strict(exported(format, doubling(one, two), Arm(one), Arm(two, one))),
    ]
    if format == "github-action":
        first, second = ([entry["name"] for entry in document] for document in documents)
        assert first == second
    else:
        first, second = (
            sorted(name for name, found in document.items() if "wall-ns-ratio" in found) for document in documents
        )
        assert first == second == ["trial/sum/python/threads/w2"]


def test_cases_that_differ_by_size_alone_keep_names_of_their_own() -> None:
    """Their rank by size tells them apart, whichever sizes they have."""

    def names(small: int, large: int) -> list[str]:
        pairs = [(replace(ONE, size=size), replace(TWO, size=size)) for size in (large, small)]
        arms = [arm for one, two in pairs for arm in (Arm(one), Arm(two, one))]
        blocks = merged_blocks(*(doubling(one, two) for one, two in pairs))
        return [entry["name"] for entry in strict(exported("github-action", blocks, *arms))]

    found = names(10, 2000)
    assert len(set(found)) == 2
    assert found == names(30, 400)
    assert "threads/w2/size2of2 against sum/python/serial/size2of2" in found[0]


def test_a_speedup_alone_is_turned_over() -> None:
    """Smaller is better: a case that is half as fast stands at 2, and its interval is turned too."""
    first = [1000.0] * 6
    second = [1500.0, 1600.0, 2000.0, 2000.0, 2200.0, 2500.0]
    blocks = scripted_blocks("trial", {ONE: first, TWO: second})
    (entry,) = strict(exported("github-action", blocks, quantities=(SPEEDUP,)))
    assert entry["name"].startswith("trial 1/speedup: ")
    assert entry["value"] == pytest.approx(2.0)
    assert "1.50–2.50×" in entry["range"]


def test_what_would_alarm_by_noise_or_has_no_better_side_is_left_out() -> None:
    """Points have no better side; an interval from 1 to 3 spans more than the action's threshold."""
    points = Quantity("points", "points", "scripted")
    assert "wall_ns" in exported("github-action", doubling())
    scored = scripted_blocks("trial", {ONE: [1.0] * 6, TWO: [2.0] * 6}, "points")
    with pytest.raises(BadInput, match="no ratio of a time or a size"):
        exported("github-action", scored, quantities=(points,))
    vague = scripted_blocks("trial", {ONE: [1.0] * 6, TWO: [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]})
    with pytest.raises(BadInput, match="no ratio of a time or a size"):
        exported("github-action", vague)


def test_ratios_of_a_void_run_are_left_out() -> None:
    """Two copies of the same code that differ by half say that no ratio counts; its own ratio is still shown."""
    twin = replace(ONE, params=(("twin", 1),))
    null = scripted_experiment("null", (Arm(ONE), Arm(twin, ONE)))
    aside = scripted_blocks("null", {ONE: [1000.0] * 6, twin: [1500.0] * 6})
    calm = scripted_blocks("null", {ONE: [1000.0] * 6, twin: [1001.0] * 6})
    names = [
        [
            entry["name"].split()[0]
            for entry in strict(exported("github-action", (*doubling(), *a), known={"null": null}))
        ]
        for a in (calm, aside)
    ]
    assert names == [["trial", "null"], ["null"]]
    assert "trial/sum/python/threads/w2" not in strict(exported("bmf", (*doubling(), *aside), known={"null": null}))
    shown = strict(exported("pytest-benchmark", (*doubling(), *aside), known={"null": null}))["benchmarks"]
    assert [one["extra_info"]["ratio_void"] for one in shown] == [False, True, False, False]


def test_bmf_follows_ratios_without_and_latencies_with_the_size() -> None:
    """The document obeys the published schema; values are the medians and their ends."""
    document = strict(exported("bmf", doubling()))
    fastjsonschema.compile(BMF_SCHEMA)(document)
    assert sorted(document) == [
        "trial/sum/python/serial/n1000",
        "trial/sum/python/threads/w2",
        "trial/sum/python/threads/w2/n1000",
    ]
    assert document["trial/sum/python/serial/n1000"] == {
        "latency": {"value": 1025.0, "lower_value": 1000.0, "upper_value": 1050.0}
    }
    ratios = document["trial/sum/python/threads/w2"]
    assert ratios["wall-ns-ratio"]["value"] == pytest.approx(2.0)
    assert ratios["speedup"]["value"] == pytest.approx(0.5)
    short = strict(exported("bmf", doubling(blocks=2)))
    fastjsonschema.compile(BMF_SCHEMA)(short)
    assert short["trial/sum/python/serial/n1000"] == {"latency": {"value": 1005.0}}
