"""What the stored comparisons say, as a page: promises, duels by cell, the peers beside them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from statistics import median
from string import Template
from typing import Any

from cells import CELLS, PROMISES, Cell, Promise

from perflab.stats import clopper_pearson

Line = dict[str, Any]
Results = dict[Cell, list[Line]]

TEMPLATE = Path(__file__).with_name("template.md")
WORDS = ("slower", "faster", "equivalent", "unresolved", "failed")


def read(folder: Path) -> Results:
    """The whole lines of each cell that FOLDER has any of."""
    found = {}
    for cell in CELLS:
        path = folder / f"{cell.name}.jsonl"
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        if lines:
            found[cell] = [json.loads(line) for line in lines]
    return found


# Promises


def alarms(lines: list[Line]) -> int:
    """Duels that told a function from itself."""
    return sum(line["verdict"] in ("slower", "faster") for line in lines)


def found(cell: Cell, lines: list[Line]) -> int:
    """Duels that found the slow-down, by their own clock within the budget."""
    return sum(line["verdict"] == "slower" and line["seconds"] <= cell.budget_s for line in lines)


def judged(promise: Promise, results: Results) -> tuple[int, int, str]:
    """Alarms or discoveries, of how many duels; and ``kept``, ``broken``, or how far the measuring is."""
    by_cell = [(cell, results.get(cell, [])) for cell in promise.cells]
    lines = [line for _, some in by_cell for line in some]
    if promise.least_found is None:
        counted, bad = alarms(lines), [bool(alarms([line]) or line["verdict"] == "failed") for line in lines]
        broken = sum(bad) > (promise.most_alarms or 0)
        broken |= promise.resolution and any(line.get("resolution_ns") is None for line in lines)
    else:
        counted = sum(found(cell, some) for cell, some in by_cell)
        broken = len(lines) - counted > promise.count - promise.least_found
        broken |= any(line["verdict"] == "faster" for line in lines)
    if broken:
        return counted, len(lines), "**broken**"
    return counted, len(lines), "kept" if len(lines) == promise.count else f"open, {len(lines)} of {promise.count} done"


def promises(results: Results) -> list[str]:
    """A row for each promise, with the interval of the share."""
    rows = ["| promise | measured | 95 % interval of the share | |", "|---|---|---|---|"]
    for promise in PROMISES:
        counted, of, word = judged(promise, results)
        rows.append(f"| {promise.sentence} | {counted} of {of} | {interval(counted, of)} | {word} |")
    return rows


# Cells


def duels(results: Results) -> list[str]:
    """A row for each cell of duels."""
    head = ["cell", "duels", *WORDS, "said slower or faster, 95 %", "median s", "longest command, s", "median ratio",
            "median interval", "intervals that hold the truth", "median margin used", "steal", "others"]  # fmt: skip
    rows = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return rows + [f"| {' | '.join(duel_row(cell, lines))} |" for cell, lines in results.items() if cell.tool == "duel"]


def duel_row(cell: Cell, lines: list[Line]) -> list[str]:
    """Verdicts, seconds, how wide the interval of the ratio was, the margin it was held against, stolen time."""
    verdicts = Counter(line["verdict"] for line in lines)
    ends = [(line["low"], line["high"]) for line in lines if line["low"] is not None and line["high"] is not None]
    truth = 1 + cell.percent / 100
    return [
        cell.situation,
        str(len(lines)),
        *(str(verdicts[word]) for word in WORDS),
        interval(alarms(lines), len(lines)),
        middle([line["seconds"] for line in lines], "{:.1f}"),
        f"{max(line['wall_s'] for line in lines):.1f}",
        middle([line["ratio"] for line in lines], "{:.4f}"),
        middle([high - low for low, high in ends], "{:.2%}"),
        f"{sum(low <= truth <= high for low, high in ends)} of {len(ends)}",
        middle([line.get("margin_used") for line in lines], "{:.2%}"),
        middle([line["steal"] for line in lines], "{:.1%}"),
        middle([line["foreign"] for line in lines], "{:.1%}"),
    ]


def peers(results: Results) -> list[str]:
    """The same situations by each tool at each of its thresholds."""
    rows = ["| situation | tool: what counts | of | slower | faster | said something, 95 % | median s of a pair |",
            "|---|---|---|---|---|---|---|"]  # fmt: skip
    compared = dict.fromkeys(cell.situation for cell in CELLS if cell.tool != "duel")
    for situation in compared:
        for cell, lines in results.items():
            if cell.situation == situation:
                rows += [f"| {situation} | {cell.tool}: {row} |" for row in ways(cell, lines)]
    return rows


def ways(cell: Cell, lines: list[Line]) -> list[str]:
    """A row for each threshold; pairs that a peer did not carry out are named, and no answers."""
    seconds = middle([line["wall_s"] for line in lines], "{:.1f}")
    if cell.tool == "duel":
        return [way("its verdict", [line["verdict"] for line in lines], seconds)]
    answers = [line["said"] for line in lines if line["said"] is not None]
    lost = f" ({len(lines) - len(answers)} pairs failed)" if len(answers) < len(lines) else ""
    if not answers:
        return [f"no answer{lost} | 0 | - | - | - | {seconds}"]
    return [way(name + lost, [said[name] for said in answers], seconds) for name in answers[0]]


def way(name: str, words: list[str], seconds: str) -> str:
    """How often a way of judging said slower and faster."""
    slower, faster = words.count("slower"), words.count("faster")
    share = interval(slower + faster, len(words))
    return f"{name} | {len(words)} | {slower} | {faster} | {share} | {seconds}"


def interval(count: int, of: int) -> str:
    """The exact binomial interval of a share."""
    if not of:
        return "-"
    low, high = clopper_pearson(count, of)
    return f"{low:.1%} to {high:.1%}"


def middle(values: list[float | None], form: str) -> str:
    """The median of what is known."""
    known = [value for value in values if value is not None]
    return form.format(median(known)) if known else "-"


# The page


def page(folder: Path) -> str:
    """README.md: the template, with what is derived from the lines in FOLDER."""
    results = read(folder)
    return Template(TEMPLATE.read_text()).substitute(
        machine=machine(folder, results),
        promises="\n".join(promises(results)),
        summary=summary(results),
        duels="\n".join(duels(results)),
        peers="\n".join(peers(results)),
    )


def machine(folder: Path, results: Results) -> str:
    """One sentence on where this was measured and by how many states of the code."""
    path = folder / "machine.json"
    if not path.exists():
        return "Nothing has been measured yet."
    known = json.loads(path.read_text())
    states = {line["code"] for lines in results.values() for line in lines}
    loads = [line["load"] for lines in results.values() for line in lines]
    calls = " and ".join(f"{share:.3%} ({kind})" for kind, share in known["overheads"].items())
    return (
        f"Measured on {known['cpu']} ({known['cores']['effective']} cores, {known['system']} {known['kernel']}, "
        f"hypervisor: {known['hypervisor'] or 'none'}), CPython {known['python']}: "
        f"{sum(map(len, results.values()))} comparisons by {len(states)} state(s) of the code, "
        f"with a load average of {middle(loads, '{:.2f}')} before them (median).\n"
        f"The injected turns are exact. A call without turns takes {calls} of a base: "
        "by so little of itself the injected share of time is smaller."
    )


def summary(results: Results) -> str:
    """The promises in a sentence; which are broken is said by name."""
    judgements = [(promise, judged(promise, results)[2]) for promise in PROMISES]
    kept = sum(word == "kept" for _, word in judgements)
    broken = [promise.sentence for promise, word in judgements if "broken" in word]
    unended = len(judgements) - kept - len(broken)
    said = f"{kept} of {len(judgements)} promises are kept, {len(broken)} broken"
    said += f", {unended} not measured to the end." if unended else "."
    return said + "".join(f"\n- Broken: {sentence}." for sentence in broken)
