"""Starting hosts, asking them, ending them: the lab's only door to other processes."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perflab import procfs
from perflab.clock import monotonic_ns, pause
from perflab.errors import BadInput, CaseError, HostDied, HostHung
from perflab.guardian import end_session

LIMIT_S = 30.0
"""Hard limit of one request; a host that has not answered by then is hung."""

DETAIL_BYTES = 8000
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT", "PYTHON_GIL")
PINNED = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


def limit_from_environment() -> float:
    """Seconds that a host may take for one request; PERFLAB_LIMIT_S changes it. BadInput for what is no number."""
    text = os.environ.get("PERFLAB_LIMIT_S") or str(LIMIT_S)
    with suppress(ValueError):
        if 0 < float(text) < 1e6:
            return float(text)
    raise BadInput(f"PERFLAB_LIMIT_S is {text!r}, expected seconds above 0: unset it for {LIMIT_S:g} s")


@dataclass(slots=True)
class Host:
    """A running host: its process, the two pipe ends the lab holds, and where its stderr goes."""

    process: subprocess.Popen[bytes]
    requests_fd: int
    answers_fd: int
    stderr: Path
    pending: bytes = b""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def pid(self) -> int:
        """The process id, which is its session's id as well."""
        return self.process.pid


@dataclass(slots=True)
class Shelter:
    """What hosts need around them: a folder for their temporary files, the guardian, and the hard limit."""

    folder: Path
    guardian: subprocess.Popen[bytes]
    limit_s: float = LIMIT_S
    started: int = 0
    living: dict[int, Host] = field(default_factory=dict)

    def tell(self, line: str) -> None:
        """Say a line to the guardian; one that was killed is not missed until the lab is killed as well."""
        assert self.guardian.stdin is not None
        with suppress(BrokenPipeError):
            self.guardian.stdin.write(f"{line}\n".encode())
            self.guardian.stdin.flush()


