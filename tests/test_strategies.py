"""One executable specification of all strategies under all start methods: a new strategy file is tested by being there.

Each strategy and start method is observed once, in a process of its own (strategy_support.py), because what it
leaves behind or writes to stderr shows only there; the tests then judge the observations.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest

from perflab import registry

HUNG_S = 90.0
LOSES_TASKS = {"pool", "pool_apply_async", "rawarray", "shared_memory", "manager"}
"""These run on multiprocessing.Pool, whose calls wait for ever when a worker dies with its task."""

HERE = str(Path(__file__).parent)
GONE = {"threads": [], "children": [], "names": []}
CELLS = [
    (name, method)
    for name, strategy in registry.strategies().items()
    for method in (multiprocessing.get_all_start_methods() if strategy.starts_processes else [""])
]
WITHOUT_POOL = [cell for cell in CELLS if cell[1] and cell[0] not in LOSES_TASKS]


@dataclass(frozen=True, slots=True)
class Observed:
    """What one process found, and what it left when it had ended."""

    checks: dict[str, dict[str, Any]]
    status: int
    stderr: str
    temporary: list[str]
    names: list[str]
    survivors: bool

    def found(self, check: str) -> Any:
        """What came of one check."""
        assert self.checks, f"status {self.status}: {self.stderr}"
        return self.checks[check]["found"]


ENVIRONMENT = dict(os.environ)
"""As it was when this was imported: pytest changes it from test to test, while others' threads would read it."""

AHEAD = ThreadPoolExecutor(2)
"""What waits for the processes of two cells at a time, while the tests judge those before them."""
begun: dict[tuple[str, str], Future[Observed]] = {}


@pytest.fixture(scope="module", autouse=True)
def no_more_than_was_asked() -> Iterator[None]:
    """Cells that no test waited for are not begun any more when the last test has ended."""
    yield
    AHEAD.shutdown(cancel_futures=True)


def observed(name: str, method: str) -> Observed:
    """The observations of one cell, made once; the cells after it are begun as well, since their tests come next."""
    for cell in CELLS[CELLS.index((name, method)) :]:
        if cell not in begun:
            begun[cell] = AHEAD.submit(observe, *cell)
    return begun[name, method].result()


def observe(name: str, method: str) -> Observed:
    """Observe one cell in a process of its own."""
    with ExitStack() as folders:
        return finished(*start(folders, name, method))


def start(folders: ExitStack, name: str, method: str) -> tuple[subprocess.Popen[bytes], Path, Path]:
    """A process that observes one cell, the folder of its output, and its TMPDIR.

    Output goes to files: a pipe would stay open, and be waited for, as long as one lost worker holds it.
    """
    without_pool = (name, method) in WITHOUT_POOL
    code = f"import strategy_support; strategy_support.observe({name!r}, {method!r}, {without_pool!r})"
    scratch, temporary = (Path(folders.enter_context(TemporaryDirectory(prefix="pl"))) for _ in range(2))
    path = os.pathsep.join([HERE, *filter(None, sys.path)])
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        env={**ENVIRONMENT, "PYTHONPATH": path, "TMPDIR": str(temporary), "STRATEGY_SCRATCH": str(scratch)},
        stdout=folders.enter_context((scratch / "stdout").open("wb")),
        stderr=folders.enter_context((scratch / "stderr").open("wb")),
        start_new_session=True,
    )
    return process, scratch, temporary


def finished(process: subprocess.Popen[bytes], scratch: Path, temporary: Path) -> Observed:
    """What a process observed; nothing of it survives ``HUNG_S``."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(HUNG_S)
    survivors = outlived(process.pid)
    status = process.wait()
    checks = json.loads((scratch / "stdout").read_text()) if status == 0 else {}
    names = [one for one in os.listdir("/dev/shm") if str(process.pid) in one]
    return Observed(checks, status, (scratch / "stderr").read_text(), os.listdir(temporary), names, survivors)


def outlived(group: int, patience_s: float = 10.0) -> bool:
    """Whether a process of the group outlives its leader by more than that; it is ended then."""
    deadline = time.monotonic() + patience_s
    while alive(group):
        if time.monotonic() > deadline:
            os.killpg(group, signal.SIGKILL)
            return True
        time.sleep(0.01)
    return False


def alive(group: int) -> bool:
    """Whether a process of the group is running; one that only waits for init to take note of its end is not."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


@pytest.mark.parametrize(("name", "method"), CELLS)
def test_answers_are_the_oracles_for_any_size_and_worker_count(name: str, method: str) -> None:
    """1, 2 and 3 workers; sizes 0, 1, fewer than workers, indivisible; each call as right as the first."""
    answers = observed(name, method).found("answers")
    assert len(answers) == 5
    assert {case: three for case, (three, _) in answers.items()} == {
        case: [oracle] * 3 for case, (_, oracle) in answers.items()
    }


