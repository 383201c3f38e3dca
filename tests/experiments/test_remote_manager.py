"""remote-manager: a program that inherits nothing is answered, strangers are not, verdicts on both sides."""

from __future__ import annotations

import os
import socket
import zlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sharing_support import astride, design_of, now_and_then, observe, verdict

from perflab.errors import WrongAnswer
from perflab.experiments import _remote, remote_manager
from perflab.model import Settings, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
CASES = design_of("remote-manager").cases


def test_each_case_observes_what_it_promises_and_leaves_nothing() -> None:
    """Calls take time, the program is answered, the stranger refused; no server and no socket stays."""
    observed = observe("remote-manager", CASES)
    for case in CASES:
        assert set(observed[case.id]) == ({"call_ns", "connect_ns"} if case.param("bytes") else {"outcome"}), case.id
    assert observed[remote_manager.PROGRAM.id] == {"outcome": "answered"}
    assert observed[remote_manager.STRANGER.id] == {"outcome": "AuthenticationError"}


@pytest.fixture(scope="module")
def served() -> Iterator[_remote.Office]:
    """One server for the tests that change nothing of it but its number; gone with its folder in the end."""
    with _remote.office() as opened:
        yield opened
    assert not os.path.exists(opened.folder)


def test_a_client_with_the_right_key_is_let_in_and_its_changes_are_seen(served: _remote.Office) -> None:
    """What one proxy adds another one finds; whoever has another key is refused, at either address."""
    before = served.desks["AF_UNIX"].add(0)
    assert (served.desks["AF_UNIX"].add(3), served.desks["TCP"].add(4)) == (before + 3, before + 7)
    assert remote_manager._attempt(served.addresses["AF_UNIX"], served.key) == "answered"
    for address in served.addresses.values():
        assert remote_manager._attempt(address, b"wrong") == "AuthenticationError"


def test_every_server_has_a_key_of_its_own(served: _remote.Office) -> None:
    """Drawn anew, and as long as a digest."""
    with _remote._opened() as other:
        assert len(other.key) == len(served.key) == _remote.KEY_BYTES
        assert other.key != served.key


def test_the_server_listens_to_this_machine_alone(served: _remote.Office) -> None:
    """TCP is bound to one address of the loopback, and not to all that the machine has."""
    assert served.addresses["TCP"][0] == "127.0.0.1"
    with pytest.raises((ConnectionError, TimeoutError)):
        socket.create_connection(("127.0.0.2", served.addresses["TCP"][1]), timeout=1)


def test_a_server_that_does_not_start_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ends without its address is told of, not waited for."""
    monkeypatch.setattr(_remote, "SERVER", "import sys; sys.exit(3)")
    with pytest.raises(WrongAnswer, match="before it said its addresses"), _remote._opened():
        pass


@pytest.mark.parametrize(
    ("client", "outcome"),
    [
        ("raise SystemExit('nothing there')", "nothing there"),
        ("print(-1, 8)", "it printed '-1 8', expected "),
        ("", "answered, but its changes were not seen here"),
    ],
)
def test_a_client_that_changes_nothing_is_not_answered(
    client: str, outcome: str, served: _remote.Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that fails, says another number, or only pretends, is told apart from one that was served."""
    before = served.desks["TCP"].add(0)
    said = f"print({before + 5}, {before + 7})"
    monkeypatch.setattr(_remote, "CLIENT", client or said)
    assert _remote.visit(served).startswith(outcome)


def test_a_wrong_checksum_is_a_wrong_answer() -> None:
    """A server that did not see the bytes is not timed; one that did is."""
    with pytest.raises(WrongAnswer, match="weighed 3 bytes as 1"):
        remote_manager._median_call(SimpleNamespace(weigh=lambda data: 1), b"abc")
    assert remote_manager._median_call(SimpleNamespace(weigh=zlib.adler32), b"abc") > 0


PROGRAM, STRANGER, LET_IN = "the client is answered", "AuthenticationError for a wrong key", "the right key is let in"
IN_CLIFF, BELOW, LOCAL = "a call with 32 KiB over TCP", "a call with 1 KiB over TCP", "a call with 32 KiB over AF_UNIX"
CLIFF = {IN_CLIFF: 44e6, BELOW: 9e4, LOCAL: 1e5}


@pytest.mark.parametrize(
    ("claim", "seen", "expected"),
    [
        ("S24", {PROGRAM: "answered"}, CONFIRMED),
        ("S24", {PROGRAM: "ConnectionRefusedError"}, REFUTED),
        ("S24", {PROGRAM: now_and_then("answered", "EOFError")}, UNRESOLVED),
        ("S24-key", {STRANGER: "AuthenticationError", LET_IN: "answered"}, CONFIRMED),
        ("S24-key", {STRANGER: "answered", LET_IN: "answered"}, REFUTED),
        ("S24-key", {STRANGER: "AuthenticationError", LET_IN: "AuthenticationError"}, UNRESOLVED),
        ("S24-cliff", CLIFF, CONFIRMED),
        ("S24-cliff", {**CLIFF, IN_CLIFF: 1e5}, REFUTED),
        ("S24-cliff", {**CLIFF, IN_CLIFF: astride(20e6)}, UNRESOLVED),
        ("S24-cliff", {**CLIFF, BELOW: 40e6}, REFUTED),
        ("S24-cliff", {**CLIFF, LOCAL: 40e6}, UNRESOLVED),
        ("S24-connect", {"getting a proxy over TCP": 180e6, "getting a proxy over AF_UNIX": 5e6}, CONFIRMED),
        ("S24-connect", {"getting a proxy over TCP": 5e6, "getting a proxy over AF_UNIX": 5e6}, REFUTED),
        ("S24-connect", {"getting a proxy over TCP": 180e6, "getting a proxy over AF_UNIX": 90e6}, UNRESOLVED),
        ("S24-small", {"TCP / AF_UNIX": 1.5}, CONFIRMED),
        ("S24-small", {"TCP / AF_UNIX": 2.5}, REFUTED),
        ("S24-small", {"TCP / AF_UNIX": astride(2.0)}, UNRESOLVED),
    ],
)
def test_verdicts_on_both_sides(claim: str, seen: dict[str, Any], expected: Verdict) -> None:
    """Answered and refused, with the wait and without it."""
    assert verdict("remote-manager", claim, seen) is expected


@pytest.mark.parametrize(("plan", "kind"), [("quick", "strip"), ("default", "lines")])
def test_the_cliff_is_swept_where_there_is_time(plan: str, kind: str) -> None:
    """The quick plan has one size on either side of the edge; the others draw a line over many."""
    design = design_of("remote-manager", Settings(plan))
    assert design.figures[0].kind == kind
    sizes = {int(case.param("bytes")) for case in design.cases if case.param("bytes")}
    assert {1024, 32 * 1024} <= sizes
    assert (len(sizes) > 2) == (plan != "quick")
