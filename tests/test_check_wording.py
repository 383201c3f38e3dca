"""The words of the check: sentences, annotations and the summary of a job."""

from __future__ import annotations

import pytest

from perflab.check import wording
from perflab.check.findings import Finding, Outcome, Status


def finding(status: Status, name: str = "scales", reason: str = "because") -> Finding:
    return Finding(status, "gil", name, "confirmed", "is refuted", reason, name)


def test_counts_come_first() -> None:
    """Then what is wrong, the worst first, each with its command; then the names of the rest."""
    outcome = Outcome(
        (finding(Status.AS_EXPECTED, "good"), finding(Status.UNRESOLVED, "open"), finding(Status.AGAINST)),
        None,
        ("busy",),
    )
    assert list(wording.lines(outcome, "RUN")) == [
        "3 expectations: 1 against, 1 unresolved, 1 as expected",
        "against: gil: scales was expected confirmed and is refuted: because; "
        "run perflab show RUN --claim scales for the evidence",
        "unresolved: gil: open was expected confirmed and is refuted: because; "
        "run perflab show RUN --claim open for the evidence",
        "as expected: good",
        "note: busy",
    ]


def test_counts_beside_a_baseline() -> None:
    """Expectations and ratios are counted apart; without expectations only the ratios are."""
    worse = (finding(Status.AGAINST), finding(Status.AS_EXPECTED))
    assert wording.counts(Outcome((finding(Status.AS_EXPECTED),), worse)) == (
        "1 expectation: 1 as expected; 2 ratios: 1 worse, 1 no worse than in the baseline"
    )
    assert wording.counts(Outcome((), worse)) == "2 ratios: 1 worse, 1 no worse than in the baseline"


def test_annotations_are_few_and_escaped() -> None:
    """Ten at most; a percent sign and line breaks cannot end the command; unresolved ones count if strict."""
    outcome = Outcome(tuple(finding(Status.AGAINST, reason="95 % of\r\nit\x0b::error::") for _ in range(30)))
    told = list(wording.error_annotations(outcome, "reports/100%\n::error", strict=False))
    assert len(told) == 10
    assert all(line.startswith("::error title=perflab check::gil: scales") for line in told)
    assert all("95 %25 of" in line and "100%25%0A" in line and "\n" not in line for line in told)
    unresolved = Outcome((finding(Status.UNRESOLVED), finding(Status.FAILED, "bad"), finding(Status.AS_EXPECTED)))
    assert len(list(wording.error_annotations(unresolved, "RUN", strict=False))) == 1
    first, second = wording.error_annotations(unresolved, "RUN", strict=True)
    assert ("bad" in first, "scales" in second) == (True, True)


def test_the_summary_is_markdown_with_the_counts_first() -> None:
    """What is wrong in full, the rest folded, nothing that means something to Markdown or HTML."""
    outcome = Outcome((finding(Status.AGAINST, reason="<b>|*x*"), finding(Status.AS_EXPECTED, "good")), None, ("busy",))
    text = wording.summary(outcome, "RUN")
    assert text.splitlines()[0] == "**perflab check**: 2 expectations: 1 against, 1 as expected"
    assert r"- **against** gil: scales was expected confirmed and is refuted: &lt;b&gt;\|\*x\*; run" in text
    assert text.index("<details>") < text.index("good") < text.index("</details>")
    assert "- note: busy" in text


@pytest.mark.parametrize("status", [Status.AGAINST, Status.AS_EXPECTED])
def test_the_summary_never_exceeds_its_room(status: Status) -> None:
    """Thousands of findings are cut at a line, and it says how many are missing."""
    outcome = Outcome(tuple(finding(status, f"claim-{number}", "×" * 100) for number in range(9000)))
    text = wording.summary(outcome, "RUN")
    assert 800_000 < len(text.encode()) <= wording.SUMMARY_BYTES
    assert "more lines" in text
    assert text.startswith("**perflab check**: 9000 expectations")
    assert text.count("<details>") == text.count("</details>") == (status is Status.AS_EXPECTED)
    assert len(wording.summary(outcome, "RUN", 1000).encode()) <= 1000
    mixed = Outcome((*outcome.expected, finding(Status.AS_EXPECTED)))
    assert wording.summary(mixed, "RUN").count("details>") == 2 * (status is Status.AS_EXPECTED)