@pytest.mark.parametrize(("name", "method"), CELLS)
def test_two_open_at_once_do_not_disturb_each_other(name: str, method: str) -> None:
    """Two opened in one process answer their own task in turn, the second also after the first is closed."""
    assert observed(name, method).found("side_by_side") == [45, 21.0, 45, 21.0, 21.0]


@pytest.mark.parametrize(("name", "method"), CELLS)
def test_an_exception_in_a_part_comes_out_of_every_call(name: str, method: str) -> None:
    """The type and text survive the way from the worker, and the next call raises the same, not an old answer."""
    assert observed(name, method).found("exceptions") == [["ValueError", "part 5 to 10 is broken"]] * 2


@pytest.mark.parametrize(("name", "method"), [cell for cell in CELLS if cell[0] != "serial"])
def test_parts_run_at_the_same_time_where_the_strategy_says(name: str, method: str) -> None:
    """Two parts meet while both run: in workers of their own for processes, in this process for threads.

    They end at once, call after call, and no partial gets lost.
    """
    expected = 2 if method else 202
    assert observed(name, method).found("meeting") == [expected] * 20


@pytest.mark.parametrize(("name", "method"), [cell for cell in CELLS if cell[0] != "serial"])
def test_memory_is_shared_where_the_strategy_says(name: str, method: str) -> None:
    """What one worker writes into the input is seen by the other in shared memory, and only there."""
    expected = 2 if registry.strategies()[name].memory == "shared" else 0
    assert observed(name, method).found("marks") == expected


@pytest.mark.parametrize(("name", "method"), CELLS)
def test_nothing_is_left_after_closing(name: str, method: str) -> None:
    """After each check no thread, no child, no name in /dev/shm; and opening again takes no more descriptors."""
    checks = observed(name, method).checks
    assert {check: seen["left"] for check, seen in checks.items()} == dict.fromkeys(checks, GONE)
    first, second, _ = observed(name, method).found("descriptors")
    assert first == second


@pytest.mark.parametrize(("name", "method"), CELLS)
def test_nothing_is_left_after_the_process(name: str, method: str) -> None:
    """It ends well, in silence, with no process, no temporary file and no name in /dev/shm outliving it."""
    seen = observed(name, method)
    assert (seen.status, seen.stderr) == (0, "")
    assert (seen.temporary, seen.names, seen.survivors) == ([], [], False)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_the_watch_on_names_sees_what_is_there(method: str) -> None:
    """The counterpart of finding no name: an open segment is seen under its tagged name."""
    names = observed("shared_memory", method).found("descriptors")[2]
    assert any(not name.startswith("sem.") for name in names)


@pytest.mark.parametrize(("name", "method"), WITHOUT_POOL)
def test_the_death_of_a_worker_raises_instead_of_hanging(name: str, method: str) -> None:
    """In the middle of a part or between calls: this call raises, and so does the next.

    An executor notices the death of an idle worker in its own time: until then the others may answer, rightly.
    """
    error = "BrokenProcessPool" if name == "executor" else "ChildProcessError"
    assert observed(name, method).found("death_in_a_part") == [2, error, error]
    before, next_call, at_last = observed(name, method).found("death_between_calls")
    assert (before, at_last) == (45, error)
    assert next_call[0] == error or (name == "executor" and next_call == ["answered", "45"])


@pytest.mark.parametrize(("name", "method"), WITHOUT_POOL)
def test_idle_workers_end_when_they_are_told_to(name: str, method: str) -> None:
    """None needs to be terminated, which would cost the time that is allowed for ending (a Pool terminates its own)."""
    assert observed(name, method).found("stopped_by_force") == []


@pytest.mark.parametrize(("name", "method"), [cell for cell in WITHOUT_POOL if cell[0] != "executor"])
def test_an_exception_that_cannot_travel_keeps_its_type_and_text(name: str, method: str) -> None:
    """One that cannot be unpickled arrives as a RuntimeError that names both."""
    assert observed(name, method).found("awkward_exception") == ["RuntimeError", "Awkward: a fish instead of a bird"]


def test_finding_all_strategies_and_workloads_imports_nothing_heavy() -> None:
    """Listing them must stay as quick as starting Python."""
    code = (
        "import sys; from perflab import registry; registry.strategies(); registry.workloads();"
        "print([m for m in ('numpy', 'multiprocessing', 'concurrent.futures', 'pickle') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_strategy_is_named_after_its_file_and_opens_by_its_imports() -> None:
    """Names are what users type; ``imports`` is what a host loads before it times the opening."""
    from importlib import import_module

    for name, strategy in registry.strategies().items():
        if strategy.open.__module__.startswith("perflab."):
            assert strategy.open.__module__ == f"perflab.strategies.{name}"
        assert [import_module(one).__name__ for one in strategy.imports] == list(strategy.imports)
