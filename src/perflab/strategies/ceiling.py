"""What the machine can give now: independent processes, each with its own part, told to start by one byte.

Nothing is shared and nothing pickled: a worker knows its bounds, has its own copy of the input even under fork, and
has computed its part once before the strategy is open. It answers the start byte by nine bytes: the kind of number,
and the number. With the nogil kernel that is the ceiling to which every speed-up of the same round is compared.
Memory: an input for each worker. Cold: loading, starting, copying, warming up. Warm: a write and a read a worker.
Teardown: a stop message each, then joining. A worker that dies closes its pipe: ChildProcessError.
Thread-safety: one call at a time, since answers are told apart by their order alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from copy import copy
from typing import TYPE_CHECKING, Any

from perflab.model import Call, Part, Strategy, Task
from perflab.workers import Bounds, Outcome, attach, attempt, died, open_crew, settle

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

GO = b"\1"
INTEGER = struct.Struct("=cq")
FLOAT = struct.Struct("=cd")


def open_ceiling(task: Task) -> Iterator[Call]:
    """Wait until each worker is warm; then a call is a byte to each and an answer from each."""
    with open_crew(task, _serve, task.workload.load(task.size)) as members:
        connections = [member.connection for member in members]

        def outcomes(signal: bytes) -> list[Outcome]:
            try:
                for connection in connections:
                    connection.send_bytes(signal)
                return [decode(connection.recv_bytes()) for connection in connections]
            except (EOFError, OSError) as error:
                raise died([member.process for member in members]) from error

        outcomes(GO)  # the warm-up; what it raises is raised again by the first call
        yield lambda: task.workload.combine(settle(outcomes(GO)))


def _serve(near: Connection[Any, Any], far: Connection[Any, Any], part: Part, data: Any, bounds: Bounds) -> None:
    """Compute the same part at every start byte until anything else comes."""
    near.close()
    attach(part, copy(data))
    with far:
        try:
            while far.recv_bytes() == GO:
                far.send_bytes(encode(attempt(bounds)))
        except (EOFError, OSError):
            return


def encode(outcome: Outcome) -> bytes:
    """Nine bytes for an int64 or a float64; pickled, after a "p", whatever else a part came to."""
    partial, error = outcome
    if error is None and type(partial) is int and -(2**63) <= partial < 2**63:
        return INTEGER.pack(b"i", partial)
    if error is None and type(partial) is float:
        return FLOAT.pack(b"f", partial)
    import pickle

    return b"p" + pickle.dumps(outcome)


def decode(message: bytes) -> Outcome:
    """The inverse of :func:`encode`."""
    kind = message[:1]
    if kind == b"p":
        import pickle

        outcome: Outcome = pickle.loads(message[1:])
        return outcome
    return (INTEGER if kind == b"i" else FLOAT).unpack(message)[1], None


STRATEGY = Strategy(
    name="ceiling",
    summary="one independent process a worker, started by a byte: what the machine can give",
    workers="processes",
    memory="copied",
    open=open_ceiling,
    imports=("multiprocessing.connection",),
)
