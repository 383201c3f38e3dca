"""The command line from outside: exit statuses, one clear line for each mistake, what is printed where."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import click
import pytest

import perflab
from perflab import cli, environment, hosts, procfs, registry
from perflab.cli import colour, commands, settings
from perflab.errors import BadInput, HostDied
from perflab.model import Arm, Case, Settings
from perflab.testing import scripted_experiment

SOURCE = Path(perflab.__file__).parents[1]
HIDDEN = ("NO_COLOR", "FORCE_COLOR", "PYTHONUNBUFFERED")
"""Variables that would decide on colour, or on when a closed pipe is noticed."""


def environ(**more: str) -> dict[str, str]:
    """The environment of a child that finds perflab, and decides on colour by itself."""
    clean = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    return {**clean, "PYTHONPATH": str(SOURCE), **more}


def perflab_child(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """``python -m perflab`` with its output captured."""
    return subprocess.run(
        [sys.executable, "-m", "perflab", *arguments], env=environ(**more), capture_output=True, text=True, check=False
    )


@pytest.fixture
def nothing_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working folder, and no host that could be started: a mistake must be refused before."""

    def refuse(*arguments: object) -> None:
        raise AssertionError("measuring began")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hosts, "shelter", refuse)


BAD = [
    ([], "no command given"),
    (["run-al"], "run-all"),
    (["run-all", "--quik"], "--quick"),
    (["run-all", "--quick", "--full"], "exclude"),
    (["run-all", "now"], "now"),
    (["run"], "NAME"),
    (["run", "nul"], "did you mean 'null'"),
    (["run", "null", "zzzzzz"], "unknown experiment 'zzzzzz'"),
    (["run-all", "--budget", "0"], "above 0"),
    (["run-all", "--budget", "-5"], "above 0"),
    (["run-all", "--budget", "nan"], "above 0"),
    (["run-all", "--budget", "inf"], "above 0"),
    (["run-all", "--budget", "soon"], "soon"),
    (["run-all", "--seed", "-1"], "--seed"),
    (["run-all", "--seed", "1.5"], "--seed"),
    (["run-all", "--set", "size=0"], "from 1 to 1,000,000,000,000"),
    (["run-all", "--set", "size=-4"], "from 1 to"),
    (["run-all", "--set", "size=1e13"], "from 1 to"),
    (["run-all", "--set", "size=1.5"], "from 1 to"),
    (["run-all", "--set", "size=nan"], "from 1 to"),
    (["run-all", "--set", "size=many"], "from 1 to"),
    (["run-all", "--set", "size=" + "9" * 5000], "from 1 to"),
    (["run-all", "--set", "size=1,2"], "one size"),
    (["run-all", "--set", "size"], "has no value"),
    (["run-all", "--set", "size="], "has no value"),
    (["run-all", "--set", "=5"], "unknown setting ''"),
    (["run-all", "--set", "sizes=5"], "did you mean 'size'"),
    (["run-all", "--set", "workers=0"], "number of workers"),
    (["run-all", "--set", "workers=1,257"], "number of workers"),
    (["run-all", "--set", "workers=1,,2"], "number of workers"),
    (["run-all", "--set", "workers=1", "--set", "workers=2"], "given twice"),
    (["run-all", "--set", "start_method=frok"], "did you mean 'fork'"),
    (["run-all", "--resume"], "reports/latest"),
    (["run-all", "--resume", "--out", "fresh"], "resume"),
    (["run-all", "--out", "file"], "--out"),
    (["run-all", "--out", "file/below"], "--out"),
    (["show", "nowhere"], "nowhere"),
    (["show", "file"], "perflab run"),
    (["show"], "RUN"),
    (["report", "nowhere"], "nowhere"),
    (["list", "--color", "pink"], "pink"),
]


