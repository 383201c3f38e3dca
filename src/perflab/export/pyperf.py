"""pyperf's JSON: a benchmark for each case and time, a run for each block, its rounds as values in seconds.

Rounds within a block are no replicates, and pyperf takes them for such: its "significant" is bolder than a verdict.
The estimates and verdicts of this lab stand in the metadata beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from perflab import units
from perflab.export.documents import as_json, refuse_empty
from perflab.export.source import Source, failures, full_name, judging, observations, one_line, sound_ratio, timed
from perflab.model import BlockRecord, CaseSummary, Observation
from perflab.verdict.values import as_number

FORMAT = "1.0"
"""The version of pyperf's format: warm-up and values per loop, metadata at three levels."""

_ASLR = {0: "No randomization", 1: "Conservative randomization", 2: "Full randomization"}


def document(source: Source) -> str:
    """The suite; BadInput for a run in which nothing was timed, because pyperf refuses a suite without benchmarks."""
    benchmarks = [one for row in timed(source) if (one := _benchmark(source, row))["runs"]]
    refuse_empty(benchmarks, "times")
    return as_json({"version": FORMAT, "metadata": _suite_metadata(source), "benchmarks": benchmarks})


def _benchmark(source: Source, row: CaseSummary) -> dict[str, Any]:
    seen = {block: list(_seconds(some)) for block, some in observations(source, row).items()}
    blocks = (block for block in source.analysis.run.blocks_of(row.experiment) if seen.get(block.block))
    runs = [{"metadata": _run_metadata(block, row), "values": seen[block.block]} for block in blocks]
    return {"metadata": _known(_benchmark_metadata(source, row)), "runs": runs}


def _run_metadata(block: BlockRecord, row: CaseSummary) -> dict[str, int]:
    """``loops`` only where one sample repeats the call; the block's seed is the hash seed of its processes."""
    counts = [group.counts[row.case.id] for group in block.groups if row.case.id in group.counts]
    return {"perflab_block": block.block, "python_hash_seed": block.seed, **({"loops": counts[0]} if counts else {})}


def _seconds(seen: list[Observation]) -> Iterator[float]:
    """Values above 0, as pyperf demands."""
    numbers = (as_number(one) for one in seen)
    yield from (number / 1e9 for number in numbers if number is not None and number > 0)


def _benchmark_metadata(source: Source, row: CaseSummary) -> dict[str, Any]:
    name, ratio = row.quantity.name, sound_ratio(source, row)
    return {
        "name": full_name(row) if name == "wall_ns" else f"{full_name(row)} {name}",
        "unit": "second",
        "perflab_quantity": name,
        "perflab_meaning": row.quantity.meaning,
        "perflab_control": row.control.id if row.control else None,
        "perflab_ratio": ratio.value if ratio else None,
        "perflab_ratio_low": ratio.low if ratio else None,
        "perflab_ratio_high": ratio.high if ratio else None,
        "perflab_verdicts": "; ".join(f"{one.claim.id}: {one.verdict}" for one in judging(source, row)),
    }


def _suite_metadata(source: Source) -> dict[str, Any]:
    """The circumstances under pyperf's own names where it has one, else under this lab's.

    Its ``date`` would claim to know when each block began, and so is not among them.
    """
    run = source.analysis.run
    failed = failures(source.analysis)
    return _known(
        {
            **_environment(run.environment),
            "perflab_version": run.version,
            "perflab_plan": run.settings.plan,
            "perflab_seed": run.seed,
            "perflab_started": run.started,
            "perflab_failed": "; ".join(f"{name}: {what}" for name, what in failed.items()),
            "perflab_warnings": " ".join(source.analysis.warnings),
        }
    )


def _environment(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as pyperf spells them; keys that it compares must not be spelled in a way of our own."""
    return {
        "python_version": facts.get("python"),
        "python_implementation": str(facts.get("implementation") or "").lower(),
        "python_compiler": facts.get("compiler"),
        "platform": _platform(facts),
        "cpu_model_name": facts.get("cpu"),
        "cpu_count": (facts.get("cores") or {}).get("os_cpu_count"),
        "aslr": _ASLR.get(facts.get("aslr", -1)),
        "timer": _timer(facts),
        "perflab_cores": (facts.get("cores") or {}).get("effective"),
        "perflab_gil": _gil(facts.get("gil") or {}),
        "perflab_governor": facts.get("governor"),
        "perflab_hypervisor": facts.get("hypervisor"),
        "perflab_numpy": facts.get("numpy"),
    }


def _platform(facts: Mapping[str, Any]) -> str:
    libc = str(facts.get("libc") or "").replace(" ", "")
    parts = (facts.get("system"), facts.get("kernel"), facts.get("machine"), libc and f"with-{libc}")
    return "-".join(str(part) for part in parts if part)


def _timer(facts: Mapping[str, Any]) -> str | None:
    clock, resolution = facts.get("clock"), facts.get("clock_resolution_s")
    if not clock or not resolution:
        return None
    return f"{clock}, resolution: {units.human(1e9 * resolution, 'ns')}"


def _gil(facts: Mapping[str, Any]) -> str | None:
    enabled = facts.get("enabled")
    return None if enabled is None else "enabled" if enabled else "disabled"


def _known(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not known: pyperf refuses empty texts, line breaks, and null."""
    lines = {name: one_line(value) if isinstance(value, str) else value for name, value in metadata.items()}
    return {name: value for name, value in lines.items() if value not in (None, "")}
