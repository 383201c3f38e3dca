"""The command line with real runs, small ones: what is stored, printed and returned, and how a run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import perflab
from perflab import cli, store
from perflab.cli import ending
from perflab.lab import Order, Outcome
from perflab.model import Analysis
from perflab.testing import scripted_run

SOURCE = Path(perflab.__file__).parents[1]
HIDDEN = ("NO_COLOR", "FORCE_COLOR", "PYTHONUNBUFFERED")
"""Variables that would decide on colour, or on when a closed pipe is noticed."""
SMALL = ("--quick", "--set", "size=2000", "--budget", "1", "--no-lock")

PLUGIN = """
from perflab.model import Arm, Case, Design, Experiment, Group, Quantity

STEADY, BROKEN = (Case(strategy="scripted", params=(("does", name),)) for name in ("steady", "raises"))


def probe(case):
    def sample(count):
        if case == BROKEN:
            raise RuntimeError("scripted to raise")
        return {"cost": 1.0}

    yield sample


EXPERIMENT = Experiment(
    "fragile",
    "Does one broken case cost the run?",
    lambda settings: Design((Group("all", (Arm(STEADY), Arm(BROKEN, STEADY, host="other"))),)),
    probe=probe,
    quantities=(Quantity("cost", "points", "scripted"),),
)
"""


def command(*arguments: str) -> list[str]:
    """``python -m perflab`` with arguments."""
    return [sys.executable, "-m", "perflab", *arguments]


def environ(*paths: Path) -> dict[str, str]:
    """A child's environment: perflab and these folders can be imported, nothing forces colour."""
    clean = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    return {**clean, "PYTHONPATH": os.pathsep.join(map(str, (SOURCE, *paths)))}


