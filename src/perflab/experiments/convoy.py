"""Asks how long a thread that waits for input is kept from answering by a thread that computes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any

from perflab.errors import WrongAnswer
from perflab.experiments._interval import switch_interval
from perflab.experiments._loopback import LOOPBACK, sender
from perflab.model import (
    Arm,
    Case,
    Claim,
    Clause,
    Curve,
    Design,
    Estimand,
    Experiment,
    Figure,
    Group,
    Mark,
    Observation,
    Quantity,
    Reference,
    Relation,
    Role,
    Sample,
    Settings,
)

if TYPE_CHECKING:
    import socket
    import subprocess

DEFAULT_US, SHORT_US = 5000, 500
"""The interpreter's switch interval by default, and a tenth of it."""

SWEEP_US = (50, 200, 1000, 2000)
LONG_US = 20_000
"""What longer plans ask for besides; the longest has few messages, and a group of its own."""

TENFOLD = 10.0
"""An order of magnitude more is what 'kept waiting' means, and less than that is what 'not kept waiting' means."""

LEAST, MOST = 0.9, 2.0
"""An interval is waited for, and not a part of one; where cores are scarce it may be more."""

FACTOR_TWO = 2.0

FREE_US = 2000
HELD = 2.5
"""Between two messages there are 2 ms, and beside a thread that holds the GIL two and a half intervals more: one answer
may take two, since the echo needs the GIL once to read and once more when it has answered."""

COMPILED_ELEMENTS = 5_000_000
"""Some milliseconds without the GIL, then it is taken for an instant."""

QUANTITIES = (
    Quantity("latency_ns", "ns", "from when a message was to be sent until its answer came, the median of some"),
    Quantity("worst_ns", "ns", "the same, the longest of some"),
)


def design(settings: Settings) -> Design:
    """Alone, beside a Python loop and beside a compiled one, by turns; other switch intervals where there is time."""
    alone = _case("echo alone")
    compiled = _case("echo beside a compiled loop")
    long = settings.plan != "quick"
    wanted = {DEFAULT_US, SHORT_US, *((*SWEEP_US, LONG_US) if long else ())}
    loops = {us: _case("echo beside a Python loop", us) for us in sorted(wanted)}
    groups = [_group("echo", alone, loops[DEFAULT_US], loops[SHORT_US], compiled)]
    if long:
        groups.append(_group("switch intervals", alone, *(loops[us] for us in SWEEP_US)))
        groups.append(_group("a long switch interval", alone, loops[LONG_US]))
    claims = tuple(_claims(alone, loops, compiled))
    return Design(tuple(groups), claims, tuple(_figures(alone, loops, compiled)))


def _group(name: str, alone: Case, *cases: Case) -> Group:
    return Group(name, (Arm(alone, cores=1), *(Arm(case, alone, cores=2) for case in cases)))


def _case(strategy: str, interval_us: int = DEFAULT_US) -> Case:
    return Case(strategy=strategy, params=(("interval", f"{interval_us} us"),))


def _interval_us(case: Case) -> int:
    return int(str(case.param("interval")).removesuffix(" us"))


def _claims(alone: Case, loops: Mapping[int, Case], compiled: Case) -> Iterator[Claim]:
    def against(case: Case, control: Case, relation: Relation, bound: float, label: str) -> Clause:
        return Clause(case, "latency_ns", Estimand.RATIO, relation, bound, control, label=label)

    def level(case: Case, relation: Relation, bound_us: float, label: str, role: Role) -> Clause:
        return Clause(case, "latency_ns", Estimand.LEVEL, relation, bound_us * 1000, role=role, label=label)

    loop, free = loops[DEFAULT_US], "beside a compiled loop that releases the GIL"
    freed = against(compiled, alone, Relation.BELOW, TENFOLD, free)
    yield Claim(
        "convoy",
        "A thread that computes makes every answer of another thread wait for a switch interval",
        (
            against(loop, alone, Relation.ABOVE, TENFOLD, "beside a Python loop"),
            level(loop, Relation.ABOVE, LEAST * DEFAULT_US, "beside a Python loop, the least", Role.DECIDES),
            level(loop, Relation.BELOW, MOST * DEFAULT_US, "beside a Python loop, the most", Role.BESIDE),
            replace(freed, role=Role.SUPPORTS),
        ),
        conditions=f"an echo over the loopback: more than {TENFOLD:g} times as long as alone, and more than {LEAST:g} "
        f"times the default switch interval of {DEFAULT_US // 1000} ms",
    )
    at_most, at_least = FACTOR_TWO * SHORT_US / DEFAULT_US, SHORT_US / DEFAULT_US / FACTOR_TWO
    yield Claim(
        "convoy-interval",
        "A switch interval ten times shorter makes the wait ten times shorter",
        (
            against(loops[SHORT_US], loop, Relation.BELOW, at_most, "a tenth, at most twice that"),
            against(loops[SHORT_US], loop, Relation.ABOVE, at_least, "a tenth, at least half of that"),
            level(compiled, Relation.BELOW, SHORT_US, free, Role.PRECONDITION),
        ),
        conditions=f"within a factor of two, {SHORT_US / 1000:g} ms against {DEFAULT_US // 1000} ms; where nobody "
        "waits as long for a core as for the GIL",
    )
    yield Claim(
        "convoy-nogil",
        "A thread that computes without the GIL makes nobody wait",
        (freed,),
        conditions=f"less than {TENFOLD:g} times as long as alone, in calls of some milliseconds that release the GIL",
    )


