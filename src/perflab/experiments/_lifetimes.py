"""What lifetime lets happen to shared memory: programs that leave it behind in every way, and whoever looks afterwards.

Every segment's name is drawn here and made known to this process's own resource tracker first: whatever a program
leaves, and whenever the lab is killed, that tracker unlinks it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from perflab import procfs
from perflab.clock import pause
from perflab.errors import WrongAnswer
from perflab.experiments._partner import LIMIT_S, context, partners, told
from perflab.experiments._shared import shared

REMAINS, GONE = "it remains", "it is gone"
KEPT, LOST = "kept", "lost"
MARK, SIZE = 7, 64

Seen = dict[str, str]

USES = f"""
import os
import signal
import sys
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

create = "create" in sys.argv
for use in sys.argv[1].split(","):
    name, way = use.split(":")
    segment = SharedMemory(name, create=create, size={SIZE}, **(dict(track=False) if way == "untracked" else {{}}))
    if create:
        segment.buf[0] = {MARK}
    if way == "forgotten":
        resource_tracker.unregister(segment._name, "shared_memory")
    print(segment.buf[0], flush=True)
    segment.close()
if "killed" in sys.argv:
    os.kill(os.getpid(), signal.SIGKILL)
"""
"""Creates segments, or attaches to them, and ends without unlinking them: by itself, or by SIGKILL."""

SERVERS = f"""
import os
import pickle
import signal
from multiprocessing import Manager

os.environ["TMPDIR"] = os.getcwd()  # nobody removes the folder of a server whose Manager was killed


def create(how, write):
    manager = Manager()
    number = manager.Value("i", {MARK})
    os.write(write, pickle.dumps(number))
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)


def ask(proxy):
    try:
        return pickle.loads(proxy).value
    except (OSError, EOFError):
        return "none"


def main():
    pipes = {{}}
    for how in ("exits", "killed"):
        read, write = os.pipe()
        creator = os.fork()
        if not creator:
            return create(how, write)
        pipes[how] = creator, os.read(read, 4096)
    for how, (creator, proxy) in pipes.items():
        os.waitpid(creator, 0)
        print(how, ask(proxy), flush=True)


if __name__ == "__main__":
    main()
"""
"""Two children make a Manager each and end, by themselves or by SIGKILL; then their servers are asked."""


@contextmanager
def _name() -> Iterator[str]:
    """A name that this process's tracker knows; unlinked in the end, if it is still there."""
    import secrets
    from multiprocessing import resource_tracker

    name = f"psm_{secrets.token_hex(4)}"
    resource_tracker.register(f"/{name}", "shared_memory")
    try:
        yield name
    finally:
        segment = _found(name)
        if segment is None:
            resource_tracker.unregister(f"/{name}", "shared_memory")
        else:
            segment.close()
            segment.unlink()


def _found(name: str) -> Any:
    """The segment of that name, attached; None where there is none."""
    from multiprocessing.shared_memory import SharedMemory

    try:
        return SharedMemory(name)
    except FileNotFoundError:
        return None


def _exists(name: str) -> bool:
    segment = _found(name)
    if segment is not None:
        segment.close()
    return segment is not None


def creators(how: str, *ways: str) -> AbstractContextManager[Mapping[str, Seen]]:
    """What remains, by way, of the segments that one program created before it ended like this."""
    return shared((how, ways), lambda: _created(how, ways))


@contextmanager
def _created(how: str, ways: Sequence[str]) -> Iterator[Mapping[str, Seen]]:
    with ExitStack() as stack:
        names = {way: stack.enter_context(_name()) for way in ways}
        _use(names, "create", how)
        seen = {way: {"outcome": REMAINS if _exists(name) else GONE} for way, name in names.items()}
    yield seen


def readers(*ways: str) -> AbstractContextManager[Mapping[str, Seen]]:
    """What remains, by way, of this process's segments once a program that is no child of it has read them."""
    return shared(("read", ways), lambda: _read_by_program(ways))


