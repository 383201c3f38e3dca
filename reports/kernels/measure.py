"""Measure the sums against numpy, against peers where they are installed, and against what the memory gives.

    python reports/kernels/measure.py [--blocks 8] [--rounds 7] [--least KIB] [--most MIB] [--out FILE]    measure, show
    python reports/kernels/measure.py --show FILE                                              show what is there

A block is a fresh process; in it, for each size, all contestants take turns, in an order that is drawn anew for each
round; before it is timed, each goes over the vector until the caches hold of it what they will. A block's value of a
ratio is its median over the rounds; the table has the median over the blocks and the exact sign-test interval of 95 %
(none below 6 blocks). Every timed answer is compared with the right one. To be run on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from peers import installed

KIB = 1024
SIZES = [8, 64, 512, *(KIB << power for power in range(2, 20))]
"""In bytes: one element, then up to 512 MiB."""
SAMPLE_NS = 1_500_000
"""How long a sample lasts at least."""

LOOKING = ("parallel", "numba parallel", "load-only, all processors")
"""Whose threads may go on looking for work when their call is over."""
PAUSE_S = 0.005

HALF_HELD = range(4096 * KIB, 65536 * KIB)
"""Sizes of which a third-level cache takes up more with each of the first calls."""
SETTLING = 6

Contestant = tuple[Callable[[int], Any], Any]
"""Makes so many calls and returns the last answer; and the right answer."""


# --- one block: a fresh process --------------------------------------------------------------------------------------


def repeated(call: Callable[..., Any], *arguments: Any) -> Callable[[int], Any]:
    """So many calls, one after the other."""

    def many(count: int) -> Any:
        answer = None
        for _ in range(count):
            answer = call(*arguments)
        return answer

    return many


def loaded_by_all(vector: Any) -> Callable[[int], int]:
    """Loading by one thread for each processor, each its own part, over and over: what memory gives all together."""
    from concurrent.futures import ThreadPoolExecutor

    from perflab.kernels import limits

    processors = len(os.sched_getaffinity(0))
    pool, step = ThreadPoolExecutor(processors), -(-len(vector) // processors)
    parts = [repeated(limits.load_only_nogil, vector[first : first + step]) for first in range(0, len(vector), step)]

    def many(count: int) -> int:
        found = 0
        for one in pool.map(lambda part: part(count), parts):
            found ^= one
        return found

    return many


def contestants(size: int) -> dict[str, Contestant]:
    """Name -> call and right answer. Whole numbers: every order of additions has the same, exact sum."""
    import numpy as np

    from perflab.kernels import limits, sums

    chance = np.random.default_rng(size)
    doubles = chance.integers(-1000, 1000, size // 8).astype("f8")
    singles = chance.integers(-3, 4, size // 4).astype("f4")
    singles[1::2] = -singles[::2]  # every partial sum is small, hence exact in float32 too
    wholes = doubles.astype("i8")
    right, loaded = int(doubles.sum()), int(np.bitwise_xor.reduce(doubles.view("u8")))
    found: dict[str, Contestant] = {
        "numpy float64": (repeated(doubles.sum), right),
        "numpy float32": (repeated(singles.sum), 0),
        "numpy int64": (repeated(wholes.sum), right),
        "float64": (repeated(sums.sum_float64, doubles), right),
        "float32": (repeated(sums.sum_float32, singles), 0),
        "int64": (repeated(sums.sum_int64, wholes), right),
        "load-only": (repeated(limits.load_only, doubles), loaded),
        "compensated": (repeated(sums.sum_compensated, doubles), right),
        "reproducible": (repeated(sums.sum_reproducible, doubles), right),
        "parallel": (repeated(sums.sum_parallel, doubles), right),
    }
    for level in sums.levels():
        found[level] = (repeated(sums.sum_float64, doubles, level), right)
        found[f"compensated {level}"] = (repeated(sums.sum_compensated, doubles, level), right)
        found[f"reproducible {level}"] = (repeated(sums.sum_reproducible, doubles, level), right)
    if size >= 2048 * KIB:  # a call of each thread then lasts long beside the GIL's changing hands
        found["load-only, all processors"] = (loaded_by_all(doubles), loaded)
    return found | {name: (repeated(total, doubles), right) for name, total in installed().items()}


def timed(many: Callable[[int], Any], right: Any, count: int, before: int = 1) -> float:
    """ns a call, over so many calls after some that fetch what caches can hold; the last answer must be right."""
    many(before)
    began = time.perf_counter_ns()
    answer = many(count)
    spent = time.perf_counter_ns() - began
    if answer != right:
        raise SystemExit(f"wrong answer {answer!r} instead of {right!r}")
    return spent / count


def block(sizes: list[int], rounds: int) -> dict[str, dict[str, list[float]]]:
    """All contestants at all sizes, in turns: size -> name -> ns a call."""
    found: dict[str, dict[str, list[float]]] = {}
    chance = random.Random()
    for size in sizes:
        entries = contestants(size)
        names = list(entries)
        counts = {name: max(1, int(SAMPLE_NS / timed(*entries[name], 2))) for name in names}
        samples: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(rounds):
            for name in chance.sample(names, len(names)):
                samples[name].append(timed(*entries[name], counts[name], SETTLING if size in HALF_HELD else 1))
                if name in LOOKING:
                    time.sleep(PAUSE_S)
        found[str(size)] = samples
    return found


def pairs(rounds: int) -> dict[str, dict[str, list[float]]]:
    """Two nogil threads on private data in cache, against two processes that do the same: ns for both to end.

    Call by call, the GIL changes hands twice a call; within one call what is left is the machine.
    """
    import numpy as np

    from perflab.kernels import sums

    found: dict[str, dict[str, list[float]]] = {}
    for name, call, size in (
        ("compensated, 512 KiB each, call by call", sums.sum_compensated_nogil, 512 * KIB),
        ("float64, 512 KiB each, call by call", sums.sum_float64_nogil, 512 * KIB),
        ("float64, 8 MiB each, call by call", sums.sum_float64_nogil, 8192 * KIB),
        ("float64, 256 KiB each, within one call", None, 256 * KIB),
        ("float64, 512 KiB each, within one call", None, 512 * KIB),
    ):
        vectors = [np.ones(size // 8) for _ in range(2)]
        count = max(1, int(20_000_000 / timed(repeated(call or sums.sum_float64_nogil, vectors[0]), size / 8, 3)))

        def work(vector: Any, call: Any = call, count: int = count) -> None:
            if call is not None:
                timed(repeated(call, vector), float(len(vector)), count)
            elif sums.sum_repeatedly_nogil(vector, count) != count * len(vector):
                raise SystemExit("wrong answer")

        samples: dict[str, list[float]] = {"threads": [], "processes": []}
        for _ in range(rounds):
            samples["threads"].append(by_threads(work, vectors))
            samples["processes"].append(by_processes(work, vectors))
        found[name] = samples
    return found


def by_threads(work: Callable[[Any], None], vectors: list[Any]) -> float:
    """From a common start until both have ended, in ns."""
    ready = threading.Barrier(len(vectors) + 1)

    def run(vector: Any) -> None:
        ready.wait()
        work(vector)

    workers = [threading.Thread(target=run, args=(vector,)) for vector in vectors]
    for worker in workers:
        worker.start()
    ready.wait()
    began = time.perf_counter_ns()
    for worker in workers:
        worker.join()
    return time.perf_counter_ns() - began


def by_processes(work: Callable[[Any], None], vectors: list[Any]) -> float:
    """Likewise, by forked processes, which are ready before the start."""
    (look, release), (seen, ready) = os.pipe(), os.pipe()
    children = [forked(work, vector, look, ready) for vector in vectors]
    for _ in children:
        os.read(seen, 1)
    began = time.perf_counter_ns()
    os.write(release, b"x" * len(children))
    for _ in children:
        os.read(seen, 1)
    spent = time.perf_counter_ns() - began
    if any(os.waitpid(child, 0)[1] for child in children):
        raise SystemExit("a child failed")
    for end in (look, release, seen, ready):
        os.close(end)
    return spent


def forked(work: Callable[[Any], None], vector: Any, look: int, ready: int) -> int:
    """A child that touches its data, says so, waits for the start, works, says so, and exits with 0."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            vector.sum()
            os.write(ready, b"x")
            os.read(look, 1)
            work(vector)
            status = 0
        finally:
            os.write(ready, b"x")
            os._exit(status)
    return child