def _figures(alone: Case, loops: Mapping[int, Case], compiled: Case) -> Iterator[Figure]:
    beside = (Mark(case, f"beside a Python loop, interval {us / 1000:g} ms") for us, case in loops.items())
    yield Figure(
        "convoy",
        "How long an answer takes beside a thread that computes",
        "strip",
        "latency_ns",
        Estimand.LEVEL,
        (Mark(alone, "alone"), Mark(compiled, "beside a compiled loop, GIL released"), *beside),
        references=(Reference(DEFAULT_US * 1000.0, "default switch interval"),),
        claims=("convoy", "convoy-nogil"),
    )
    yield Figure(
        "convoy-interval",
        "How long an answer takes beside a Python loop, by the switch interval",
        "lines",
        "latency_ns",
        Estimand.LEVEL,
        tuple(Mark(case, f"{us / 1000:g} ms", None, "beside a Python loop", us / 1000) for us, case in loops.items()),
        x_label="switch interval, ms",
        claims=("convoy-interval",),
        curves=(Curve("one switch interval", tuple((us / 1000, us * 1000.0) for us in loops)),),
    )


def probe(case: Case) -> Iterator[Sample]:
    """An echo on a thread of this process, a sender in another; a sample plays one schedule beside the neighbour."""
    offsets = _offsets(case)
    with sender() as sending, _echo(sending) as port:
        _play(sending, port, [0])  # the first answer of a new connection is not counted

        def sample(count: int) -> Mapping[str, Observation]:
            with switch_interval(_interval_us(case)), _neighbour(case.strategy):
                latencies = [one for _ in range(count) for one in _play(sending, port, offsets)]
            return {"latency_ns": median(latencies), "worst_ns": max(latencies)}

        yield sample


def _offsets(case: Case) -> list[int]:
    """When each message is due, in µs: as many as fit into a short sample, one at least."""
    held = HELD * _interval_us(case) if NEIGHBOURS.get(case.strategy) is _compute else 0
    count = 3 if held < DEFAULT_US else 2 if held < 4 * DEFAULT_US else 1
    return [int(number * (FREE_US + held)) for number in range(count)]


def _play(sending: subprocess.Popen[str], port: int, offsets: list[int]) -> list[int]:
    """The latencies of all messages in ns; WrongAnswer where one was answered wrongly or not at all."""
    assert sending.stdin is not None and sending.stdout is not None
    sending.stdin.write(f"{json.dumps([port, offsets])}\n")
    sending.stdin.flush()
    line = sending.stdout.readline()
    latencies: list[int] = json.loads(line) if line else []
    if len(latencies) != len(offsets):
        raise WrongAnswer(f"{len(latencies)} of {len(offsets)} messages came back as they were sent")
    return latencies


@contextmanager
def _echo(sending: subprocess.Popen[str]) -> Iterator[int]:
    """The port of a thread that sends back what it receives, until the sender is told to send it nothing more."""
    import socket
    from threading import Thread

    with socket.create_server((LOOPBACK, 0)) as listener:
        port = int(listener.getsockname()[1])
        thread = Thread(target=_accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield port
        finally:
            _play(sending, port, [])
            thread.join()


def _accept(listener: socket.socket) -> None:
    import socket

    line, _ = listener.accept()
    with line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _answer(line)


def _answer(line: socket.socket) -> None:
    while message := line.recv(4096):
        line.sendall(message)


@contextmanager
def _neighbour(strategy: str) -> Iterator[None]:
    """A thread that computes while the body runs, and has begun when it does."""
    from threading import Event, Thread

    over, begun = Event(), Event()
    if strategy not in NEIGHBOURS:
        yield
        return
    thread = Thread(target=NEIGHBOURS[strategy], args=(over, begun), daemon=True)
    thread.start()
    try:
        begun.wait()
        yield
    finally:
        over.set()
        thread.join()


def _compute(over: Any, begun: Any) -> None:
    """Count in a Python loop."""
    begun.set()
    while not over.is_set():
        for _ in range(10_000):
            pass


def _compute_without_gil(over: Any, begun: Any) -> None:
    """Add up in compiled calls that release the GIL."""
    from perflab.kernels import range_sum

    begun.set()
    while not over.is_set():
        range_sum.sum_nogil(0, COMPILED_ELEMENTS)


NEIGHBOURS: Mapping[str, Callable[[Any, Any], None]] = {
    "echo beside a Python loop": _compute,
    "echo beside a compiled loop": _compute_without_gil,
}


EXPERIMENT = Experiment(
    name="convoy",
    question="How long does a thread that computes keep other threads from answering?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "A thread sends back what it receives over a TCP connection on the loopback; another process sends it short "
        "messages at times fixed in advance, far enough apart that the thread is idle when one comes. The time of an "
        "answer is counted from when its message was meant to be sent, so that nothing is left out while answers are "
        "late. In the same process a second thread computes meanwhile: nothing, a loop in Python, or compiled calls "
        "that release the GIL. The loop in Python is repeated under other switch intervals, which is how long the "
        "interpreter lets a thread go on when others wait for the GIL."
    ),
    limits=(
        "One message at a time: a thread that has several things to do asks for the GIL several times, and waits an "
        "interval each time. Reading and sending back need the GIL twice, but the second time the answer is under way "
        "already. Alone, most of the time is the waking up of two idle processes, which differs much between machines. "
        "Compiled code that keeps the GIL is not asked here; it gives it up for no interval at all."
    ),
    weight=3,
    place=48,
)
