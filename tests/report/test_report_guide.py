"""The map of ways: who is best, who cannot be told from it, and what is said of both."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perflab.model import Analysis, Case, Choice, Estimand, Estimate, Experiment, Guide, Quantity, Verdict
from perflab.report import html, markdown
from perflab.report.compose import compose
from perflab.report.content import Content, Guidance
from perflab.report.estimates import estimator
from perflab.report.guide import guidance

WAYS = tuple((name, Case(strategy=name)) for name in ("plain", "threads", "pool", "manager"))
KNOWN = {"time_ns": Quantity("time_ns", "ns", "time"), "pss_bytes": Quantity("pss_bytes", "bytes", "memory")}


def told(
    times: dict[str, float], memory: dict[str, float], spread: float = 0.05, choice: Choice | None = None
) -> Guidance | None:
    """The map of one kind of work whose ways showed this, every ratio within ± spread."""

    def ask(case: Case, control: Case | None, quantity: str, estimand: Estimand) -> Estimate:
        levels = times if quantity == "time_ns" else memory
        if case.strategy not in levels:
            return Estimate(None, None, None)
        value = levels[case.strategy] / (levels[control.strategy] if control else 1)
        assert (control is None) == (estimand is Estimand.LEVEL)
        return Estimate(value, value * (1 - spread), value * (1 + spread), (value,) * 6)

    guide = Guide("Which", (choice or Choice("work", WAYS),), "time_ns", ("pss_bytes",))
    return guidance(guide, "e", ask, KNOWN.__getitem__, ())


def words(*given: object) -> str:
    found = told(*given)  # type: ignore[arg-type]
    assert found is not None
    return found.advice[0].words


def test_the_best_is_named_and_the_others_by_how_much_longer_they_take() -> None:
    """In the order of what they take, whatever the order of the columns."""
    said = words({"plain": 20e6, "threads": 21e6, "pool": 10e6, "manager": 200e6}, {})
    assert said == "pool; slower: plain 2.00×, threads 2.10×, manager 20.0×."


def test_what_cannot_be_told_from_the_best_is_named_beside_it() -> None:
    """An interval that reaches 1 is no difference; of equals the cheapest is named where that is sure."""
    said = words({"plain": 20e6, "threads": 10.2e6, "pool": 10e6}, {"plain": 1e6, "threads": 1e6, "pool": 8e6})
    assert said == (
        "pool or threads (this run cannot tell them apart; the least memory with threads, 8.00× with pool); "
        "slower: plain 2.00×."
    )


def test_equals_in_memory_too_are_only_equals() -> None:
    """Nobody is recommended by a difference that is none, or hardly one; three equals are listed."""
    said = words({"threads": 10.2e6, "pool": 10e6}, {"threads": 1e6, "pool": 1.12e6})
    assert said == "pool or threads (this run cannot tell them apart)."
    assert words({"plain": 10.1e6, "threads": 10.2e6, "pool": 10e6}, {}).startswith("pool, plain or threads (")


def test_a_cell_says_what_the_best_takes_and_the_ratio_of_the_others() -> None:
    """With intervals; what was not measured, or cannot be, has a dash."""
    found = told({"plain": 20e6, "threads": 10.2e6, "pool": 10e6}, {"pool": 8e6})
    assert found is not None
    time, memory = found.charts
    assert time.head == ("work", "plain", "threads", "pool", "manager")
    assert time.rows == (("work", "2.00×\n(1.90–2.10×)", "≈ 1.02×\n(0.969–1.07×)", "1 (10.0 ms)", "–"),)
    assert memory.rows == (("work", "–", "–", "1 (7.63 MiB)", "–"),)


def test_without_an_interval_nothing_is_worse() -> None:
    """A few blocks tell no way from another."""

    def ask(case: Case, control: Case | None, quantity: str, estimand: Estimand) -> Estimate:
        return Estimate({"plain": 9.0}.get(case.strategy, 1.0), None, None, (1.0,))

    found = guidance(Guide("Which", (Choice("work", WAYS[:2]),), "time_ns"), "e", ask, KNOWN.__getitem__, ())
    assert found is not None and found.advice[0].words.startswith("threads or plain (this run cannot tell")


def test_nothing_measured_is_no_map() -> None:
    """A run of other experiments has no such section."""
    assert told({}, {}) is None


@pytest.fixture(scope="module")
def content(analysis: Analysis, experiments: dict[str, Experiment]) -> Content:
    return compose(analysis, estimator(analysis, experiments), experiments)


def test_the_map_stands_at_the_head_of_both_reports(content: Content) -> None:
    """Before the machine, with the verdict of the claim behind each sentence; what was not measured has no chart."""
    text, page = markdown.write(content), shown(content)
    for said, machine in ((text, "## The machine"), (page, "The machine</h2>")):
        assert said.index("this run cannot tell") < said.index(machine)
        assert "The same by other measures" not in said
    assert "- **a loop**: Pool, fork or Pool, spawn (this run cannot tell them apart); slower:" in text
    assert "✔ confirmed, S02: Processes run in parallel on several cores." in text
    assert 'href="#claim-s02"' in page[: page.index("The machine</h2>")]


@pytest.mark.parametrize(
    ("verdict", "settled"),
    [
        (Verdict.CONFIRMED, True),
        (Verdict.REFUTED, True),
        (Verdict.UNRESOLVED, False),
        (Verdict.FAILED, False),
        (Verdict.NOT_APPLICABLE, False),
    ],
)
def test_what_is_not_settled_is_no_advice(content: Content, verdict: Verdict, settled: bool) -> None:
    """Only a claim that came to an end, either way, lets its sentence stand for itself."""
    claim = replace(next(answer for answer in content.answers if answer.id == "S02"), verdict=verdict)
    ask = lambda case, control, quantity, estimand: Estimate(1.0, 1.0, 1.0, (1.0,))  # noqa: E731
    guide = Guide("Which", (Choice("work", WAYS[:1], "S02"),), "time_ns")
    found = guidance(guide, "e", ask, KNOWN.__getitem__, [claim])
    assert found is not None and found.advice[0].claim == claim
    assert found.advice[0].words == ("plain." if settled else "not settled by this run; as measured: plain.")


def test_other_measures_are_folded_below_the_first(content: Content) -> None:
    """One chart is enough at first sight; the others open on request."""
    (found,) = content.guidance
    twice = replace(content, guidance=(replace(found, charts=found.charts * 3),))
    for said in (markdown.write(twice), shown(twice)):
        assert said.count("The same by other measures") == 1
        assert said.count(found.charts[0].caption) == 3
        head = said[: said.index("The same by other measures")]
        assert head.count(found.charts[0].caption) == 1
        assert said[len(head) : said.index("chine", len(head))].count("</details>") == 1


def shown(content: Content) -> str:
    """The page, with figures left out."""
    return html.write(content, {one.stem: "<svg></svg>" for part in content.sections for one in part.drawings})


def test_a_report_without_a_map_has_no_section_for_it(content: Content) -> None:
    """No empty heading."""
    bare = replace(content, guidance=())
    assert "Which way" not in markdown.write(bare)
