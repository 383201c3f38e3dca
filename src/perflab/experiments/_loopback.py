"""Programs of their own that speak TCP over the loopback: the server of io-fraction and the sender of convoy.

They are texts for a bare interpreter (no site, no perflab), so that one starts in some 15 ms and forks nothing.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from perflab.experiments._shared import shared

if TYPE_CHECKING:
    import socket

LOOPBACK = "127.0.0.1"
BACKLOG = 128
REQUEST_BYTES = 4
PATIENCE_S = 5

DELAYING_SERVER = f"""
import heapq, selectors, socket, sys, time

def main():
    listener = socket.create_server(("{LOOPBACK}", 0), backlog={BACKLOG})
    # select() waits to the microsecond, epoll to the millisecond only.
    ready, due, number = selectors.SelectSelector(), [], 0
    ready.register(listener, selectors.EVENT_READ)
    ready.register(sys.stdin, selectors.EVENT_READ)
    print(listener.getsockname()[1], flush=True)
    while True:
        wait = max(0.0, due[0][0] - time.monotonic()) if due else None
        for key, _ in ready.select(wait):
            if key.fileobj is sys.stdin:
                return
            if key.fileobj is listener:
                line, _ = listener.accept()
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ready.register(line, selectors.EVENT_READ)
                continue
            request = key.fileobj.recv({REQUEST_BYTES})
            if not request:
                ready.unregister(key.fileobj)
                key.fileobj.close()
                continue
            number += 1
            at = time.monotonic() + int.from_bytes(request, "little") / 1e6
            heapq.heappush(due, (at, number, key.fileobj, request))
        while due and due[0][0] <= time.monotonic():
            _, _, line, request = heapq.heappop(due)
            try:
                line.sendall(request)
            except OSError:
                pass

main()
"""
"""Answers each request by the same four bytes, as many microseconds after it came as they say.

It prints its port, and ends with its standard input, so also when its host is killed.
"""

SENDER = f"""
import json, select, socket, sys, time

SPIN_NS = 200_000  # sleeping ends some 50 us late: the last stretch is watched

def play(line, offsets):
    started = time.monotonic_ns() + 2_000_000
    due, sent, latencies = [started + 1000 * offset for offset in offsets], 0, []
    while len(latencies) < len(due):
        left = due[sent] - time.monotonic_ns() if sent < len(due) else {PATIENCE_S} * 10**9
        if left <= 0:
            line.sendall(sent.to_bytes({REQUEST_BYTES}, "little"))
            sent += 1
        elif select.select([line], [], [], max(0, left - SPIN_NS) / 1e9)[0]:
            answer = line.recv({REQUEST_BYTES}, socket.MSG_WAITALL)
            now = time.monotonic_ns()
            if answer != len(latencies).to_bytes({REQUEST_BYTES}, "little"):
                break
            latencies.append(now - due[len(latencies)])
        elif sent == len(due):
            break
    return latencies

lines = {{}}
for order in sys.stdin:
    port, offsets = json.loads(order)
    if port not in lines:
        lines[port] = socket.create_connection(("{LOOPBACK}", port))
        lines[port].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(json.dumps(play(lines[port], offsets)), flush=True)
    if not offsets:
        lines.pop(port).close()
"""
"""Sends messages to a port at the times it is told (us from now), whether or not the ones before were answered.

It prints how long each answer took, counted from when the message was meant to be sent, in ns: a sender that waits
for answers would send less while they are slow, and leave out what it did not send (Tene's coordinated omission).
Answers that are wrong, or that do not come for some seconds, end the list early. No times at all end the connection.
"""


@contextmanager
def program(source: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A bare interpreter that runs the source, with text pipes to and from it; it is over when the body is."""
    command = [sys.executable, "-I", "-S", "-c", source, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def delaying_server() -> AbstractContextManager[int]:
    """The port of this process's delaying server, which its cases share."""
    return shared("delaying server", _delaying_server)


@contextmanager
def _delaying_server() -> Iterator[int]:
    with program(DELAYING_SERVER) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


def sender() -> AbstractContextManager[subprocess.Popen[str]]:
    """Open this process's sender, which its cases share."""
    return shared("sender", lambda: program(SENDER))


def connected(port: int) -> socket.socket:
    """A connection to a loopback port that sends small messages at once."""
    import socket

    line = socket.create_connection((LOOPBACK, port))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line
