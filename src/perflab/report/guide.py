"""Which way for which work: each way against the best of its row, by the very statistics that judge the claims."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from perflab.model import Case, Choice, Estimand, Estimate, Guide, Quantity, Verdict
from perflab.report import wording
from perflab.report.content import Advice, Answer, Chart, Guidance, anchor

Ask = Callable[[Case, "Case | None", str, Estimand], Estimate]
"""The estimate of (case, control, quantity name, estimand) in one experiment."""

EXPLAINED = "1 is the best of its row; ≈: this run cannot tell it from the best; –: not measured"

WORTH_SAYING = 1.1
"""What equals cost besides is worth a word where one surely costs a tenth more than the other."""

_NOTHING = Estimate(None, None, None)


@dataclass(frozen=True, slots=True)
class Way:
    """One way of running one kind of work: its own level, and its ratio to the best way; none for the best itself."""

    name: str
    case: Case
    level: Estimate
    ratio: Estimate | None

    @property
    def apart(self) -> bool:
        """Whether the whole interval of the ratio lies above 1."""
        return self.surely_above(1.0)

    def surely_above(self, bound: float) -> bool:
        """Whether the whole interval of the ratio lies above a bound."""
        return self.ratio is not None and self.ratio.low is not None and self.ratio.low > bound


def guidance(
    guide: Guide, experiment: str, ask: Ask, known: Callable[[str], Quantity], answers: Iterable[Answer]
) -> Guidance | None:
    """The map of an experiment; None where nothing of it was measured. ``known`` finds a quantity by its name."""
    by_claim = {answer.id: answer for answer in answers}
    measured = {name: [compared(choice, name, ask) for choice in guide.choices] for name in _quantities(guide)}
    if not any(measured[guide.quantity]):
        return None
    return Guidance(
        title=guide.title,
        anchor=f"guide-{anchor(guide.title)}",
        experiment=experiment,
        advice=tuple(
            _backed(choice.work, advice(ways, choice, guide, ask), by_claim.get(choice.claim))
            for choice, ways in zip(guide.choices, measured[guide.quantity], strict=True)
            if ways
        ),
        charts=tuple(_chart(guide, known(name), rows) for name, rows in measured.items() if any(rows)),
    )


def _backed(work: str, words: str, claim: Answer | None) -> Advice:
    """A claim that stayed open (a busy machine, too few blocks) leaves its sentence a description, not an advice."""
    settled = claim is None or claim.verdict in (Verdict.CONFIRMED, Verdict.REFUTED)
    return Advice(work, words if settled else f"not settled by this run; as measured: {words}", claim)


def _quantities(guide: Guide) -> tuple[str, ...]:
    return (guide.quantity, *guide.beside)


def compared(choice: Choice, quantity: str, ask: Ask) -> list[Way]:
    """The ways that were measured, each against the one with the least median, in the order declared."""
    levels = [(name, case, ask(case, None, quantity, Estimand.LEVEL)) for name, case in choice.ways]
    seen = [(name, case, level) for name, case, level in levels if level.value is not None]
    best = min(seen, key=lambda one: one[2].value or 0.0, default=("", None, _NOTHING))[1]
    return [
        Way(name, case, level, None if case == best else ask(case, best, quantity, Estimand.RATIO))
        for name, case, level in seen
    ]


def advice(ways: list[Way], choice: Choice, guide: Guide, ask: Ask) -> str:
    """The best way and those that cannot be told from it, then how many times as much the others take."""
    fit = sorted((way for way in ways if not way.apart), key=lambda way: way.ratio is not None)
    rest = sorted((way for way in ways if way.apart), key=lambda way: (way.ratio and way.ratio.value) or 0.0)
    words = _either([way.name for way in fit])
    if len(fit) > 1:
        told = "; ".join(("this run cannot tell them apart", *_cheapest(fit, choice, guide, ask)))
        words += f" ({told})"
    slower = ", ".join(f"{way.name} {_factor(way)}" for way in rest)
    return f"{words}; slower: {slower}." if rest else f"{words}."


def _either(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _factor(way: Way) -> str:
    return wording.value(way.ratio, "x")


def _cheapest(fit: list[Way], choice: Choice, guide: Guide, ask: Ask) -> Iterator[str]:
    """Which of several equals needs surely the least of what is shown beside."""
    among = Choice(choice.work, tuple((way.name, way.case) for way in fit))
    for name in guide.beside:
        ways = compared(among, name, ask)
        others = [way for way in ways if way.ratio is not None]
        if others and all(way.surely_above(WORTH_SAYING) for way in others):
            least = next(way for way in ways if way.ratio is None)
            nearest = min(others, key=lambda way: (way.ratio and way.ratio.value) or 0.0)
            yield f"the least {_plain(name)} with {least.name}, {_factor(nearest)} with {nearest.name}"


def _plain(quantity: str) -> str:
    return {"cpu_ns": "CPU time", "pss_bytes": "memory"}.get(quantity, quantity.replace("_", " "))


def _chart(guide: Guide, quantity: Quantity, rows: list[list[Way]]) -> Chart:
    columns = tuple(dict.fromkeys(chain.from_iterable([name for name, _ in one.ways] for one in guide.choices)))
    return Chart(
        caption=f"{quantity.meaning or quantity.name}: {EXPLAINED}",
        head=("work", *columns),
        rows=tuple(
            (choice.work, *_cells(columns, ways, quantity)) for choice, ways in zip(guide.choices, rows, strict=True)
        ),
    )


def _cells(columns: Iterable[str], ways: list[Way], quantity: Quantity) -> Iterator[str]:
    by_name = {way.name: way for way in ways}
    for name in columns:
        yield _cell(by_name[name], quantity) if name in by_name else wording.NOTHING


def _cell(way: Way, quantity: Quantity) -> str:
    if way.ratio is None:
        return f"1 ({wording.value(way.level, quantity.unit)})"
    span = wording.interval(way.ratio, "x")
    # On a line of its own: in a narrow column it would be broken anywhere.
    return f"{'' if way.apart else '≈ '}{_factor(way)}" + (f"\n({span})" if span != wording.NOTHING else "")
