"""The circumstances of a run: what machine it was, whether it was quiet, and where the time went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perflab import units
from perflab.model import Analysis
from perflab.report import wording

LEDGER = {
    "samples": "taking samples",
    "host_start": "starting and opening hosts",
    "evidence": "gathering evidence",
    "idle": "waiting",
    "report_s": "the report",
}
"""What the keys of the ledger mean, in the order of the table."""


def spent(analysis: Analysis) -> tuple[tuple[str, str, str], ...]:
    """How the time was spent: (on what, seconds, share of the wall time); the rest is named, never hidden."""
    sums = ledger(analysis)
    named = sum(sums.values())
    wall = float(analysis.run.ended.get("wall_s") or named)
    rows = [(LEDGER.get(key, key.replace("_", " ")), seconds) for key, seconds in sums.items()]
    rows += [("everything else", wall - named)] if wall - named > 0.005 * wall else []
    rows += [("in all", wall)]
    return tuple((what, f"{seconds:.1f} s", f"{100 * seconds / wall:.0f} %") for what, seconds in rows if wall > 0)


def ledger(analysis: Analysis, experiment: str = "") -> dict[str, float]:
    """Seconds by kind, summed over the blocks of one experiment, or over all of them and the report."""
    sums = dict.fromkeys((key for key in LEDGER if key != "report_s"), 0.0)
    for block in analysis.run.blocks:
        if experiment in ("", block.experiment):
            for key, seconds in block.ledger.items():
                sums[key] = sums.get(key, 0.0) + seconds
    if not experiment and analysis.run.ended.get("report_s"):
        sums["report_s"] = float(analysis.run.ended["report_s"])
    return sums


def chief(environment: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The circumstances that a reader asks for first; what is not known is left out."""
    gil, cores = environment.get("gil"), environment.get("cores")
    if isinstance(gil, Mapping):
        build = ", free-threaded build" if gil.get("disabled_build") else ""
        gil = f"{'on' if gil.get('enabled', True) else 'off'}{build}"
    if isinstance(cores, Mapping):
        cores = cores.get("effective")
    named = {
        "processor": environment.get("cpu"),
        "cores": cores,
        "Python": _joined(environment, "implementation", "python"),
        "GIL": gil,
        "system": _joined(environment, "system", "kernel", "machine"),
        "numpy": environment.get("numpy"),
        "virtual machine": environment.get("hypervisor"),
        "container": environment.get("container"),
    }
    return tuple((name, _plain(value)) for name, value in named.items() if value not in (None, ""))


def _joined(environment: Mapping[str, Any], *keys: str) -> str:
    return " ".join(str(environment[key]) for key in keys if environment.get(key))


def caches(environment: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """Name and bytes of each cache that holds data, as far as the system told them when the run was made."""
    found = environment.get("caches") or {}
    return tuple((name, float(size)) for name, size in found.items() if size and not name.endswith("i"))


def machine(environment: Mapping[str, Any], prefix: str = "", size: bool = False) -> tuple[tuple[str, str], ...]:
    """Everything stored of the circumstances; nested names are joined, sizes read as such."""
    rows: list[tuple[str, str]] = []
    for key, value in environment.items():
        name, size_here = f"{prefix}{str(key).replace('_', ' ')}", size or str(key).endswith("_bytes")
        if isinstance(value, Mapping):
            rows += machine(value, f"{name}: ", key == "caches")
        elif value not in (None, "", [], ()):
            rows.append((name, units.human(value, "bytes") if size_here and isinstance(value, int) else _plain(value)))
    return tuple(rows)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def quiet(analysis: Analysis) -> tuple[str, ...]:
    """Whether the machine was quiet enough: A against A, and how many rounds were disturbed."""
    sentences = [
        f"The same code against itself ({kind}): {wording.with_interval(estimate, 'x')} over "
        f"{wording.plural(len(estimate.values), 'block')}; anything but 1 is the machine's doing."
        for kind, estimate in analysis.null.items()
    ]
    rounds = [r for block in analysis.run.blocks for group in block.groups for r in group.rounds]
    disturbed, again = sum(r.contaminated for r in rounds), sum(r.replaced for r in rounds)
    said = "none of them disturbed by others" if not disturbed else f"{disturbed} of them disturbed by others"
    sentences += [f"{wording.plural(len(rounds), 'round')}, {said}, {again} set aside for others."] if rounds else []
    return tuple(sentences or ["Nothing was measured that could tell."])


def colophon(analysis: Analysis) -> str:
    """Which run this is, in one line."""
    run = analysis.run
    parts = [f"perflab {run.version}".strip(), f"plan {run.settings.plan}", f"seed {run.seed}"]
    parts += [f"started {run.started}"] if run.started else []
    parts += [f"code {run.code_hash[:12]}"] if run.code_hash else []
    return " · ".join(parts)
