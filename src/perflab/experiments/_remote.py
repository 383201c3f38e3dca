"""A Manager's server in a process of its own, started as a fresh interpreter, and clients that inherit nothing of it.

The server binds to the loopback, or to a socket in a private folder, under a random key that reaches it by a pipe. It
ends when that pipe closes, so that it never outlives the host.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from perflab.clock import monotonic_ns
from perflab.errors import WrongAnswer
from perflab.experiments._shared import shared

KEY_BYTES = 32
WARM_CALLS = 40
"""A fresh TCP connection acknowledges its first segments at once; the habit of waiting comes with some traffic."""

DESK = """
import os
import sys
import zlib
from multiprocessing.managers import BaseManager


class Office(BaseManager):
    pass
"""

SERVER = f"""{DESK}

import threading


class Desk:
    total = 0

    def add(self, number):
        self.total += number
        return self.total

    def weigh(self, data):
        return zlib.adler32(data)


desk = Desk()
key = bytes.fromhex(sys.stdin.readline())
Office.register("desk", callable=lambda: desk, exposed=("add", "weigh"))
for address in (("127.0.0.1", 0), sys.argv[1]):
    server = Office(address=address, authkey=key).get_server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.address if isinstance(server.address, str) else server.address[1], flush=True)
sys.stdin.read()
os._exit(0)
"""
"""Serves one object with a number at two addresses, until its input ends; weigh() answers few bytes to many."""

CLIENT = f"""{DESK}

if __name__ == "__main__":
    Office.register("desk", exposed=("add",))
    with open(sys.argv[2]) as file:
        key = bytes.fromhex(file.read())
    office = Office(address=("127.0.0.1", int(sys.argv[1])), authkey=key)
    office.connect()
    desk = office.desk()
    print(desk.add(5), desk.add(2), flush=True)
    os._exit(0)  # giving the proxy back would be one more connection, and nothing is asked about it
"""
"""A client in a program of its own: all it knows is the address, and a file with the key."""


@dataclass(frozen=True, slots=True)
class Office:
    """A running server: its addresses and this process's proxies of the object served, by transport, and its key."""

    addresses: Mapping[str, Any]
    desks: Mapping[str, Any]
    connect_ns: Mapping[str, int]
    """How long each proxy took to get."""
    key: bytes
    folder: str


def office() -> AbstractContextManager[Office]:
    """The host's server, started with the first case that calls it and ended with the last."""
    return shared("office", _opened)


@contextmanager
def _opened() -> Iterator[Office]:
    key = os.urandom(KEY_BYTES)
    with tempfile.TemporaryDirectory(prefix="perflab-") as folder, _serving(key, folder) as addresses:
        desks, connect_ns = {}, {}
        for transport, address in addresses.items():
            started = monotonic_ns()
            desks[transport] = call_on(address, key)
            connect_ns[transport] = monotonic_ns() - started
            for _ in range(WARM_CALLS):
                desks[transport].weigh(b"")
        yield Office(addresses, desks, connect_ns, key, folder)


@contextmanager
def _serving(key: bytes, folder: str) -> Iterator[Mapping[str, Any]]:
    """The addresses of a fresh server process; it ends with the body, which closes its pipe."""
    command = [sys.executable, "-S", "-c", SERVER, os.path.join(folder, "office")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin and server.stdout
        server.stdin.write(key.hex() + "\n")
        server.stdin.flush()
        port, path = (server.stdout.readline().strip() for _ in range(2))
        if not path:
            raise WrongAnswer("the Manager's server ended before it said its addresses, expected two lines")
        yield {"TCP": ("127.0.0.1", int(port)), "AF_UNIX": path}


def call_on(address: Any, key: bytes) -> Any:
    """A proxy of the object served at that address; AuthenticationError for another key than the server's."""
    from multiprocessing.managers import BaseManager

    class Visitor(BaseManager):
        """A client's side."""

    Visitor.register("desk", exposed=("add", "weigh"))
    visitor: Any = Visitor(address=address, authkey=key)
    visitor.connect()
    return visitor.desk()


def visit(served: Office) -> str:
    """What a client program says that adds 5 and 2 to the object's number, and what this process then sees of it."""
    from perflab.programs import run_program

    desk, before = served.desks["TCP"], served.desks["TCP"].add(0)
    path = os.path.join(served.folder, "key")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
        file.write(served.key.hex())
    ended = run_program(CLIENT, arguments=(str(served.addresses["TCP"][1]), path))
    expected = f"{before + 5} {before + 7}"
    if ended.out.strip() != expected:
        return ended.error or f"it printed {ended.out.strip()!r}, expected {expected!r}"
    return "answered" if desk.add(0) == before + 7 else "answered, but its changes were not seen here"
