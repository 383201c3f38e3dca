"""A duel says slower only beyond what a second copy of BASE does by itself, and says why where it cannot tell."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from perflab import cli, duel
from perflab.cli import dueling
from perflab.duel import PLAN, Challenge, arms_of, fight, judge
from perflab.errors import BadInput, CaseError
from perflab.experiments.duel import again, fingerprint, load
from perflab.kernels import range_sum
from perflab.model import BlockRecord, GroupRecord, RoundRecord

CHALLENGE = Challenge("m:base", "m:head", lock=False)
TARGETS = """
import itertools, os, sys, threading
calls = itertools.count()

def base(): return sum(range(2000))
def same(): return sum(range(2000))
def double(): return sum(range(2000)) and sum(range(2000))
def other(): return 7
def needs(x): return x
def raises(): raise KeyError("x")
def exits(): os._exit(3)
def hangs(): threading.Event().wait()
def counts(): return next(calls)
def prints():
    print("o" * 10_000)
    print("e" * 10_000, file=sys.stderr)
    os.write(1, b"w" * 10_000)
    return sum(range(2000))
def starts():
    import multiprocessing
    multiprocessing.get_context("fork").Process(target=threading.Event().wait, daemon=False).start()
    return 1
def nothing(): pass
number = 5
"""


@pytest.fixture
def targets(tmp_path, monkeypatch):
    """A folder with a module of targets, which is the current one."""
    (tmp_path / "targets.py").write_text(TARGETS)
    (tmp_path / "broken.py").write_text("raise SystemExit('no')")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scripted(head, null=1.0, blocks=9, base_ns=1e6, results=("1", "1", "1")):
    """Blocks in which HEAD (and the twin) take so many times as long as BASE; a sequence gives each block its own."""
    ids = [arm.case.id for arm in arms_of(CHALLENGE)]
    records = []
    for block in range(blocks):
        ratios = (1.0, at(null, block), at(head, block))
        samples = {
            case: {"wall_ns": base_ns * times, "cpu_ns": base_ns * times, "empty_ns": 20.0, "result": result}
            for case, times, result in zip(ids, ratios, results, strict=True)
        }
        records.append(BlockRecord("duel", block, 1, (GroupRecord("duel", (RoundRecord(samples, tuple(ids)),)),)))
    return records


def at(value, block):
    """The block's own value of a number or a sequence."""
    return value[block % len(value)] if isinstance(value, tuple) else value


@pytest.mark.parametrize(
    ("head", "null", "expected"),
    [
        (1.03, 1.0, "slower"),
        (0.97, 1.0, "faster"),
        (1.005, 1.0, "equivalent"),
        ((1.0, 1.03), 1.0, "unresolved"),
        (1.03, (0.96, 1.04), "unresolved"),
        (1.03, (0.985, 1.015), "slower"),
        (1.5, 1.2, "unresolved"),
        (1.005, (0.985, 1.015), "unresolved"),
    ],
)
def test_a_verdict_lies_beyond_the_margin_and_what_noise_does(head, null, expected):
    """The twin's interval widens the margin; an A/A that is off by more than 15 % voids the answer."""
    standing = judge(CHALLENGE, scripted(head, null), 1.0)
    assert standing.verdict == expected
    assert standing.margin_used >= CHALLENGE.margin


def test_too_few_blocks_decide_nothing():
    """Before the first look that allows an interval even a factor of two is unresolved."""
    standing = judge(CHALLENGE, scripted(2.0, blocks=5), 1.0)
    assert (standing.verdict, standing.ratio.low) == ("unresolved", None)


def test_unresolved_names_what_it_could_have_seen_and_the_time_it_needs():
    """The smallest difference and the seconds are numbers, in the sentence."""
    standing = judge(CHALLENGE, scripted((1.0, 1.03)), 2.0)
    assert "the smallest difference it could have seen is 2.5%" in standing.reason
    assert "would take about 18 s" in standing.reason


def test_an_empty_target_is_never_slower():
    """Where a call takes no longer than three empty ones, nothing is said of it, whatever the ratio."""
    standing = judge(CHALLENGE, scripted(1.5, base_ns=25.0), 1.0)
    assert standing.verdict == "unresolved"
    assert standing.resolution_ns == 20.0
    assert "let each call do more work" in standing.reason


@pytest.mark.parametrize(
    ("results", "words"),
    [
        (("1", "1", "2"), "they compute different things: BASE returned 1, HEAD returned 2"),
        (("1", "2", "1"), "differing"),
    ],
)
def test_what_is_returned_is_compared(results, words):
    """A duel between functions that compute different things says so instead of timing them."""
    standing = judge(CHALLENGE, scripted(1.0, results=results), 1.0)
    assert standing.verdict == "failed"
    assert words in standing.reason


def test_the_document_is_that_of_the_contract():
    """All its keys are there, and numbers are numbers or null."""
    document = json.loads(json.dumps(judge(CHALLENGE, scripted(1.03), 1.0).to_json(), allow_nan=False))
    assert document["schema"] == "perflab.duel/1"
    assert {"verdict", "ratio", "low", "high", "margin", "margin_used", "blocks", "seconds", "null", "reason"} <= set(
        document
    )
    assert set(document["null"]) == {"ratio", "low", "high"}


