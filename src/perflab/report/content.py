"""What a report says, in order and without markup: the nouns that Markdown and HTML both show."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from perflab.model import Estimate, Figure, Quantity, Verdict
from perflab.report import wording


@dataclass(frozen=True, slots=True)
class ClauseRow:
    """One clause of an answer, ready to be shown."""

    words: str
    role: str
    demand: str
    value: str
    interval: str
    held: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A claim's end, ready to be shown."""

    id: str
    experiment: str
    anchor: str
    sentence: str
    verdict: Verdict
    value: str
    interval: str
    reason: str
    seed: str
    conditions: str
    clauses: tuple[ClauseRow, ...]

    @property
    def badge(self) -> str:
        """Symbol and word of the verdict."""
        return wording.badge(self.verdict)


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One row of an experiment's table of cases."""

    case: str
    quantity: str
    median: str
    interval: str
    blocks: str
    ratio: str
    control: str


@dataclass(frozen=True, slots=True)
class FailedCase:
    """A case without an answer, and why."""

    case: str
    kind: str
    message: str
    detail: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A declared figure with what its marks measured; ``notes`` says what of it is missing."""

    stem: str
    figure: Figure
    quantity: Quantity
    estimates: tuple[Estimate, ...]
    verdicts: tuple[tuple[str, Verdict, str], ...]
    notes: tuple[str, ...] = ()
    x_unit: str = ""
    borders: tuple[tuple[str, float], ...] = ()
    """Named places along x: the caches, where the figure asks for them."""

    @property
    def unit(self) -> str:
        """The unit of the drawn estimates."""
        return wording.unit_of(self.quantity, self.figure.estimand)

    @property
    def alt(self) -> str:
        """The figure in words: its title, then the verdicts of its claims, then what is missing."""
        told = [f"{name} {wording.word(verdict)}: {sentence}" for name, verdict, sentence in self.verdicts]
        return " ".join(f"{part.rstrip('. ')}." for part in (self.figure.title, *told, *self.notes))

    def undrawable(self, why: str) -> Drawing:
        """The same without its marks: title, verdicts, and why there is nothing to see."""
        marks = replace(self.figure, marks=())
        return replace(self, figure=marks, estimates=(), notes=(f"It cannot be drawn ({why})", *self.notes))


@dataclass(frozen=True, slots=True)
class Section:
    """One experiment."""

    name: str
    anchor: str
    question: str
    drawings: tuple[Drawing, ...]
    answers: tuple[Answer, ...]
    how: str
    limits: str
    cases: tuple[CaseRow, ...]
    failures: tuple[FailedCase, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Advice:
    """What suits one kind of work here, in a sentence, and the claim behind it where there is one."""

    work: str
    words: str
    claim: Answer | None


@dataclass(frozen=True, slots=True)
class Chart:
    """A table of a map: a row for each kind of work, a column for each way."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Guidance:
    """A declared guide with what was measured; the first chart is the one that the advice goes by."""

    title: str
    anchor: str
    experiment: str
    advice: tuple[Advice, ...]
    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """The whole report."""

    counts: str
    tally: tuple[tuple[Verdict, int], ...]
    chief: tuple[tuple[str, str], ...]
    machine: tuple[tuple[str, str], ...]
    quiet: tuple[str, ...]
    warnings: tuple[str, ...]
    answers: tuple[Answer, ...]
    notable: tuple[str, ...]
    sections: tuple[Section, ...]
    spent: tuple[tuple[str, str, str], ...]
    colophon: str
    guidance: tuple[Guidance, ...] = ()


def anchor(text: str) -> str:
    """A text as the name of a place in a page or of a file: lower case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def limited(content: Content, rows: int, detail: int) -> Content:
    """The same with at most ``rows`` cases a section and ``detail`` characters a failure."""
    return replace(content, sections=tuple(_limited(section, rows, detail) for section in content.sections))


def _limited(section: Section, rows: int, detail: int) -> Section:
    left = len(section.cases) - rows
    notes = (*section.notes, *([f"{left} more rows of cases stand in report.html."] if left > 0 else []))
    return replace(
        section,
        cases=section.cases[:rows],
        failures=tuple(replace(failed, detail=failed.detail[:detail]) for failed in section.failures),
        notes=notes,
    )
