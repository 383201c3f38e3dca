"""Hosts that fail cost one case; nothing is left behind by a run that ends, fails, is interrupted or killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from perflab import hosts, measure, procfs, registry, store
from perflab.clock import monotonic_ns
from perflab.errors import BadInput, CaseError, HostDied, HostHung
from perflab.household import Bench
from perflab.model import BlockRecord, Plan, Settings

PLUGIN = Path(__file__).parent / "plugin"
PLAN = Plan("quick", (2, 6), 2, 1_000_000, 60)

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for left processes in /proc")


@contextmanager
def installed() -> Iterator[None]:
    """The scripted experiment is installed as another distribution, for this process and its hosts."""
    path = os.pathsep.join([str(PLUGIN), *filter(None, [os.environ.get("PYTHONPATH")])])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        patch.syspath_prepend(str(PLUGIN))
        registry.experiments.cache_clear()
        yield
    registry.experiments.cache_clear()


@pytest.fixture
def plugin():
    """The scripted experiment is there for the test."""
    with installed():
        yield


@pytest.fixture
def place():
    """A shelter with a short limit, left at the end."""
    made = hosts.shelter(limit_s=5)
    yield made
    hosts.leave(made)


def lab_processes(folder) -> dict[int, str]:
    """Every living process whose temporary files are below ``folder``: hosts, guardians and what descends from them."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "environ").read_bytes()
            if f"TMPDIR={folder}".encode() in words and procfs.stat(int(path.name)).state != "Z":
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, AttributeError):
            continue
    return found


def wait_until(condition, seconds=20.0):
    """Wait, at most ``seconds``, until ``condition`` holds; whether it did."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


@pytest.fixture(scope="module")
def recorded() -> list[BlockRecord]:
    """Two blocks with every case, of which some fail in the first."""
    made = hosts.shelter(limit_s=2)
    try:
        with installed():
            experiment = registry.find("experiment", "scripted")
            design = experiment.design(Settings())
            deadline = monotonic_ns() + 60 * 10**9
            return list(
                measure.blocks(Bench(made, PLAN), experiment, design, 1, [], lambda done: frozenset(), 6, deadline)
            )
    finally:
        hosts.leave(made)


def test_each_failure_costs_its_case_only(recorded):
    """Cases that raise, die, hang or answer wrongly are recorded with their reasons; the others have samples."""
    (group,) = recorded[0].groups
    failed = {case.rpartition("=")[2]: failure for case, failure in group.failures.items()}
    assert {name: failure.kind for name, failure in failed.items()} == {
        "raises": "raised",
        "wrong": "wrong",
        "dies": "died",
        "hangs": "hung",
    }
    assert failed["raises"].message == "RuntimeError: scripted to raise"
    assert "SIGKILL" in failed["dies"].message
    assert "in sample" in failed["hangs"].detail, "the stacks of a hung host are its evidence"
    measured = {case.rpartition("=")[2] for one in group.rounds for case in one.samples}
    assert measured == {"steady", "slow", "litters"}
    assert {one.samples["scripted/does=slow"]["cost"] for one in group.rounds} == {2.0}


def test_a_case_that_failed_is_not_tried_again(recorded):
    """From the next block on the failed cases are left out, so that a hang costs its limit once."""
    assert len(recorded) == 2
    assert not recorded[1].groups[0].failures


def test_a_single_observation_is_made_once_a_block(plugin, place):
    """A group without rounds stores what each case showed when it was opened, next to its costs."""
    experiment = registry.find("experiment", "scripted")
    design = experiment.design(Settings())
    (group,) = design.groups
    design = replace(design, groups=(replace(group, arms=group.arms[:2], single=True),))
    everything = frozenset(case.id for case in design.cases)
    record = measure.one_block(Bench(place, PLAN), experiment, design, 0, 1, measure.known_from([]), everything)
    (found,) = record.groups
    assert found.rounds == ()
    assert {case: seen["cost"] for case, seen in found.once.items()} == {
        "scripted/does=steady": 1.0,
        "scripted/does=slow": 2.0,
    }
    assert all({"cost", "cold_ns", "teardown_ns"} <= set(seen) for seen in found.once.values())


def test_nothing_is_left_of_a_block_that_litters(plugin, place):
    """A host that leaves a worker, a segment and a semaphore behind is cleaned up after."""
    before = procfs.shm_entries()
    experiment = registry.find("experiment", "scripted")
    design = experiment.design(Settings())
    wanted = frozenset({"scripted/does=litters"})
    measure.one_block(Bench(place, PLAN), experiment, design, 0, 1, measure.known_from([]), wanted)
    assert procfs.shm_entries() <= before
    assert set(lab_processes(place.folder)) == {place.guardian.pid}


def test_a_host_that_cannot_start_says_why(place, monkeypatch):
    """A host whose interpreter fails ends in HostDied with what it wrote on stderr."""
    monkeypatch.setenv("PYTHONPATH", "/nonexistent")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    host = hosts.start(place, 1)
    with pytest.raises(HostDied, match="exited with status 1"):
        hosts.greet(place, host)
    hosts.end(place, host)


def test_an_unknown_case_is_the_hosts_answer_not_its_end(place):
    """A request that fails is answered; the host goes on answering."""
    host = hosts.start(place, 1)
    hosts.greet(place, host)
    for _ in range(2):
        with pytest.raises(CaseError, match="KeyError"):
            hosts.ask(place, host, {"op": "sample", "case": "nothing"})
    hosts.end(place, host)


def test_an_idle_host_ends_when_its_pipe_closes(place):
    """A host whose lab is gone sees the end of its pipe and exits by itself, with status 0."""
    host = hosts.start(place, 1)
    hosts.greet(place, host)
    hosts.dismiss(host)
    assert host.process.wait(timeout=10) == 0
    hosts.end(place, host)


def test_a_stopped_host_is_hung_within_the_limit(place):
    """A host that gives no answer is given up after the limit."""
    place.limit_s = 0.3
    host = hosts.start(place, 1)
    place.limit_s = 5
    hosts.greet(place, host)
    os.kill(host.pid, signal.SIGSTOP)
    place.limit_s = 0.3
    with pytest.raises(HostHung, match="no answer within"):
        hosts.ask(place, host, {"op": "sample", "case": "nothing"})
    hosts.end(place, host, grace_s=0)


def test_hosts_of_a_block_share_a_hash_seed(place):
    """A host sees the block's hash seed and one BLAS thread in its environment."""
    scrubbed = hosts.environment("77", place.folder)
    assert scrubbed["PYTHONHASHSEED"] == "77"
    assert scrubbed["OMP_NUM_THREADS"] == "1"
    assert scrubbed["TMPDIR"] == str(place.folder)