def shelter(limit_s: float = LIMIT_S) -> Shelter:
    """Make the folder and start the guardian; end both with :func:`leave`."""
    folder = Path(tempfile.mkdtemp(prefix="perflab-"))
    guardian = subprocess.Popen(
        [sys.executable, "-c", "from perflab.guardian import main; main(0)"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment("0", folder),
        cwd=folder,
        start_new_session=True,
    )
    made = Shelter(folder, guardian, limit_s)
    made.tell(f"dir {folder}")
    return made


def leave(place: Shelter) -> None:
    """End every host that is left, dismiss the guardian, remove the folder."""
    for host in list(place.living.values()):
        end(place, host, grace_s=0)
    place.tell("bye")
    assert place.guardian.stdin is not None
    with suppress(BrokenPipeError):
        place.guardian.stdin.close()
    try:
        place.guardian.wait(timeout=5)
    except subprocess.TimeoutExpired:
        place.guardian.kill()
        place.guardian.wait()
    shutil.rmtree(place.folder, ignore_errors=True)


@contextmanager
def neighbour() -> Iterator[None]:
    """A process that spins on one core while the body runs: a busy machine, made on purpose."""
    place = shelter()
    command, alone = [sys.executable, "-c", "while True: pass"], environment("0", place.folder)
    process = subprocess.Popen(command, env=alone, stdin=subprocess.DEVNULL, start_new_session=True)
    place.tell(f"+{process.pid}")
    try:
        yield
    finally:
        process.kill()
        process.wait()
        leave(place)


def environment(hash_seed: str, folder: Path) -> dict[str, str]:
    """A host's scrubbed environment: what programs need to start, BLAS pinned to one thread, a folder of its own."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    if "PYTHONPATH" in kept:
        kept["PYTHONPATH"] = os.pathsep.join(os.path.abspath(one) for one in kept["PYTHONPATH"].split(os.pathsep))
    return {**kept, **PINNED, "PYTHONHASHSEED": hash_seed, "TMPDIR": str(folder)}


def start(place: Shelter, hash_seed: int) -> Host:
    """Start a host as leader of a session of its own; it is ready once :func:`greet` returns."""
    place.started += 1
    stderr = place.folder / f"host-{place.started}.stderr"
    requests_read, requests_write = os.pipe()
    answers_read, answers_write = os.pipe()
    try:
        with stderr.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-c", f"from perflab.host import main; main({requests_read}, {answers_write})"],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env=environment(str(hash_seed), place.folder),
                cwd=place.folder,
                pass_fds=(requests_read, answers_write),
                start_new_session=True,
            )
    except BaseException:
        os.close(requests_write)
        os.close(answers_read)
        raise
    finally:
        os.close(requests_read)
        os.close(answers_write)
    host = Host(process, requests_write, answers_read, stderr)
    place.living[host.pid] = host
    place.tell(f"+{host.pid}")
    return host


def greet(place: Shelter, host: Host) -> None:
    """Wait until a started host is ready, and note its facts."""
    host.facts = _answer(place, host)["facts"]


def ask(place: Shelter, host: Host, request: Mapping[str, Any]) -> dict[str, Any]:
    """One request, one answer.

    Raises CaseError when the case raised or answered wrongly (the host lives on), HostDied when the process ended,
    HostHung (with all stacks) when it gave no answer within the hard limit.
    """
    try:
        os.write(host.requests_fd, (json.dumps(request) + "\n").encode())
    except BrokenPipeError:
        raise _death(host) from None
    answer = _answer(place, host)
    if not answer["ok"]:
        error = CaseError(answer["message"], answer["detail"])
        error.kind = answer["kind"]
        raise error
    return answer


def end(place: Shelter, host: Host, grace_s: float = 1.0) -> None:
    """Close the pipe, give the host ``grace_s`` to end by itself, then end all of its session."""
    dismiss(host)
    if not _ended_within(host.process, grace_s):
        host.process.kill()
    host.process.wait()
    end_session(host.pid)
    place.living.pop(host.pid, None)
    place.tell(f"-{host.pid}")
    with suppress(FileNotFoundError):
        host.stderr.unlink()


def dismiss(host: Host) -> None:
    """Close the pipes: an idle host then ends by itself, so that several can do so at once before :func:`end`."""
    for fd in (host.requests_fd, host.answers_fd):
        if fd >= 0:
            os.close(fd)
    host.requests_fd = host.answers_fd = -1


def _ended_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the process ends in time; woken by the kernel where there are pidfds, by polling elsewhere."""
    if process.poll() is not None:
        return True
    if hasattr(os, "pidfd_open"):
        fd = os.pidfd_open(process.pid)
        try:
            select.select([fd], [], [], seconds)
        finally:
            os.close(fd)
    else:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
    return process.poll() is not None


def _answer(place: Shelter, host: Host) -> dict[str, Any]:
    deadline = monotonic_ns() + int(place.limit_s * 1e9)
    while b"\n" not in host.pending:
        left_s = (deadline - monotonic_ns()) / 1e9
        if left_s <= 0:
            raise HostHung(f"no answer within {place.limit_s:g} s", _stacks(host))
        if not select.select([host.answers_fd], [], [], min(left_s, 0.05))[0]:
            if host.process.poll() is not None:
                raise _death(host)
            continue
        data = os.read(host.answers_fd, 1 << 16)
        if not data:
            raise _death(host)
        host.pending += data
    line, host.pending = host.pending.split(b"\n", 1)
    answer: dict[str, Any] = json.loads(line)
    return answer


def _death(host: Host) -> HostDied:
    with suppress(subprocess.TimeoutExpired):
        host.process.wait(timeout=1)
    code = host.process.poll()
    if code is None:
        how = "closed its pipe"
    elif code < 0:
        how = f"was ended by {signal.Signals(-code).name}"
    else:
        how = f"exited with status {code}"
    return HostDied(f"the process {how} before it answered", _tail(host.stderr))


def _stacks(host: Host) -> str:
    """The stacks of all threads of the hung host and of those of its descendants that know how to dump them."""
    for pid in (host.pid, *procfs.descendants(host.pid)):
        if procfs.catches_signal(pid, signal.SIGUSR1):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)
    pause(0.2)
    return _tail(host.stderr)


def _tail(path: Path) -> str:
    with suppress(FileNotFoundError), path.open("rb") as errors:
        errors.seek(0, os.SEEK_END)
        errors.seek(max(0, errors.tell() - DETAIL_BYTES))
        return errors.read().decode(errors="replace").strip()
    return ""
