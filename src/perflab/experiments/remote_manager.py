"""Asks whether a Manager serves processes that inherit nothing of it, over TCP, and what a call costs there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflab.clock import monotonic_ns
from perflab.errors import WrongAnswer
from perflab.experiments._remote import call_on, office, visit
from perflab.model import (
    Arm,
    Case,
    Claim,
    Clause,
    Design,
    Estimand,
    Experiment,
    Figure,
    Group,
    Mark,
    Quantity,
    Reference,
    Relation,
    Role,
    Sample,
    Settings,
)
from perflab.outcomes import always

KIB = 1024
BELOW_CLIFF, IN_CLIFF = KIB, 32 * KIB
SWEEP = (KIB, 4 * KIB, 12 * KIB, 20 * KIB, 32 * KIB, 48 * KIB, 80 * KIB, 128 * KIB, 512 * KIB)
"""Bytes of the argument: a connection writes header and body apart above 16 KiB, a loopback segment holds 64 KiB."""

CLIFF_NS = 20_000_000.0
"""Half of the 40 ms for which Linux delays an acknowledgement: a call that takes longer waited for one."""

FACTOR_TWO = 2.0
MOST_CALLS, LEAST_CALLS, ENOUGH_NS = 20, 3, 5_000_000
"""Calls of a sample: as many as fit into 5 ms, and three, because the first after others is often let through."""

TRANSPORTS = ("TCP", "AF_UNIX")
REFUSED = "AuthenticationError"

QUANTITIES = (
    Quantity("call_ns", "ns", "a call with an argument of so many bytes and a short answer; the median of a few"),
    Quantity("connect_ns", "ns", "from an address and a key to a proxy of the object served"),
    Quantity("outcome", "", "what became of a client: 'answered', or the error"),
)


def design(settings: Settings) -> Design:
    """Calls by transport and size, a client program, and a client with the wrong key; each observed once a block."""
    sizes = (BELOW_CLIFF, IN_CLIFF) if settings.plan == "quick" else SWEEP
    calls = [
        Arm(_call(transport, size), None if transport == "AF_UNIX" else _call("AF_UNIX", size), cores=2)
        for size in sizes
        for transport in TRANSPORTS
    ]
    groups = (Group("calls", tuple(calls), single=True), Group("clients", (Arm(PROGRAM), Arm(STRANGER)), single=True))
    return Design(groups, (*_client_claims(), *_cost_claims()), tuple(_figures(sizes)))


def _call(transport: str, size: int) -> Case:
    return Case(strategy=transport, params=(("bytes", size),))


PROGRAM = Case(strategy="TCP", params=(("key", "right"),))
STRANGER = Case(strategy="TCP", params=(("key", "wrong"),))


def _client_claims() -> Iterator[Claim]:
    loopback = "on one machine, over TCP of the loopback; a network between them is not measured"
    yield Claim(
        "S24",
        "A Manager also works remotely: a program that inherits nothing calls it over TCP, and both see the change",
        (always(PROGRAM, "outcome", "answered", "the client is answered"),),
        ("S24",),
        conditions=f"{loopback}; the client knows the address and the key",
    )
    yield Claim(
        "S24-key",
        "A client with the wrong key is refused",
        (
            always(STRANGER, "outcome", REFUSED, f"{REFUSED} for a wrong key"),
            always(PROGRAM, "outcome", "answered", "the right key is let in", Role.SUPPORTS),
        ),
        ("S24",),
        conditions=loopback,
    )


def _cost_claims() -> Iterator[Claim]:
    def takes(transport: str, size: int, relation: Relation, role: Role = Role.DECIDES) -> Clause:
        case, label = _call(transport, size), f"a call with {size // KIB} KiB over {transport}"
        return Clause(case, "call_ns", Estimand.LEVEL, relation, CLIFF_NS, role=role, label=label)

    yield Claim(
        "S24-cliff",
        "Over TCP a call with 32 KiB waits for a delayed acknowledgement, some 40 ms; one with 1 KiB does not",
        (
            takes("TCP", IN_CLIFF, Relation.ABOVE),
            takes("TCP", BELOW_CLIFF, Relation.BELOW),
            takes("AF_UNIX", IN_CLIFF, Relation.BELOW, Role.SUPPORTS),
        ),
        ("S24",),
        conditions="the loopback, a connection that has been used; more than 20 ms counts as such a wait",
    )
    waits = f"above {CLIFF_NS / 1e6:.0f} ms"
    yield Claim(
        "S24-connect",
        "Over TCP getting a proxy waits for delayed acknowledgements too, before the first call",
        (_connects("TCP", Relation.ABOVE), _connects("AF_UNIX", Relation.BELOW, Role.SUPPORTS)),
        ("S24",),
        conditions=f"the loopback; connecting with the key and three requests of multiprocessing's own; {waits} counts",
    )
    small = [_call(transport, BELOW_CLIFF) for transport in TRANSPORTS]
    ratio = Clause(small[0], "call_ns", Estimand.RATIO, Relation.BELOW, FACTOR_TWO, small[1], label="TCP / AF_UNIX")
    yield Claim(
        "S24-small",
        "A small call to a Manager over TCP takes less than twice as long as over a local socket",
        (ratio,),
        ("S24",),
        conditions="an argument of 1 KiB, the loopback",
    )


def _connects(transport: str, relation: Relation, role: Role = Role.DECIDES) -> Clause:
    case, label = _call(transport, BELOW_CLIFF), f"getting a proxy over {transport}"
    return Clause(case, "connect_ns", Estimand.LEVEL, relation, CLIFF_NS, role=role, label=label)


def _figures(sizes: tuple[int, ...]) -> Iterator[Figure]:
    claims, title = ("S24-cliff", "S24-small"), "What a call to a Manager costs, by the bytes of its argument"
    if len(sizes) == 2:
        marks = tuple(Mark(_call(t, size), f"{size // KIB} KiB over {t}") for size in sizes for t in TRANSPORTS)
        yield Figure("remote-calls", title, "strip", "call_ns", Estimand.LEVEL, marks, claims=claims)
        return
    marks = tuple(
        Mark(_call(t, size), f"{size // KIB} KiB over {t}", series=t, x=size) for t in TRANSPORTS for size in sizes
    )
    lines = (Reference(2 * CLIFF_NS, "40 ms: a delayed acknowledgement"),)
    yield Figure(
        "remote-calls",
        title,
        "lines",
        "call_ns",
        Estimand.LEVEL,
        marks,
        x_label="bytes",
        references=lines,
        claims=claims,
    )


def probe(case: Case) -> Iterator[Sample]:
    """The server is started with the first case and serves them all."""
    with office() as served:
        if case.param("bytes"):
            data = bytes(int(case.param("bytes")))
            yield lambda count: {
                "call_ns": _median_call(served.desks[case.strategy], data),
                "connect_ns": served.connect_ns[case.strategy],
            }
        elif case.param("key") == "right":
            yield lambda count: {"outcome": visit(served)}
        else:
            yield lambda count: {"outcome": _attempt(served.addresses[case.strategy], bytes(len(served.key)))}


def _median_call(desk: Any, data: bytes) -> float:
    import statistics
    import zlib

    expected, weigh = zlib.adler32(data), desk.weigh
    times: list[int] = []
    while len(times) < LEAST_CALLS or (len(times) < MOST_CALLS and sum(times) < ENOUGH_NS):
        started = monotonic_ns()
        answer = weigh(data)
        times.append(monotonic_ns() - started)
        if answer != expected:
            raise WrongAnswer(f"the server weighed {len(data)} bytes as {answer}, expected {expected}")
    return statistics.median(times)


def _attempt(address: object, key: bytes) -> str:
    """'answered', or the type of the error that a client with that key meets."""
    try:
        call_on(address, key)
    except Exception as error:  # which one is what is asked
        return type(error).__name__
    return "answered"


EXPERIMENT = Experiment(
    name="remote-manager",
    question="Does a Manager serve processes that inherit nothing of it, and what does a call over TCP cost?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "A Manager's server is started as a program of its own, on a TCP port of the loopback and on a local socket, "
        "with a random key. A second program, which knows address and key only, changes the object that is "
        "served, and the change is looked for from here; a client with another key tries as well. Calls with an "
        "argument of growing size and a short answer are timed over both transports, on a connection already in use; "
        "the server answers with a checksum of what it got."
    ),
    limits=(
        "Nothing leaves the machine: a network adds its own delays, and the wait for an acknowledgement adds to "
        "those. That wait comes from how Python writes a long message, its header and its body apart, together with "
        "two habits of TCP (Nagle's algorithm and delayed acknowledgements); where the sizes begin and end depends on "
        "the largest segment, 64 KiB on the loopback and 1.5 kB on Ethernet. The key keeps strangers out and does not "
        "encrypt anything."
    ),
    weight=5.5,
    place=78,
)