@contextmanager
def _read_by_program(ways: Sequence[str]) -> Iterator[Mapping[str, Seen]]:
    with ExitStack() as stack:
        segments = {way: stack.enter_context(_owned()) for way in ways}
        _use({way: segment.name for way, segment in segments.items()})
        seen = {way: _state(segment) for way, segment in segments.items()}
    yield seen


def _use(names: Mapping[str, str], *how: str) -> None:
    uses = ",".join(f"{name}:{way}" for way, name in names.items())
    said = _run(USES, uses, *how)
    if said != [f"{MARK}"] * len(names):
        raise WrongAnswer(f"a program read {said} in its segments, expected {MARK} in each of {len(names)}")


def child_ends() -> Seen:
    """The same after a child of this process read it, which shares its tracker."""
    with _owned() as segment:
        started_by = context()
        heard, report = started_by.Pipe(False)
        with heard, report, partners(started_by, (_read, (segment.name, report))):
            _expect(told(heard))
        return _state(segment)


@contextmanager
def _owned() -> Iterator[Any]:
    from multiprocessing.shared_memory import SharedMemory

    with _name() as name:
        segment: Any = SharedMemory(name, create=True, size=SIZE)
        segment.buf[0] = MARK
        try:
            yield segment
        finally:
            segment.close()


def _state(segment: Any) -> Seen:
    memory = KEPT if segment.buf[0] == MARK else LOST
    return {"outcome": REMAINS if _exists(segment.name) else GONE, "memory": memory}


def _read(name: str, report: Any) -> None:
    segment = _found(name)
    report.send(segment.buf[0] if segment else None)
    if segment:
        segment.close()


def rawarray(how: str) -> Seen:
    """What remains of a RawArray whose creator, a child of this process, ended: by name, and for a child of its own."""
    started_by = context("fork")
    heard, report = started_by.Pipe(False)
    creator = started_by.Process(target=_create, args=(how, report))
    creator.start()
    try:
        report.close()
        seen = told(heard)
        names = [name for name in procfs.shm_entries() if name.startswith(f"pym-{creator.pid}-")]
    finally:
        creator.kill()
        creator.join()
        creator.close()
        heard.close()
    return {"outcome": REMAINS if names else GONE, "memory": KEPT if seen == MARK else LOST}


def _create(how: str, report: Any) -> None:
    """Make a RawArray, leave it to a child, and end."""
    memory: Any = context("fork").RawArray("B", SIZE)
    memory[0] = MARK
    creator = os.getpid()
    if os.fork():
        if how == "killed":
            os.kill(creator, signal.SIGKILL)
        os._exit(0)
    for _ in range(int(LIMIT_S * 1000)):
        if os.getppid() != creator:
            break
        pause(0.001)
    report.send(memory[0])
    os._exit(0)


def managers() -> AbstractContextManager[Mapping[str, Seen]]:
    """Whether a Manager's server still answers once the process that made it has ended, by how that ended."""
    return shared("managers", _managed)


@contextmanager
def _managed() -> Iterator[Mapping[str, Seen]]:
    said = dict(line.split() for line in _run(SERVERS))
    if set(said) != {"exits", "killed"} or not set(said.values()) <= {f"{MARK}", "none"}:
        raise WrongAnswer(f"the program said {said}, expected {MARK} or none for a creator that exits or is killed")
    yield {how: {"outcome": REMAINS if number == f"{MARK}" else GONE} for how, number in said.items()}


def _run(source: str, *arguments: str) -> list[str]:
    """The lines that a program printed; WrongAnswer if it printed none."""
    from perflab.programs import run_program

    ended = run_program(source, arguments=arguments)
    if not ended.out:
        raise WrongAnswer(
            f"a program printed nothing, expected a line or more: {'hung' if ended.hung else ended.error}"
        )
    return ended.out.splitlines()


def _expect(seen: Any) -> None:
    if seen != MARK:
        raise WrongAnswer(f"a child read {seen!r}, expected {MARK}")