# --- the blocks together ---------------------------------------------------------------------------------------------


def processor() -> str:
    """Its name and how many there are."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    return f"{names[0]} x {len(names)}" if names else platform.machine()


def measure(out: Path, blocks: int, rounds: int, sizes: list[int]) -> None:
    """Append a line for each block."""
    for number in range(blocks):
        command = [sys.executable, __file__, "--block", json.dumps([sizes, rounds])]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        with out.open("a", encoding="utf-8") as lines:
            lines.write(done.stdout)
        print(f"block {number + 1} of {blocks}, load {os.getloadavg()[0]:.1f}", file=sys.stderr)


def one_block(sizes: list[int], rounds: int) -> dict[str, Any]:
    """The line that is stored for a block."""
    import numpy as np

    from perflab.kernels import sums

    return {
        "schema": "perflab.kernels/1",
        "processor": processor(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "levels": sums.levels(),
        "load": os.getloadavg()[0],
        "pairs": pairs(rounds),
        "samples": block(sizes, rounds),
    }


def rank(count: int) -> int:
    """The order statistic that begins the two-sided sign-test interval of 95 %; 0: too few."""
    tail, found = 0.0, 0
    for below in range(count // 2):
        tail += math.comb(count, below) / 2**count
        if 2 * tail > 0.05:
            break
        found = below + 1
    return found


def shown(values: list[float]) -> str:
    """Median and interval over blocks."""
    ordered, first = sorted(values), rank(len(values))
    middle = f"{statistics.median(ordered):.2f}"
    return f"{middle} ({ordered[first - 1]:.2f}–{ordered[-first]:.2f})" if first else middle


def ratio(samples: dict[str, list[float]], slow: str, fast: str) -> float:
    """How many times as fast the second is, as the median over rounds."""
    pairs = zip(samples[slow], samples[fast], strict=True)
    return math.exp(statistics.median(math.log(one / other) for one, other in pairs))


RATIOS = {
    "Sums by the best level, times as fast as numpy": [
        ("float64", "numpy float64", "float64"),
        ("float32", "numpy float32", "float32"),
        ("int64", "numpy int64", "int64"),
        ("compensated", "numpy float64", "compensated"),
        ("reproducible", "numpy float64", "reproducible"),
        ("parallel", "numpy float64", "parallel"),
    ],
    "Against the limits": [
        ("float64 / load-only", "load-only", "float64"),
        ("parallel / float64", "float64", "parallel"),
        ("parallel / load-only by all processors", "load-only, all processors", "parallel"),
    ],
    "Against peers, times as fast as they": [
        ("float64 / numba", "numba", "float64"),
        ("parallel / numba parallel", "numba parallel", "parallel"),
        ("float64 / numexpr", "numexpr", "float64"),
        ("float64 / bottleneck", "bottleneck", "float64"),
    ],
    "float64 by level, times as fast as numpy": [
        (level, "numpy float64", level) for level in ("v4", "v3", "baseline", "scalar")
    ],
    "compensated by level, times as fast as numpy": [
        (level, "numpy float64", f"compensated {level}") for level in ("v4", "v3", "baseline", "scalar")
    ],
    "reproducible by level, times as fast as numpy": [
        (level, "numpy float64", f"reproducible {level}") for level in ("v4", "v3", "baseline", "scalar")
    ],
}


def named(size: int) -> str:
    """A size in its largest whole unit."""
    for unit, bytes_ in (("MiB", KIB * KIB), ("KiB", KIB)):
        if size >= bytes_:
            return f"{size // bytes_} {unit}"
    return f"{size} B"


def table(blocks: list[dict[str, Any]]) -> Iterator[str]:
    """Markdown: absolute speeds, then ratios by size."""
    first = blocks[0]
    loads = [one["load"] for one in blocks]
    yield f"{first['processor']}, Python {first['python']}, numpy {first['numpy']}, levels {', '.join(first['levels'])}"
    yield f"{len(blocks)} blocks, load average {min(loads):.1f} to {max(loads):.1f}."
    yield ""
    names = ["float64", "load-only", "numpy float64", "compensated", "reproducible", "parallel", "float32", "int64"]
    yield "GB/s (median over blocks of the median over rounds)"
    yield ""
    yield from rows(blocks, names, lambda samples, size, name: size / statistics.median(samples[name]), single)
    for title, columns in RATIOS.items():
        yield f"\n{title}\n"
        pairs = {head: (slow, fast) for head, slow, fast in columns}
        yield from rows(blocks, list(pairs), lambda samples, _, head, pairs=pairs: ratio(samples, *pairs[head]), shown)
    yield "\nTwo nogil threads on private data, times as fast as two processes\n"
    for name in first["pairs"]:
        yield f"- {name}: {shown([ratio(one['pairs'][name], 'processes', 'threads') for one in blocks])}"


def single(values: list[float]) -> str:
    """The median alone."""
    return f"{statistics.median(values):.3g}"


def rows(
    blocks: list[dict[str, Any]], heads: list[str], value: Any, show: Callable[[list[float]], str]
) -> Iterator[str]:
    """A Markdown table of one value a size and head; blank where a block lacks it."""
    yield f"| size | {' | '.join(heads)} |"
    yield "|---:" * (len(heads) + 1) + "|"
    for size in blocks[0]["samples"]:
        cells = []
        for head in heads:
            try:
                cells.append(show([value(one["samples"][size], int(size), head) for one in blocks]))
            except KeyError:
                cells.append("")
        yield f"| {named(int(size))} | {' | '.join(cells)} |"


def main() -> None:
    """Measure, unless there is only something to show; then show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--least", type=float, default=0, help="smallest size, in KiB")
    parser.add_argument("--most", type=float, default=512, help="largest size, in MiB")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("measurements.jsonl"))
    parser.add_argument("--show", type=Path)
    parser.add_argument("--block", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.block:
        print(json.dumps(one_block(*json.loads(given.block))))
        return
    if not given.show:
        sizes = [size for size in SIZES if given.least * KIB <= size <= given.most * KIB * KIB]
        measure(given.out, given.blocks, given.rounds, sizes)
    lines = (given.show or given.out).read_text(encoding="utf-8").splitlines()
    print("\n".join(table([json.loads(line) for line in lines])))


if __name__ == "__main__":
    main()
