"""A stored run, derived anew, as text or JSON; or all the evidence of one of its verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab import store, verdict
from perflab.errors import BadInput
from perflab.model import Analysis
from perflab.registry import nearest

if TYPE_CHECKING:
    from rich.console import RenderableType


def analysed(run: Path) -> Analysis:
    """Everything that follows from the run at a folder, a ``run.jsonl`` or ``reports/latest``; BadRun where none is."""
    return verdict.analyse(store.load(run))


def as_text(analysis: Analysis, claim: str | None = None) -> Iterator[RenderableType]:
    """The table of verdicts and each experiment's table of cases; or one claim's evidence."""
    from perflab.report import text

    if claim is not None:
        yield text.claim_evidence(analysis, known_claim(analysis, claim))
        return
    yield text.verdict_table(analysis)
    for name in analysis.run.experiments:
        yield f"\n{name}"
        yield text.case_table(analysis, name)


def as_json(analysis: Analysis, claim: str | None = None) -> dict[str, Any]:
    """The document of ``show --json``; for one claim, that claim and the cases that its clauses speak of."""
    document = verdict.to_json(analysis)
    if claim is None:
        return document
    claim = known_claim(analysis, claim)
    claims = [one for one in document["claims"] if one["id"] == claim]
    spoken_of = [
        (one["experiment"], case)
        for one in claims
        for clause in one["clauses"]
        for case in (clause["case"], clause["control"])
    ]
    cases = [one for one in document["cases"] if (one["experiment"], one["case"]) in spoken_of]
    return {**document, "claims": claims, "cases": cases}


def known_claim(analysis: Analysis, claim: str) -> str:
    """The claim's id, however it was capitalised; BadInput with the nearest ids where the run judged no such claim."""
    ids = {judgement.claim.id.lower(): judgement.claim.id for judgement in analysis.judgements}
    if claim.lower() in ids:
        return ids[claim.lower()]
    known = ", ".join(ids.values()) or "none"
    raise BadInput(f"no claim '{claim}' in this run{nearest(claim, ids.values())}; it judged {known}")