def carried_out(arguments: Sequence[str], *paths: Path, **options: object) -> subprocess.CompletedProcess[str]:
    """A finished child with its output."""
    return subprocess.run(
        command(*arguments), env=environ(*paths), capture_output=True, text=True, check=False, **options
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A small run of the null experiment, and what its command said."""
    folder = tmp_path_factory.mktemp("runs") / "one"
    return folder, carried_out(["run", "null", *SMALL, "--seed", "7", "--out", str(folder)])


def test_a_run_ends_with_the_path_of_its_report(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Status 0; the last line of stdout names a file that is there; progress went to stderr, line by line."""
    folder, done = finished
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, str(folder / "report.html")), done.stderr
    assert (folder / "report.html").is_file()
    assert (folder / "report.md").is_file()
    assert f"into {folder}" in done.stderr
    assert "[1/2] null: " in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_a_run_shows_verdicts_slowest_experiments_and_where_time_went(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """Every claim of the run is in the table, and the ledger names the report."""
    out = finished[1].stdout
    assert [claim for claim in ("null-one-host", "null-separate-hosts", "ceiling") if claim not in out] == []
    assert "Slowest experiments" in out
    assert "the report" in out.partition("Where the time went")[2]
    assert max(map(len, out.splitlines()[:-1])) <= 80


def test_show_derives_the_verdicts_anew(
    finished: tuple[Path, subprocess.CompletedProcess[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """From the folder or its run.jsonl: the same document, and nothing but it."""
    folder, _ = finished
    documents = []
    for place in (folder, folder / "run.jsonl"):
        assert cli.main(["show", str(place), "--json"]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    assert documents[0] == documents[1]
    assert documents[0]["schema"] == "perflab.verdicts/1"
    assert [claim["id"] for claim in documents[0]["claims"]] == ["null-one-host", "null-separate-hosts", "ceiling"]


def test_show_one_claim_speaks_of_its_cases_alone(
    finished: tuple[Path, subprocess.CompletedProcess[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The claim, however it is capitalised, with the cases and controls of its clauses."""
    folder, _ = finished
    assert cli.main(["show", str(folder), "--claim", "CEILING", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [claim["id"] for claim in found["claims"]] == ["ceiling"]
    assert {case["experiment"] for case in found["cases"]} == {"ceiling"}
    assert cli.main(["show", str(folder), "--claim", "ceiling"]) == 0
    out = capsys.readouterr().out
    assert "clause 1" in out
    assert "null-one-host" not in out


def test_show_an_unknown_claim_offers_the_nearest(
    finished: tuple[Path, subprocess.CompletedProcess[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """As text and as JSON alike: status 2, one line, nothing on stdout."""
    for more in ([], ["--json"]):
        assert cli.main(["show", str(finished[0]), "--claim", "ceilng", *more]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert "did you mean 'ceiling'" in err


def test_show_is_plain_in_a_pipe_and_coloured_on_request(
    finished: tuple[Path, subprocess.CompletedProcess[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """--color always wins over the pipe, and the words stay the same."""
    assert cli.main(["show", str(finished[0]), "--color", "never"]) == 0
    plain = capsys.readouterr().out
    assert cli.main(["show", str(finished[0]), "--color", "always"]) == 0
    coloured = capsys.readouterr().out
    assert "\x1b[" not in plain
    assert "\x1b[" in coloured


def test_output_without_unicode_still_comes(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """A terminal that cannot show ✔ gets a stand-in, never an error after all the measuring."""
    done = subprocess.run(
        command("show", str(finished[0])),
        env={**environ(), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"null-one-host" in done.stdout


def test_report_writes_where_it_is_told(
    finished: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """--out receives the report, its path is the only line of stdout; a file in the way is refused in one line."""
    done = carried_out(["report", str(finished[0]), "--out", str(tmp_path / "deep" / "elsewhere")])
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'deep' / 'elsewhere' / 'report.html'}\n"), done.stderr
    (tmp_path / "file").write_text("")
    done = carried_out(["report", str(finished[0]), "--out", str(tmp_path / "file" / "below")])
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_a_run_is_not_begun_where_one_is_stored(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """A folder that holds a run is refused, with the way on."""
    before = (finished[0] / "run.jsonl").read_bytes()
    done = carried_out(["run", "null", *SMALL, "--out", str(finished[0])])
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--resume" in done.stderr
    assert (finished[0] / "run.jsonl").read_bytes() == before


def test_a_broken_case_is_status_3_and_the_others_go_on(tmp_path: Path) -> None:
    """The lost case is named once, the run is stored and reported all the same."""
    (tmp_path / "fragile_plugin.py").write_text(PLUGIN)
    information = tmp_path / "fragile-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: fragile\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[perflab.experiments]\nfragile = fragile_plugin:EXPERIMENT\n")
    done = carried_out(["run", "fragile", *SMALL, "--out", str(tmp_path / "run")], tmp_path)
    assert done.returncode == 3, done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / "run" / "report.html")
    assert done.stderr.count("fragile: scripted/does=raises: raised: ") == 1
    assert {block.experiment for block in store.load(tmp_path / "run").blocks} >= {"null", "fragile"}


def test_an_interrupted_run_is_status_130_and_goes_on_with_the_command_it_names(tmp_path: Path) -> None:
    """Ctrl-C after the second stored line: what is stored stays, and the command of the message completes it."""
    folder = tmp_path / "run"
    arguments = ["run", "null", "--quick", "--set", "size=2000", "--no-lock", "--budget", "100", "--out", str(folder)]
    child = subprocess.Popen(
        command(*arguments), env=environ(), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    journal = folder / "run.jsonl"
    while child.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") >= 2):
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate()
    assert (child.returncode, out) == (130, ""), err
    message, _, way_on = err.splitlines()[-1].partition("; continue with: perflab ")
    assert message == "perflab: interrupted; what was measured is stored"
    stored = len(store.load(folder).blocks)
    assert stored >= 1
    done = carried_out([*way_on.split(), "--no-lock", "--budget", "1"])
    assert done.returncode == 0, done.stderr
    assert len(store.load(folder).blocks) >= stored


@pytest.mark.parametrize(
    ("order", "folder", "way_on"),
    [
        (Order(), "x", "perflab run-all --resume --out x"),
        (Order(plan="quick"), "a b", "perflab run-all --quick --resume --out 'a b'"),
        (Order(("gil",), plan="full"), "x", "perflab run-all --full --resume --out x"),
    ],
)
def test_the_way_on_repeats_the_plan(
    order: Order, folder: str, way_on: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run resumes under its own plan only, so the command names it; a folder with a space is quoted."""
    monkeypatch.chdir(tmp_path)
    Path(folder).mkdir()
    (Path(folder) / store.JOURNAL).write_text("{}\n")
    assert ending.interrupted_line(Outcome(Path(folder), interrupted=True), order).endswith(f"continue with: {way_on}")


def test_nothing_is_promised_where_nothing_is_stored(tmp_path: Path) -> None:
    """Interrupted while waiting for the lock: there is no run to continue."""
    line = ending.interrupted_line(Outcome(tmp_path / "none", interrupted=True), Order())
    assert line == "interrupted before anything was measured; nothing is stored"


def test_a_report_that_fails_costs_no_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdicts are shown, the status is 3, and the line on stderr says how to try again."""
    monkeypatch.setattr(ending, "rendered", lambda run: None)
    monkeypatch.setattr(ending.showing, "analysed", lambda run: Analysis(scripted_run(()), (), ()))
    with cli.commands.perflab.make_context("perflab", ["list"]):
        assert ending.conclude(Outcome(tmp_path), Order()) == 3
    out, err = capsys.readouterr()
    assert "Where the time went" in out
    assert err == f"perflab: the report failed; what was measured is stored; try again: perflab report {tmp_path}\n"


def test_the_reports_time_is_part_of_the_ledger() -> None:
    """It is added to the wall time and named, and the run itself is not changed."""
    analysis = Analysis(replace(scripted_run(()), ended={"wall_s": 10.0}), (), ())
    assert ending.with_report_time(analysis, 2.5).run.ended == {"wall_s": 12.5, "report_s": 2.5}
    assert analysis.run.ended == {"wall_s": 10.0}


def test_the_measuring_process_never_imports_what_renders() -> None:
    """Until the last block is stored neither numpy nor matplotlib nor Jinja is in the process."""
    code = (
        "import sys; from perflab import lab, cli\n"
        "def measure(order, observe):\n"
        "    print([name for name in ('numpy', 'matplotlib', 'jinja2', 'multiprocessing') if name in sys.modules])\n"
        "    raise KeyboardInterrupt\n"
        "lab.measure_all = measure\n"
        "sys.exit(cli.main(['run', 'null', '--quick']))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environ(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "[]\n")
