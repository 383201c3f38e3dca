"""Threads, and processes that share nothing, that begin one piece of work each at the same time."""

from __future__ import annotations

import os
import subprocess
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from perflab.clock import monotonic_ns
from perflab.errors import WrongAnswer
from perflab.experiments._loopback import program

Work = Callable[[], Any]
"""One piece of work; what it returns is checked by whoever gave it."""

MOST_SPINS = 10_000_000_000
"""Some ten seconds: a thread that has not come by then never will."""

LEAD_NS = 500_000
"""Processes are told this long before they are to begin: a byte to each takes some 10 µs, waking up some 50."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One worker's piece: when it began and ended on the lab's clock, and what came out."""

    started_ns: int
    ended_ns: int
    answer: Any


@dataclass(frozen=True, slots=True)
class Gate:
    """Where threads wait for each other, spinning without the GIL; used once."""

    count: int
    arrived: array[int] = field(default_factory=lambda: array("q", [0]))
    opened: array[int] = field(default_factory=lambda: array("i", [0]))

    def wait(self) -> None:
        """Return when ``count`` threads are here; WrongAnswer if one does not come for seconds."""
        from perflab.kernels import sharing, spin

        if sharing.add_atomic(self.arrived, 0, 1) >= self.count:
            self.opened[0] = 1
        if not spin.wait_nogil(self.opened, MOST_SPINS):
            raise WrongAnswer(f"{self.arrived[0]} threads came to begin, expected {self.count}")


def span_ns(turns: Sequence[Turn]) -> int:
    """From the first beginning to the last end."""
    return max(turn.ended_ns for turn in turns) - min(turn.started_ns for turn in turns)


def take_turn(work: Work) -> Turn:
    """Do it in this thread."""
    started = monotonic_ns()
    answer = work()
    return Turn(started, monotonic_ns(), answer)


def spread(number: int) -> None:
    """Put the calling thread on the core of that number and let it go again.

    A scheduler often wakes a second thread on the core of the first and moves it only after some ms; from here on
    it may move both as it likes. Does nothing where a thread cannot be placed.
    """
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})
        os.sched_setaffinity(0, cores)


@contextmanager
def threads(count: int) -> Iterator[Callable[[Sequence[Work]], list[Turn]]]:
    """What carries out ``count`` pieces at once: the first in the calling thread, the others in threads that stay."""
    from concurrent.futures import ThreadPoolExecutor

    def attend(gate: Gate, number: int, work: Work) -> Turn:
        spread(number)
        gate.wait()
        return take_turn(work)

    with ThreadPoolExecutor(max(1, count - 1)) as pool:

        def together(works: Sequence[Work]) -> list[Turn]:
            gate = Gate(len(works))
            others = [pool.submit(attend, gate, number, work) for number, work in enumerate(works[1:], 1)]
            return [attend(gate, 0, works[0]), *(other.result() for other in others)]

        yield together


INDEPENDENT = """
import array, importlib.util, os, sys, time

def spread(number):
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})
        os.sched_setaffinity(0, cores)

name, path, size = sys.argv[2], sys.argv[3], int(sys.argv[4])
spec = importlib.util.spec_from_file_location("perflab.kernels." + name, path)
kernels = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kernels)
vector = array.array("d", [1.0]) * (size // 8)
work = {
    "limits": lambda rounds: kernels.arithmetic_nogil(rounds),
    "sums": lambda rounds: kernels.sum_repeatedly_nogil(vector, rounds),
}[name]
for line in sys.stdin:
    begin, rounds = map(int, line.split())
    spread(int(sys.argv[1]))
    while time.monotonic_ns() < begin:
        pass
    started = time.monotonic_ns()
    answer = work(rounds)
    print(started, time.monotonic_ns(), answer, flush=True)
"""
"""Does rounds of work from the instant it is told: a ceiling, since it shares nothing but the machine with anybody."""


@contextmanager
def processes(count: int, summed_bytes: int = 0) -> Iterator[Callable[[Sequence[int]], list[Turn]]]:
    """What has so many rounds done at once, each by a process of its own, at most ``count``.

    A round is one of arithmetic, or a sum of ``summed_bytes`` that the process has to itself.
    """
    from perflab.kernels import limits, sums

    kernels = ("sums", sums.__file__) if summed_bytes else ("limits", limits.__file__)
    with ExitStack() as stack:
        told = (str(number) for number in range(count))
        members = [stack.enter_context(program(INDEPENDENT, n, *kernels, str(summed_bytes))) for n in told]

        def together(rounds: Sequence[int]) -> list[Turn]:
            called = members[: len(rounds)]
            begin = monotonic_ns() + LEAD_NS
            for member, one in zip(called, rounds, strict=True):
                _tell(member, f"{begin} {one}\n")
            return [_heard(member) for member in called]

        yield together


def _tell(member: subprocess.Popen[str], line: str) -> None:
    assert member.stdin is not None
    member.stdin.write(line)
    member.stdin.flush()


def _heard(member: subprocess.Popen[str]) -> Turn:
    assert member.stdout is not None
    said = member.stdout.readline().split()
    if len(said) != 3:
        raise WrongAnswer(f"an independent process answered {said}, expected two instants and a number")
    return Turn(int(said[0]), int(said[1]), float(said[2]))
