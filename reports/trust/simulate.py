"""Prove the statistics on noise whose truth is known: coverage, false alarms and power, in simulated time.

    python reports/trust/simulate.py run [--runs 10000] [--seconds 50]   what simulation.json lacks; call again to go on
    python reports/trust/simulate.py table                               write the tables into docs/methods.md

``noise`` names the models, ``trials`` draws runs and judges them, ``second_looks`` tries guards and bootstrap. Whoever
changes one of them, or the ranks, deletes simulation.json: stored counts are not asked which code they come from.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from noise import MODELS
from second_looks import GUARDED, RESAMPLED, guarded, resampled
from simulation_tables import write_into
from trials import CHUNK, SCHEMES, SEED, chunk

STORE = Path(__file__).parent / "simulation.json"
PAGE = Path(__file__).parents[2] / "docs" / "methods.md"

Chunk = Callable[[int], dict[str, Any]]
"""The counts of the chunk of that number: always the same."""


def tasks() -> Iterator[tuple[str, Chunk]]:
    """Every simulation there is, by the key under which its counts are stored."""
    for scheme in SCHEMES.values():
        yield from ((f"{scheme.name}: {name}", partial(chunk, scheme, name)) for name in MODELS)
    yield from ((f"guards: {name}", partial(guarded, name)) for name in GUARDED)
    yield from ((f"bootstrap: {name}", partial(resampled, name)) for name in RESAMPLED)


def simulate(runs: int, seconds: float, store: Path = STORE) -> bool:
    """Do what is missing, for about so many seconds; whether nothing is missing any more."""
    started = time.monotonic()
    kept = json.loads(store.read_text()) if store.exists() else {"seed": SEED, "chunk": CHUNK, "counts": {}}
    for key, one in tasks():
        while (done := kept["counts"].get(key, {}).get("runs", 0)) < runs:
            if time.monotonic() - started > seconds:
                return False
            kept["counts"][key] = added(kept["counts"].get(key), one(done // CHUNK))
            _write(store, kept)
    return True


def added(stored: Any, more: Any) -> Any:
    """Two tallies of the same shape, number by number; None for an empty one."""
    if isinstance(more, dict):
        return {key: added((stored or {}).get(key), value) for key, value in more.items()}
    return (stored or 0) + more


def _write(store: Path, kept: Mapping[str, Any]) -> None:
    aside = store.with_suffix(".aside")
    aside.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    aside.replace(store)


def main() -> None:
    """Simulate, or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("run", "table"))
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=50.0)
    chosen = parser.parse_args()
    if chosen.action == "run":
        print("complete" if simulate(chosen.runs, chosen.seconds) else "not complete yet: call again")
    else:
        write_into(PAGE, json.loads(STORE.read_text()))


if __name__ == "__main__":
    main()