@pytest.mark.usefixtures("nothing_measured")
@pytest.mark.parametrize(("arguments", "fragment"), BAD, ids=[" ".join(arguments)[:40] for arguments, _ in BAD])
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], fragment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing on stdout, no traceback, one line on stderr that names what was wrong; and nothing is left behind."""
    Path("file").write_text("no run\n")
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("perflab: ")
    assert err.count("\n") == 1
    assert fragment in err
    assert [path.name for path in Path().iterdir()] == ["file"]


@pytest.mark.usefixtures("nothing_measured")
def test_a_size_beyond_memory_is_refused_before_measuring(capsys: pytest.CaptureFixture[str]) -> None:
    """A vector of 10^12 elements would need terabytes: said at once, with what is free."""
    assert cli.main(["run", "summation", "--set", "size=1e12"]) == 2
    assert "at most half of" in capsys.readouterr().err


@pytest.mark.parametrize(("free", "fits"), [(200, True), (199, False), (None, True)])
def test_a_case_may_need_half_of_the_free_memory(free: int | None, fits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly half is allowed, a byte more is not; where the system does not tell, the lab decides later."""
    greedy = scripted_experiment("greedy", [Arm(Case("vector_sum"), memory_bytes=100)])
    monkeypatch.setattr(registry, "find", lambda kind, name: greedy)
    monkeypatch.setattr(procfs, "available_memory_bytes", lambda: free)
    sized, unsized = Settings(overrides=(("size", (5,)),)), Settings()
    settings.refuse_what_cannot_fit(["greedy"], unsized)
    with nullcontext() if fits else pytest.raises(BadInput, match="size=5 needs 100 B in a case of greedy"):
        settings.refuse_what_cannot_fit(["greedy"], sized)


