"""The report as Markdown, its first lines fit for the summary of a job."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from perflab.report.content import (
    Advice,
    Answer,
    Chart,
    ClauseRow,
    Content,
    Drawing,
    FailedCase,
    Guidance,
    Section,
    limited,
)
from perflab.report.wording import plural

MOST_BYTES = 900_000
"""A summary above 1 MiB is dropped whole by the service that shows it."""

_LIMITS = ((10**9, 10**9), (400, 4000), (100, 2000), (30, 500), (5, 0))
"""(rows of cases a section, characters of detail a failure), tried until the report is small enough."""


def write(content: Content, most_bytes: int = MOST_BYTES) -> str:
    """The report; where it would be too large, with fewer rows of cases, and saying so."""
    for rows, detail in _LIMITS:
        text = "\n".join(_lines(limited(content, rows, detail))) + "\n"
        if len(text.encode()) <= most_bytes:
            return text
    return text.encode()[: most_bytes - 80].decode(errors="ignore") + "\n\nThe rest stands in report.html.\n"


def escape(text: object) -> str:
    """Text that stays text in a paragraph and in a cell of a table."""
    flat = " ".join(str(text).split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", flat)


def fence(text: str) -> list[str]:
    """A block of code that its own content cannot end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return [f"{ticks}text", *text.rstrip().splitlines(), ticks]


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """A table; the columns of ``right`` are aligned right."""
    rules = ["--:" if column in right else "---" for column in range(len(head))]
    cells = [[escape(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in (head, rules, *cells)]


def _lines(content: Content) -> Iterator[str]:
    yield from (f"**{escape(content.counts)}**", "", "# What this machine says", "", escape(content.colophon), "")
    for guidance in content.guidance:
        yield from _guidance(guidance)
    yield from ("## The machine", "")
    yield from (*table(("what", "is"), content.chief), "")
    yield from (f"- {escape(sentence)}" for sentence in content.quiet)
    yield from (f"- ⚠ {escape(warning)}" for warning in content.warnings)
    yield from ("", "<details><summary>Everything stored of the circumstances</summary>", "")
    yield from (*table(("what", "is"), content.machine), "", "</details>", "", "## The answers", "")
    yield from _answers(content.answers)
    if content.notable:
        yield from ("", "## Notable figures", "", *(f"- {escape(sentence)}" for sentence in content.notable))
    for section in content.sections:
        yield from _section(section)
    yield from ("", "## How the time was spent", "")
    yield from table(("on", "seconds", "of the wall time"), content.spent, right=(1, 2))


def _guidance(guidance: Guidance) -> Iterator[str]:
    yield from (f"## {escape(guidance.title)}", "")
    yield from (_advice(one) for one in guidance.advice)
    first, *others = guidance.charts
    yield from ("", *_chart(first), "")
    if others:
        yield from ("<details><summary>The same by other measures</summary>", "")
        for chart in others:
            yield from (*_chart(chart), "")
        yield from ("</details>", "")


def _advice(one: Advice) -> str:
    told = (
        f" {one.claim.badge}, {escape(one.claim.id)}: {escape(one.claim.sentence.rstrip('. '))}." if one.claim else ""
    )
    return f"- **{escape(one.work)}**: {escape(one.words)}{told}"


def _chart(chart: Chart) -> list[str]:
    return [f"*{escape(chart.caption)}*", "", *table([escape(name) for name in chart.head], chart.rows)]


def _answers(answers: Sequence[Answer]) -> list[str]:
    rows = [(answer.id, answer.sentence, answer.badge, answer.value, answer.interval) for answer in answers]
    return table(("claim", "sentence", "verdict", "value", "interval"), rows, right=(3, 4)) if rows else ["None."]


def _section(section: Section) -> Iterator[str]:
    yield from ("", f"## {escape(section.name)}", "")
    if section.question:
        yield from (f"*{escape(section.question)}*", "")
    yield from (f"> {escape(note)}" for note in section.notes)
    for drawing in section.drawings:
        yield from _drawing(drawing)
    for answer in section.answers:
        yield from _verdict(answer)
    for title, text in (("How it was measured", section.how), ("What the numbers do not say", section.limits)):
        if text:
            yield from ("", f"**{title}.** {escape(text)}")
    yield from _cases(section)
    for failed in section.failures:
        yield from _failure(failed)


def _drawing(drawing: Drawing) -> list[str]:
    notes = [line for note in drawing.notes for line in (f"{escape(note)}", "")]
    return ["", f"![{escape(drawing.alt)}](figures/{drawing.stem}.svg)", "", *notes]


def _verdict(answer: Answer) -> Iterator[str]:
    value = "" if answer.value == answer.interval else f" {escape(answer.value)} ({escape(answer.interval)})."
    yield from ("", f"**{answer.badge}: {escape(answer.id)}** {escape(answer.sentence.rstrip('. '))}.{value}")
    if answer.conditions:
        yield from ("", f"Conditions: {escape(answer.conditions)}")
    if answer.reason:
        yield from ("", f"Why: {escape(answer.reason)}")
    if answer.clauses:
        head = ("clause", "its part", "demanded", "measured", "interval", "")
        yield from ("", *table(head, map(_clause, answer.clauses), right=(3, 4)))


def _clause(row: ClauseRow) -> tuple[str, ...]:
    return row.words, row.role, row.demand, row.value, row.interval, row.held


def _cases(section: Section) -> Iterator[str]:
    if not section.cases:
        return
    head = ("case", "quantity", "median", "interval", "blocks", "against the control", "control")
    rows = [(r.case, r.quantity, r.median, r.interval, r.blocks, r.ratio, r.control) for r in section.cases]
    yield from ("", f"<details><summary>All cases of {escape(section.name)} ({plural(len(rows), 'row')})</summary>", "")
    yield from (*table(head, rows, right=(2, 3, 4, 5)), "", "</details>")


def _failure(failed: FailedCase) -> Iterator[str]:
    yield from ("", f"**! {escape(failed.kind)}:** {escape(failed.case)}: {escape(failed.message)}")
    if failed.detail.strip():
        yield from ("", *fence(failed.detail))
