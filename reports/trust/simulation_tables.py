"""The counts of the simulation as Markdown, between two marks of the methods page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from noise import MODELS
from second_looks import BLOCKS, GUARD_BLOCKS, GUARDED, RESAMPLED, SCHEME
from trials import EFFECTS, SCHEMES, Scheme

from perflab import stats

BEGIN, END = "<!-- simulation: written by reports/trust/simulate.py table -->", "<!-- end of the simulation -->"
NOMINAL = 1 - stats.ALPHA
SKEWED = "unequal skew"

Counts = Mapping[str, Any]


def write_into(page: Path, stored: Counts) -> None:
    """Replace what stands between the marks; ValueError where the page has none."""
    text = page.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{page} has not exactly one '{BEGIN}' and one '{END}': put them where the tables belong")
    before, rest = text.split(BEGIN)
    written = "\n".join(tables(stored))
    page.write_text(f"{before}{BEGIN}\n\n{written}\n\n{END}{rest.split(END)[1]}")


def tables(stored: Counts) -> Iterator[str]:
    """All tables, each under its title."""
    counts = stored["counts"]
    for scheme in SCHEMES.values():
        yield from (*_head(scheme), *(_row(scheme, name, counts[f"{scheme.name}: {name}"]) for name in MODELS), "")
        skewed = _covered(counts[f"{scheme.name}: {SKEWED}"], "missed_ratio_of_medians")
        yield from (f"Under unequal skew the ratio of the two medians is covered in {skewed}.", "")
    yield from _below(counts)
    yield from ("", *_guards(counts), "", *_bootstrap(counts))


def _head(scheme: Scheme) -> Iterator[str]:
    kind = "The duel" if scheme.is_duel else f"A claim of sameness, {scheme.name} plan"
    looks = ", ".join(map(str, scheme.looks))
    one, apart = (f"{100 * margin:g} %" for margin in scheme.margin)
    margins = one if one == apart else f"{one}, in separate processes {apart}"
    yield f"**{kind}**: looks at {looks} blocks, {scheme.rounds} rounds each, declared margin {margins}."
    yield ""
    powers = " | ".join(f"+{100 * effect:g} %" for effect in EFFECTS[1:])
    yield f"| noise | coverage | false alarms | equal at 0 | equal at twice | {powers} |"
    yield "|---|--:|--:|--:|--:" + "|--:" * len(EFFECTS[1:]) + "|"


def _row(scheme: Scheme, name: str, of: Counts) -> str:
    margin = scheme.margin[MODELS[name].apart]
    twice = next(effect for effect in EFFECTS if effect >= 2 * margin)
    cells = [name, _covered(of, "missed"), _alarms(of), _share(of["0"]["equivalent"], of["runs"])]
    cells.append(_share(of[f"{twice:g}"]["equivalent"], of["runs"]))
    cells += [_share(of[f"{effect:g}"]["slower"], of["runs"]) for effect in EFFECTS[1:]]
    return f"| {' | '.join(cells)} |"


def _alarms(of: Counts) -> str:
    return _between(of["0"]["slower"] + of["0"]["faster"], of["runs"])


def _covered(of: Counts, key: str) -> str:
    text = _between(of["runs"] - of[key], of["runs"])
    return f"**{text}**" if _is_below(of, key) else text


def _is_below(of: Counts, key: str) -> bool:
    """Whether the coverage is below nominal beyond Monte Carlo error."""
    return stats.clopper_pearson(of["runs"] - of[key], of["runs"])[1] < NOMINAL


def _below(counts: Counts) -> Iterator[str]:
    kept = [(key, of) for key, of in counts.items() if key.split(": ")[0] in SCHEMES]
    below = [key for key, of in kept if _is_below(of, "missed")]
    runs = min(of["runs"] for _, of in kept)
    yield (
        f"{runs:,} runs for each row. In brackets: the 95 % interval of the simulation itself (Clopper and Pearson). "
        f"Below {100 * NOMINAL:.0f} % beyond that error: {'; '.join(below) or 'none'}."
    )


def _guards(counts: Counts) -> Iterator[str]:
    yield (
        f"**The guards**: runs of the {SCHEME.name} plan with one comparison, its true ratio on the bound; warned are "
        f"so many of those that reached {GUARD_BLOCKS} blocks."
    )
    yield ""
    yield "| noise | runs with enough blocks | warned of drift | warned of dependence |"
    yield "|---|--:|--:|--:|"
    for name in GUARDED:
        of = counts[f"guards: {name}"]
        warned = (_between(of[guard], of["long"]) for guard in ("drifting", "dependent"))
        yield f"| {name} | {of['long']:,} | {' | '.join(warned)} |"


def _bootstrap(counts: Counts) -> Iterator[str]:
    confidence = stats.confidence_at(SCHEME.looks, BLOCKS) or 0.0
    yield (
        f"**The bootstrap beside the ranks**: {BLOCKS} blocks of the {SCHEME.name} plan, one look, both asked for the "
        f"{100 * confidence:.1f} % that the ranks of that look have."
    )
    yield ""
    yield "| noise | coverage of the ranks | of the bootstrap | one excludes the truth, the other not |"
    yield "|---|--:|--:|--:|"
    for name in RESAMPLED:
        of = counts[f"bootstrap: {name}"]
        both = (_between(of["runs"] - of[key], of["runs"]) for key in ("missed_by_ranks", "missed"))
        yield f"| {name} | {' | '.join(both)} | {_between(of['disputed'], of['runs'])} |"


def _between(count: int, trials: int) -> str:
    low, high = stats.clopper_pearson(count, trials)
    return f"{100 * count / trials:.2f} % ({100 * low:.2f}–{100 * high:.2f})"


def _share(count: int, trials: int) -> str:
    """No finer than the simulation: 0 and 100 only where it was none or all."""
    percent = 100 * count / trials
    return f"{percent:.0f} %" if count in (0, trials) else f"{min(99.9, max(0.1, percent)):.1f} %"