@pytest.fixture
def folder(tmp_path):
    """Where the lab's temporary files go."""
    made = tmp_path / "temporary"
    made.mkdir()
    return made


def run_lab(tmp_path, *more):
    """Start a lab in a process of its own, on the scripted experiment without what hangs: its time limit is long."""
    path = os.pathsep.join([str(PLUGIN), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "perflab",
            "run",
            "scripted",
            "--quick",
            "--no-lock",
            "--set",
            "size=2000",
            "--out",
            str(tmp_path),
            *more,
        ],
        env={
            **os.environ,
            "PYTHONPATH": path,
            "TMPDIR": str(tmp_path / "temporary"),
            "SCRIPTED_CASES": "slow dies litters",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def journal_lines(tmp_path) -> int:
    """How many whole lines the journal has."""
    try:
        return (tmp_path / store.JOURNAL).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT", "SIGTERM"])
def test_a_lab_that_is_ended_leaves_nothing_and_can_be_resumed(tmp_path, folder, name):
    """After kill -9, Ctrl-C or SIGTERM nothing is left, the blocks are stored, and --resume goes on."""
    before = procfs.shm_entries()
    lab = run_lab(tmp_path)
    assert wait_until(lambda: journal_lines(tmp_path) >= 3), lab.communicate(timeout=5)
    lab.send_signal(getattr(signal, name))
    _, errors = lab.communicate(timeout=30)
    assert lab.returncode == (-9 if name == "SIGKILL" else 130)
    if name != "SIGKILL":
        assert "--resume" in errors
    assert wait_until(lambda: not lab_processes(folder)), lab_processes(folder)
    assert wait_until(lambda: procfs.shm_entries() <= before)
    assert wait_until(lambda: not list(folder.iterdir())), list(folder.iterdir())
    stored = store.load(tmp_path)
    assert len(stored.blocks) >= 2
    resumed = run_lab(tmp_path, "--resume", "--budget", "2")
    _, errors = resumed.communicate(timeout=120)
    assert resumed.returncode == 3, errors  # one case dies
    whole = store.load(tmp_path)
    assert whole.blocks[: len(stored.blocks)] == stored.blocks
    assert len(whole.blocks) > len(stored.blocks)
    assert whole.ended["interrupted"] is False
    for name in whole.experiments:
        numbers = [block.block for block in whole.blocks_of(name)]
        assert numbers == list(range(len(numbers))), "no block is lost, none measured twice"


def test_another_code_or_plan_is_not_resumed(tmp_path, folder):
    """--resume refuses by name what differs from the run that was begun."""
    lab = run_lab(tmp_path)
    assert wait_until(lambda: journal_lines(tmp_path) >= 2), lab.communicate(timeout=5)
    lab.send_signal(signal.SIGINT)
    lab.communicate(timeout=30)
    journal = tmp_path / store.JOURNAL
    lines = journal.read_text().splitlines(keepends=True)
    head = json.loads(lines[0])
    head["code_hash"], head["environment"]["cpu"] = "0", "abacus"
    journal.write_text("".join([json.dumps(head) + "\n", *lines[1:]]))
    resumed = run_lab(tmp_path, "--resume")
    _, errors = resumed.communicate(timeout=60)
    assert resumed.returncode == 2
    assert "cpu" in errors
    assert "own code" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan"])
def test_a_limit_that_is_no_time_is_refused(monkeypatch, text):
    """PERFLAB_LIMIT_S must be seconds above 0."""
    monkeypatch.setenv("PERFLAB_LIMIT_S", text)
    with pytest.raises(BadInput, match="expected seconds above 0"):
        hosts.limit_from_environment()


def test_two_runs_never_measure_at_once(tmp_path):
    """The second run says that it waits, and measures nothing until the lock is free."""
    from filelock import FileLock

    from perflab.lock import LOCK

    environment = {**os.environ, "PERFLAB_LOCK_DIR": str(tmp_path)}
    with FileLock(tmp_path / LOCK):
        out = tmp_path / "run"
        second = subprocess.Popen(
            [sys.executable, "-m", "perflab", "run", "null", "--quick", "--budget", "1", "--out", str(out)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = second.stderr.readline()
        assert "another" in said
        assert journal_lines(out) == 0
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 0, errors
    assert journal_lines(out) >= 2