def test_a_real_process_exits_with_the_status() -> None:
    """What main returns is what the shell sees."""
    done = perflab_child("run-all", "--set", "size=0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (BadInput("found a,\nexpected b"), 2, "found a, expected b"),
        (HostDied("killed by signal 9"), 3, "killed by signal 9"),
        (click.ClickException("cannot"), 2, "cannot"),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_whatever_happens_has_its_status(
    error: BaseException, status: int, said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Interruptions, bad input, lost cases and closed pipes each have one; all but the last say one line."""

    def raising(**options: object) -> None:
        raise error

    monkeypatch.setattr(cli, "_forget_output", lambda: None)  # pytest's own streams live on
    monkeypatch.setattr(commands.list_, "callback", raising)
    assert cli.main(["list"]) == status
    assert capfd.readouterr().err == (f"perflab: {said}\n" if said else "")


def test_a_defect_is_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw is not dressed up as bad input."""
    monkeypatch.setattr(commands.list_, "callback", lambda **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["list"])


def test_a_reader_that_leaves_gets_141_and_no_traceback() -> None:
    """``perflab list | head -1`` ends in silence, with the status of SIGPIPE."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "perflab", "list"], env=environ(), stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


HEAVY = ("numpy", "matplotlib", "multiprocessing", "concurrent.futures", "rich", "psutil", "asyncio")


@pytest.mark.parametrize("arguments", [["--help"], ["run-all", "--help"], ["list"], ["list", "--json"], ["--version"]])
def test_cheap_commands_import_nothing_heavy(arguments: list[str]) -> None:
    """Help, list and version import neither numpy nor matplotlib nor multiprocessing, so they answer at once."""
    code = (
        "import sys; from perflab.cli import main; status = main(sys.argv[1:]);"
        f"print('heavy:', [name for name in {HEAVY} if name in sys.modules], file=sys.stderr); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environ(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "heavy: []\n")


def test_help_imports_no_part_of_the_lab() -> None:
    """--help needs the command line alone: no model, no registry."""
    code = (
        "import sys; from perflab.cli import main; main(['--help']);"
        "print(sorted(name for name in sys.modules if name.startswith('perflab')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environ(), capture_output=True, text=True, check=True)
    loaded = ["perflab", "perflab.cli", "perflab.cli.colour", "perflab.cli.commands", "perflab.errors"]
    assert done.stderr.strip() == str(loaded)


def test_version_says_what_issues_need(capsys: pytest.CaptureFixture[str]) -> None:
    """perflab, Python with the state of its GIL, the system, numpy: in one line on stdout."""
    assert cli.main(["--version"]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith(f"perflab {perflab.__version__}, ")
    assert "GIL" in out
    assert f"numpy {environment.version_of('numpy')}" in out
    assert out.count("\n") == 1


def test_list_json_is_one_document_with_every_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    """Experiments in the order of a run, claims with sentence and seed; strategies, workloads, kernels."""
    assert cli.main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "perflab.list/1"
    assert [one["name"] for one in found["experiments"]] == list(registry.experiments())
    for kind, known in (("strategies", registry.strategies()), ("workloads", registry.workloads())):
        assert [one["name"] for one in found[kind]] == list(known)
    assert [one["name"] for one in found["kernels"]] == list(registry.kernels())
    claims = [claim for one in found["experiments"] for claim in one["claims"]]
    assert claims
    assert all(set(claim) == {"id", "sentence", "seed"} and isinstance(claim["seed"], list) for claim in claims)


def test_list_shows_the_same_within_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Every name and every claim is there; no line is longer than a terminal."""
    assert cli.main(["list"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert [name for name in (*registry.experiments(), *registry.strategies()) if f"  {name}: " not in out] == []


def test_overrides_are_read_as_meant() -> None:
    """Numbers in any usual spelling, lists without repetition, sorted by name whatever the order given."""
    assert settings.overrides(["workers=2,1,2", "size=1e6"]) == (("size", (1_000_000,)), ("workers", (2, 1)))
    assert settings.overrides(["size=1_000", "start_method=spawn"]) == (
        ("size", (1000,)),
        ("start_method", ("spawn",)),
    )
    assert settings.overrides([]) == ()


def test_workers_are_bounded_by_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 a core, 256 at most: more would only measure how a machine is brought down."""
    monkeypatch.setattr(environment, "cores", lambda: {"effective": 1})
    assert settings.overrides(["workers=64"]) == (("workers", (64,)),)
    with pytest.raises(BadInput, match="from 1 to 64"):
        settings.overrides(["workers=65"])
    monkeypatch.setattr(environment, "cores", lambda: {"effective": 100})
    with pytest.raises(BadInput, match="from 1 to 256"):
        settings.overrides(["workers=257"])


@pytest.mark.parametrize(
    ("choice", "variables", "terminal", "coloured"),
    [
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1", "TERM": "dumb"}, False, True),
        ("auto", {"FORCE_COLOR": ""}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"TERM": "xterm"}, True, True),
        ("auto", {"TERM": "xterm"}, False, False),
    ],
)
def test_who_decides_on_colour(choice: str, variables: dict[str, str], terminal: bool, coloured: bool) -> None:
    """--color, then NO_COLOR, then FORCE_COLOR, then TERM=dumb, then whether it is a terminal."""
    assert colour.wanted(choice, variables, terminal) is coloured


def test_forced_colour_does_not_make_a_file_move() -> None:
    """Only a real terminal animates."""
    assert not colour.moving({"FORCE_COLOR": "1"}, terminal=False)
    assert not colour.moving({"TERM": "dumb"}, terminal=True)
    assert colour.moving({"TERM": "xterm"}, terminal=True)


@pytest.mark.parametrize("arguments", [["--color", "always", "list"], ["list", "--color", "always"]])
def test_color_is_taken_before_and_after_the_command(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both spellings colour a pipe; without the option a pipe stays plain."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setattr(commands.list_, "callback", lambda **options: colour.paper().print("refuted", style="red"))
    for given, expected in ((arguments, "\x1b[31mrefuted\x1b[0m\n"), (["list"], "refuted\n")):
        assert cli.main(given) == 0
        assert capsys.readouterr().out == expected


def test_shells_can_complete_commands_and_experiments() -> None:
    """The completion script names the programme, and experiments complete after ``run``."""
    script = perflab_child(_PERFLAB_COMPLETE="bash_source")
    assert (script.returncode, "_PERFLAB_COMPLETE" in script.stdout) == (0, True)
    words = perflab_child(_PERFLAB_COMPLETE="bash_complete", COMP_WORDS="perflab run nul", COMP_CWORD="2")
    assert words.stdout.split() == ["plain,null"]
