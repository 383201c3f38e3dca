"""Run the lab again and again, half of the time beside a spinning process, and count how often verdicts agree.

    python reports/stability.py measure FOLDER [--runs 20] [--plan default]   what is missing in FOLDER; may be stopped
    python reports/stability.py table FOLDER                                  what they said, as Markdown

Runs of several plans may share a folder, and are judged together: a claim that one plan confirms no other may refute.
Each run is of all experiments, or with `--only gil,startup` of those named and of the two that are in every run. Even
runs are quiet; odd ones have a neighbour that spins on one core from before the first to after the last sample.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DIFFERENT = "refuted"
"""What an A/A claim ends in when an identical pair is called different."""

PLANS = {"quick": ["--quick"], "default": [], "full": ["--full"]}
"""The options that ask for a plan."""

SPIN = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): sum(range(10_000))"
"""Ends with its parent, however that ends: a neighbour that is forgotten spoils every run to come."""


@contextmanager
def neighbour(wanted: bool) -> Iterator[None]:
    """A process that spins while the body runs, where one is wanted."""
    spinner = subprocess.Popen([sys.executable, "-c", SPIN, str(os.getpid())]) if wanted else None
    try:
        yield
    finally:
        if spinner:
            spinner.kill()
            spinner.wait()


def measure(folder: Path, runs: int, plan: str, only: list[str]) -> None:
    """Every run that FOLDER does not hold yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(runs):
        target = folder / f"{plan}-{number:02}.json"
        if target.exists():
            continue
        out = folder / f"run-{plan}-{number:02}-{int(time.time())}"
        started = time.monotonic()
        beside = number % 2 == 1
        with neighbour(beside):
            command = [sys.executable, "-m", "perflab", *(["run", *only] if only else ["run-all"])]
            rest = [*PLANS[plan], "--seed", str(number), "--out", str(out)]
            done = subprocess.run([*command, *rest], capture_output=True, text=True, check=False)
        seconds = time.monotonic() - started
        shown = subprocess.run(
            [sys.executable, "-m", "perflab", "show", str(out), "--json"], capture_output=True, text=True, check=True
        )
        told = {"plan": plan, "beside": beside, "status": done.returncode, "seconds": seconds, "shares": shares(out)}
        target.write_text(json.dumps({**told, **json.loads(shown.stdout)}))
        print(f"{plan} run {number}: status {done.returncode}, {seconds:.1f} s", flush=True)


def shares(out: Path) -> dict[str, float]:
    """The seconds by kind that the run's closing line states."""
    last = json.loads((out / "run.jsonl").read_text().splitlines()[-1])
    return {name: value for name, value in last.items() if name.endswith("_s")}


def table(folder: Path) -> str:
    """Verdicts by claim, quiet and beside a neighbour; what flipped; A/A; seconds and the share inside samples."""
    runs = [json.loads(path.read_text()) for path in sorted(folder.glob("*-[0-9][0-9].json"))]
    claims = {claim["id"]: claim for run in runs for claim in run["claims"]}
    lines = ["| claim | " + " | ".join(("quiet", "beside a neighbour", "values")) + " |", "|---|---|---|---|"]
    lines += [row(name, runs) for name in claims]
    flipped = [name for name in claims if {"confirmed", "refuted"} <= {verdict(run, name) for run in runs}]
    different = sum(verdict(run, name) == DIFFERENT for run in runs for name in claims if name.startswith("null-"))
    inside = [run["shares"]["samples_s"] / run["seconds"] for run in runs]
    lines += [
        "",
        f"{len(runs)} runs. Confirmed in one and refuted in another: {', '.join(flipped) or 'none'}. "
        f"Identical pairs called different: {different}. "
        f"Seconds, report included: {least_to_most([run['seconds'] for run in runs], '{:.1f}')}. "
        f"Share of them inside samples: {least_to_most(inside, '{:.0%}')}. "
        f"Exit statuses: {dict(Counter(run['status'] for run in runs))}.",
    ]
    return "\n".join(lines)


def row(name: str, runs: list[dict[str, Any]]) -> str:
    """One claim: how often each verdict fell, and the range of the measured values."""
    halves = (" ".join(f"{count} {word}" for word, count in Counter(verdict(r, name) for r in half).most_common())
              for half in ([run for run in runs if run["beside"] is beside] for beside in (False, True)))  # fmt: skip
    values = [claim["value"] for run in runs for claim in run["claims"] if claim["id"] == name and claim["value"]]
    return f"| {name} | {' | '.join(halves)} | {least_to_most(values, '{:.3g}')} |"


def verdict(run: dict[str, Any], name: str) -> str:
    """The verdict of one claim in one run."""
    return next((claim["verdict"] for claim in run["claims"] if claim["id"] == name), "absent")


def least_to_most(values: list[float], form: str) -> str:
    """The range of some numbers."""
    return f"{form.format(min(values))} to {form.format(max(values))}" if values else "-"


def main() -> None:
    """Measure, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("measure", "table"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--plan", choices=PLANS, default="quick")
    parser.add_argument("--only", default="", help="experiments, with commas")
    chosen = parser.parse_args()
    if chosen.action == "measure":
        measure(chosen.folder, chosen.runs, chosen.plan, [name for name in chosen.only.split(",") if name])
    print(table(chosen.folder))


if __name__ == "__main__":
    main()
