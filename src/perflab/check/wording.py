"""Say what a check found: lines for a terminal, Markdown for a job's summary, annotations, JSON."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from typing import Any

from perflab.check.findings import Finding, Outcome, Status

SCHEMA = "perflab.check/1"
MOST_ANNOTATIONS = 10
MOST_LETTERS = 4_000
SUMMARY_BYTES = 900_000
LEAST_BYTES = 1_000
"""A summary of more than 1 MiB is dropped as a whole; one of less than this could not say what was found."""

WORDS = {
    Status.AGAINST: "against",
    Status.FAILED: "failed",
    Status.UNRESOLVED: "unresolved",
    Status.AS_EXPECTED: "as expected",
}
SINCE = {**WORDS, Status.AGAINST: "worse", Status.AS_EXPECTED: "no worse"}
"""The same for ratios beside a baseline."""


def counts(outcome: Outcome) -> str:
    """The first line of everything: how many expectations fared how, and how many ratios beside the baseline."""
    parts = [_count(outcome.expected, "expectation", WORDS)] if outcome.expected or outcome.baseline is None else []
    if outcome.baseline is not None:
        parts.append(_count(outcome.baseline, "ratio", SINCE) + " than in the baseline")
    return "; ".join(parts)


def lines(outcome: Outcome, run: str) -> Iterator[str]:
    """For a terminal: the counts, a sentence for whatever is not as expected, the names of the rest, the notes."""
    yield counts(outcome)
    for status in (Status.AGAINST, Status.FAILED, Status.UNRESOLVED):
        for finding in outcome.of(status):
            yield f"{WORDS[status]}: {finding.sentence}{hint(finding, run)}"
    met = dict.fromkeys(one.name for one in outcome.expected if one.status is Status.AS_EXPECTED)
    if met:
        yield f"as expected: {', '.join(met)}"
    yield from (f"note: {note}" for note in outcome.notes)


def hint(finding: Finding, run: str) -> str:
    """The command that shows the evidence; empty where there is no claim to show."""
    return f"; run perflab show {run} --claim {finding.claim} for the evidence" if finding.claim else ""


def summary(outcome: Outcome, run: str, most_bytes: int = SUMMARY_BYTES) -> str:
    """Markdown whose first line is the counts: what went wrong in full, the rest folded, cut to ``most_bytes``."""
    heads = [f"**perflab check**: {escaped(counts(outcome))}", ""]
    for status in (Status.AGAINST, Status.FAILED, Status.UNRESOLVED):
        heads += [f"- **{WORDS[status]}** {_item(one, run)}" for one in outcome.of(status)]
    heads += [f"- note: {escaped(note)}" for note in outcome.notes]
    met = [f"- {_item(one, '')}" for one in outcome.of(Status.AS_EXPECTED)]
    if not met:
        return "\n".join(_cut(heads, most_bytes)) + "\n"
    opening, closing = ["", "<details><summary>as expected</summary>", ""], ["", "</details>"]
    room = most_bytes - len("\n".join((*opening, *closing, "")).encode())
    kept = _cut([*heads, *opening, *met], room)
    folded = opening[1] in kept
    return "\n".join((*kept, *(closing if folded else ()))) + "\n"


def error_annotations(outcome: Outcome, run: str, strict: bool) -> Iterator[str]:
    """Error annotations for a GitHub job, at most ten: whatever makes the check fail, the worst first."""
    failing = (Status.AGAINST, Status.FAILED, *((Status.UNRESOLVED,) if strict else ()))
    wrong = [finding for status in failing for finding in outcome.of(status)]
    for finding in wrong[:MOST_ANNOTATIONS]:
        yield annotation("error", "perflab check", finding.sentence + hint(finding, run))


def annotation(kind: str, title: str, text: str) -> str:
    """A workflow command that shows the text, or its beginning, beside a job.

    A line break or a bare % in it would end or change the command, hence both are escaped.
    """
    kept = text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"
    return f"::{kind} title={title}::" + kept.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def to_json(outcome: Outcome, strict: bool, exit_status: int) -> dict[str, Any]:
    """The document of ``check --json``."""
    return {
        "schema": SCHEMA,
        "strict": strict,
        "exit": exit_status,
        "counts": {str(status): len(outcome.of(status)) for status in Status},
        "findings": [one.to_json() for one in outcome.expected],
        "baseline": None if outcome.baseline is None else [one.to_json() for one in outcome.baseline],
        "notes": list(outcome.notes),
    }


def escaped(text: str) -> str:
    """A text in which Markdown and HTML mean nothing."""
    return re.sub(r"([\\`*\[\]|])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


def _count(findings: Iterable[Finding], noun: str, words: dict[Status, str]) -> str:
    statuses = [one.status for one in findings]
    told = [f"{statuses.count(status)} {word}" for status, word in words.items() if status in statuses]
    total = f"{len(statuses)} {noun}{'' if len(statuses) == 1 else 's'}"
    return f"{total}: {', '.join(told)}" if told else total


def _item(finding: Finding, run: str) -> str:
    return escaped(finding.sentence + (hint(finding, run) if run else ""))


def _cut(rows: list[str], most_bytes: int) -> list[str]:
    """The first rows that fit, and a last one that says how many were left out."""
    if len("\n".join((*rows, "")).encode()) <= most_bytes:
        return rows
    notice = "- … {} more lines; 'perflab check' prints them all"
    room, kept = most_bytes - len(notice.encode()) - 20, 0
    for row in rows:
        room -= len(row.encode()) + 1
        if room < 0:
            break
        kept += 1
    return [*rows[:kept], notice.format(len(rows) - kept)]