@pytest.mark.parametrize(
    ("head", "strict", "status"),
    [(1.03, False, 1), (0.97, False, 0), (1.005, True, 0), ((1.0, 1.03), False, 0), ((1.0, 1.03), True, 4)],
)
def test_exit_statuses(head, strict, status):
    """1 for slower, 4 for unresolved under --strict, else 0."""
    assert dueling.status(judge(CHALLENGE, scripted(head), 1.0), strict) == status


def fought(base, head, **options):
    """A real duel on the targets, short."""
    return fight(Challenge(f"targets:{base}", f"targets:{head}", lock=False, limit_s=3, **options))


def test_a_function_that_does_twice_the_work_is_slower(targets):
    """A real duel finds a factor of two at its first looks, and leaves nothing behind."""
    standing = fought("base", "double", budget_s=30)
    assert standing.verdict == "slower"
    assert standing.ratio.low > 1.3
    assert standing.blocks < PLAN.looks[-1]


def test_two_folders_are_two_sides(targets, tmp_path):
    """The same module name in two folders: each side is imported from its own."""
    for name, factor in (("old", 1), ("new", 2)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "job.py").write_text(f"def work():\n    return [sum(range(2000)) for _ in range({factor})][0]\n")
    challenge = Challenge("job:work", "job:work", 0.01, 30, tmp_path / "old", tmp_path / "new", False, limit_s=5)
    standing = fight(challenge)
    assert standing.verdict == "slower"


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("raises", "HEAD raised: KeyError"),
        ("exits", "HEAD died: the process exited with status 3"),
        ("hangs", "HEAD hung: no answer within 3 s"),
        ("other", "they compute different things"),
    ],
)
def test_a_target_that_fails_is_named_with_its_reason(targets, head, words):
    """What a target does wrong is one line, and the duel's end."""
    standing = fought("base", head, budget_s=20)
    assert (standing.verdict, standing.refused) == ("failed", False)
    assert words in standing.reason


def test_a_target_that_changes_its_mind_is_not_compared(targets):
    """Values that differ from call to call cannot show that both compute the same."""
    assert "differing values" in fought("counts", "counts", budget_s=20).reason


def test_a_target_that_prints_is_silenced_and_measured(targets, capfd):
    """Output goes nowhere, by print or by file descriptor."""
    assert fought("prints", "prints", budget_s=1).blocks > 0
    assert capfd.readouterr() == ("", "")


def test_processes_that_a_target_starts_are_ended_with_its_host(targets, tmp_path, monkeypatch):
    """Nothing that carries the duel's temporary folder in its environment is alive afterwards."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    fought("starts", "starts", budget_s=1)
    mark = f"TMPDIR={tmp_path}/perflab-".encode()
    assert [path for path in Path("/proc").glob("[0-9]*/environ") if mark in environ(path)] == []
    assert not list(tmp_path.glob("perflab-*"))


def environ(path):
    """A process's environment, empty for one that is gone or not ours."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("targets", "not of the form module:function"),
        ("missing:f", "does not import: ModuleNotFoundError"),
        ("broken:f", "does not import: SystemExit"),
        ("targets:nowhere", "has no 'nowhere'"),
        ("targets:number", "is a int, expected a callable"),
        ("targets:needs", "needs arguments (x)"),
    ],
)
def test_what_cannot_be_a_target_is_bad_input(targets, capsys, target, words):
    """One line and exit status 2."""
    assert cli.main(["duel", "targets:base", target, "--no-lock", "--budget", "5"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "options", [["--margin", "0"], ["--margin", "2"], ["--budget", "0"], ["--base-dir", "nowhere"]]
)
def test_options_that_make_no_sense_are_bad_input(targets, options):
    """Margins, budgets and folders are checked before anything is measured."""
    assert cli.main(["duel", "targets:base", "targets:same", "--no-lock", *options]) == 2


def test_a_twin_is_another_object_of_the_same_code(targets, monkeypatch):
    """The second copy shares nothing with the first but the file; a compiled module is copied to be loaded again."""
    monkeypatch.syspath_prepend(str(targets))
    first, second = load("targets:base"), load("targets:base", twin=True)
    assert first is not second
    assert first.__code__ == second.__code__
    copy = again("perflab.kernels.range_sum", range_sum)
    assert copy.sum_nogil is not range_sum.sum_nogil
    assert copy.sum_nogil(0, 10) == range_sum.sum_nogil(0, 10) == 45


def test_results_are_equal_when_they_mean_the_same():
    """Floats agree to nine digits, long results by digest, objects by their type."""
    assert fingerprint(0.1 + 0.2) == fingerprint(0.3)
    assert fingerprint(0.3) != fingerprint(0.30001)
    assert fingerprint(list(range(100))) != fingerprint([*range(99), 7])
    assert fingerprint(object()) == fingerprint(object())


def test_the_second_copy_of_a_refused_target_is_refused_as_well(targets):
    """A target that is refused raises in one line with the kind that becomes bad input."""
    with pytest.raises(CaseError, match="not of the form") as caught:
        load("nonsense")
    assert caught.value.kind == "refused"
    with pytest.raises(BadInput, match="is not a folder"):
        duel.fight(Challenge("a:b", "a:b", head_dir=Path("/nonexistent"), lock=False))
