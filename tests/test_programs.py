"""Programs that are run for real: what they print, how they end, and that nothing of them stays."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from perflab import procfs, programs
from perflab.programs import run_program

ORPHAN = "import os, time\npid = os.fork()\nif pid:\n    print(pid)\nelse:\n    time.sleep(60)\n"
HANGS = "import os, time\nprint(os.getpid(), flush=True)\nprint('lost', end='')\ntime.sleep(60)\n"
SEGMENT = (
    "import time\nfrom multiprocessing.shared_memory import SharedMemory\n"
    "print(SharedMemory(create=True, size=64).name, flush=True)\ntime.sleep(60)\n"
)
SPAWNS = """
import multiprocessing, sys

def child():
    print("child of", __name__)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    process = context.Process(target=child)
    process.start()
    process.join()
    print("parent", process.exitcode)
"""


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def _is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_output_status_and_arguments_are_those_of_the_program() -> None:
    """What it wrote to either stream, its exit status, and its arguments in order."""
    ended = run_program(
        "import sys\nprint(sys.argv[1:])\nprint('ü', file=sys.stderr)\nsys.exit(3)\n", arguments=["a", "b"]
    )
    assert (ended.status, ended.out, ended.err, ended.hung) == (3, "['a', 'b']\n", "ü\n", False)


def test_the_error_is_the_last_line_of_a_traceback() -> None:
    """An uncaught exception ends with status 1, its type and text in the last line."""
    ended = run_program("raise ValueError('no such thing')\n")
    assert (ended.status, ended.error) == (1, "ValueError: no such thing")
    assert run_program("").error == ""


def test_a_signal_is_a_negative_status() -> None:
    """A program that kills itself has not hung."""
    ended = run_program("import os\nos.kill(os.getpid(), 9)\n")
    assert (ended.status, ended.hung) == (-9, False)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_are_started_by_every_method(method: str) -> None:
    """The program has a file, so that a fresh interpreter can import it again as __mp_main__."""
    ended = run_program(SPAWNS, arguments=[method])
    assert ended.out.splitlines() == [f"child of {'__main__' if method == 'fork' else '__mp_main__'}", "parent 0"]


def test_a_program_that_hangs_is_killed_at_its_limit() -> None:
    """It has no status; what it had flushed is there, what it had not is lost, and its process is gone."""
    ended = run_program(HANGS, limit_s=1)
    assert (ended.status, ended.hung) == (None, True)
    assert _is_gone(int(ended.out))


def test_an_orphan_is_ended_with_its_program() -> None:
    """A child that the program did not wait for neither delays the answer nor outlives it."""
    ended = run_program(ORPHAN, limit_s=30)
    assert (ended.status, ended.hung) == (0, False)
    assert _is_gone(int(ended.out))


@pytest.mark.skipif(sys.platform != "linux", reason="segments have names in a folder on Linux only")
def test_the_segment_of_a_killed_program_is_unlinked() -> None:
    """The resource tracker is spared, and unlinks what the killed program left."""
    ended = run_program(SEGMENT, limit_s=2)
    assert ended.hung
    assert ended.out.startswith("psm_")
    assert ended.out.strip() not in procfs.shm_entries()


def test_no_file_is_left_and_the_session_is_the_callers(tmp_path: Path) -> None:
    """The program's folder is removed; the program is in a group of its own within the caller's session."""
    script = "import os, pathlib\nprint(os.getsid(0), os.getpgid(0) == os.getpid(), len(os.listdir('.')))\n"
    ended = run_program(script + "pathlib.Path('left').write_text('x')\n")
    assert ended.out == f"{os.getsid(0)} True 3\n"
    assert list(tmp_path.iterdir()) == []


def test_without_pidfds_programs_end_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel tells nothing, the program is asked."""
    monkeypatch.setattr(programs, "PIDFDS", False)
    assert run_program("raise SystemExit(3)").status == 3
    ended = run_program(HANGS, limit_s=1)
    assert (ended.hung, _is_gone(int(ended.out))) == (True, True)


def test_a_program_is_ended_when_waiting_for_it_is_interrupted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the caller's own interruption leaves running is ended as well."""
    seen: list[int] = []

    def interrupted(process: subprocess.Popen[bytes], seconds: float) -> int:
        seen.append(process.pid)
        raise KeyboardInterrupt

    monkeypatch.setattr(programs, "_status_within", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_program("import time\ntime.sleep(60)\n")
    assert _is_gone(seen[0])
    assert list(tmp_path.iterdir()) == []
