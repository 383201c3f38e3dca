"""The cut of the code: who may import whom, and the one home of each dangerous thing.

The rules are functions from a module's name and source to what they object to, and are tested on offending sources
first: a rule that finds nothing anywhere proves nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import perflab

ROOT = Path(perflab.__file__).parent
ROWS = {
    0: ("perflab", "model"),
    1: ("stats", "units", "clock", "errors", "procfs", "kernels"),
    2: ("strategies", "workloads", "experiments", "workers", "vectors", "spins", "programs", "outcomes"),
    3: (
        "measure",
        "household",
        "rounds",
        "hosts",
        "guardian",
        "host",
        "store",
        "registry",
        "environment",
        "events",
        "pace",
        "corespeed",
        "lock",
    ),
    4: ("verdict",),
    5: ("lab", "duel", "report", "export", "check", "doctor"),
    6: ("cli", "progress", "selftest", "__main__"),
    7: ("testing",),  # public fakes: no module of the package may lean on them
}
ROW = {name: row for row, names in ROWS.items() for name in names}
PLUGINS = {"strategies", "workloads", "experiments"}
CLOCKS = {"time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime"}
CLOCKS |= {f"{name}_ns" for name in CLOCKS}

Rule = Callable[[str, ast.Module], Iterator[str]]


def modules() -> dict[str, str]:
    """Every module of the package by dotted name below perflab ("perflab" for the package itself), with its source."""
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__") or "perflab"
        found[name] = file.read_text()
    return found


MODULES = modules()


def part(module: str) -> str:
    """The module's first name, which has a row: "report" for report.figures."""
    return module.partition(".")[0]


def imported(tree: ast.Module) -> Iterator[str]:
    """Full dotted names of everything imported, wherever in the file; "a.b" for ``from a import b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def own_imports(tree: ast.Module) -> Iterator[str]:
    """Modules of perflab that are imported, as names of MODULES where they are modules."""
    for name in imported(tree):
        if name == "perflab" or name.startswith("perflab."):
            inside = name.removeprefix("perflab").removeprefix(".")
            while inside and inside not in MODULES and "." in inside:
                inside = inside.rpartition(".")[0]
            yield inside if part(inside) in ROW else "perflab"


def calls(tree: ast.Module) -> Iterator[str]:
    """Dotted names of what is used: "time.sleep", "print"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def texts(tree: ast.Module) -> Iterator[str]:
    """String constants, without docstrings and other strings that stand alone."""
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


def only_downwards(module: str, tree: ast.Module) -> Iterator[str]:
    """A module imports from rows below its own, or from its own package; row 3 and row 6 are families.

    Plugins never import each other; what they share stands in ``workers``, ``vectors`` or a file whose name
    begins with an underscore.
    """
    mine = ROW[part(module)]
    for other in own_imports(tree):
        theirs, family = ROW[part(other)], part(other) == part(module)
        allowed = theirs < mine or (theirs == mine and (mine in (3, 6) or family))
        shared = mine == 2 and theirs == 2 and part(other) not in PLUGINS
        if part(module) in PLUGINS and family and other != part(module) and "._" not in other:
            yield f"imports its sibling {other}"
        elif not (allowed or shared):
            yield f"imports {other}, of row {theirs}, from row {mine}"


def no_statistics_below(module: str, tree: ast.Module) -> Iterator[str]:
    """What measures knows no statistics; strategies, workloads, experiments least of all."""
    if ROW[part(module)] == 2:
        yield from (f"imports {other}" for other in own_imports(tree) if part(other) == "stats")


def no_relative_imports(module: str, tree: ast.Module) -> Iterator[str]:
    """Relative imports would pass the other rules unseen."""
    yield from (f"imports {name}" for name in imported(tree) if name.startswith("."))


def matplotlib_in_figures(module: str, tree: ast.Module) -> Iterator[str]:
    """One home: what draws."""
    if module not in ("report.figures", "report.plots"):
        yield from (f"imports {name}" for name in imported(tree) if part(name) == "matplotlib")


def proc_in_procfs(module: str, tree: ast.Module) -> Iterator[str]:
    """One home for the paths of /proc."""
    if module != "procfs":
        yield from (f"names {text!r}" for text in texts(tree) if text == "/proc" or text.startswith("/proc/"))


def printing_in_cli(module: str, tree: ast.Module) -> Iterator[str]:
    """Nothing below the command line prints or exits."""
    if ROW[part(module)] != 6:
        forbidden = {"print", "sys.exit", "exit", "click.echo", "sys.stdout", "sys.stderr"}
        yield from (f"uses {name}" for name in calls(tree) if name in forbidden)


def clocks_in_clock(module: str, tree: ast.Module) -> Iterator[str]:
    """One clock, so that tests can replace it; procfs reads the CPU clocks of other processes."""
    own = {"clock": CLOCKS, "procfs": {"clock_gettime_ns"}}.get(module, set())
    used = {*calls(tree), *imported(tree)}
    yield from (f"uses time.{name}" for name in sorted(CLOCKS - own) if f"time.{name}" in used)
    if module != "clock":
        yield from (f"uses {name}" for name in used if name in ("time.sleep", "datetime.now", "datetime.utcnow"))


def processes_in_hosts(module: str, tree: ast.Module) -> Iterator[str]:
    """Starting processes: hosts, and the command line for its report. Probes (row 2) measure just that."""
    if ROW[part(module)] == 2:
        return
    if module not in ("hosts", "cli.ending"):
        starts = ("os.fork", "os.exec", "os.spawn", "os.posix_spawn", "os.system", "os.popen")
        yield from (f"imports {name}" for name in imported(tree) if part(name) == "subprocess")
        yield from (f"uses {name}" for name in calls(tree) if name.startswith(starts))
    if module not in ("hosts", "guardian"):
        yield from (f"uses {name}" for name in calls(tree) if name in ("os.kill", "os.killpg"))


def innocent_parent(module: str, tree: ast.Module) -> Iterator[str]:
    """What the lab's parent imports uses no numpy and starts no thread, pool or worker of its own."""
    if (ROW[part(module)] in (0, 1, 3, 4, 6) and module != "host") or module == "lab":
        heavy = {"numpy", "threading", "multiprocessing", "concurrent", "_thread", "asyncio"}
        yield from (f"imports {name}" for name in imported(tree) if part(name) in heavy)


def light_top(module: str, tree: ast.Module) -> Iterator[str]:
    """``list`` imports every strategy, workload and experiment: their top level stays free of what is heavy."""
    top = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    if part(module) in PLUGINS | {"workers", "vectors"}:
        heavy = {"numpy", "multiprocessing", "concurrent", "matplotlib", "asyncio", "psutil"}
        yield from (f"imports {name} at its top" for name in imported(top) if part(name) in heavy)


RULES: tuple[Rule, ...] = (
    only_downwards,
    no_statistics_below,
    no_relative_imports,
    matplotlib_in_figures,
    proc_in_procfs,
    printing_in_cli,
    clocks_in_clock,
    processes_in_hosts,
    innocent_parent,
    light_top,
)


def test_every_module_has_a_row() -> None:
    """A new module must be given its place in the table before anything imports it."""
    assert sorted({part(name) for name in MODULES} - set(ROW)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: Rule) -> None:
    """No module of the package gives the rule anything to object to."""
    placed = {name: source for name, source in MODULES.items() if part(name) in ROW}
    objections = [f"{name}: {said}" for name, source in placed.items() for said in rule(name, ast.parse(source))]
    assert objections == []


@pytest.mark.parametrize(
    ("rule", "module", "source"),
    [
        (only_downwards, "model", "from perflab import errors"),
        (only_downwards, "units", "from perflab.clock import monotonic_ns"),
        (only_downwards, "strategies.pool", "from perflab import registry"),
        (only_downwards, "strategies.pool", "def f():\n    from perflab.strategies import serial"),
        (only_downwards, "experiments.gil", "from perflab.strategies import serial"),
        (only_downwards, "strategies._shared", "from perflab.strategies import serial"),
        (only_downwards, "workers", "import perflab.strategies"),
        (only_downwards, "measure", "from perflab import verdict"),
        (only_downwards, "lab", "from perflab.report import content"),
        (only_downwards, "report.content", "from perflab import lab"),
        (only_downwards, "verdict.claims", "from perflab.cli import main"),
        (no_statistics_below, "experiments.gil", "from perflab import stats"),
        (no_statistics_below, "experiments.gil", "from perflab.stats.ranks import spend"),
        (no_relative_imports, "verdict.claims", "from .words import estimate_unit"),
        (matplotlib_in_figures, "report.content", "import matplotlib.figure"),
        (matplotlib_in_figures, "cli.ending", "from matplotlib import figure"),
        (proc_in_procfs, "measure", "open('/proc/stat')"),
        (proc_in_procfs, "measure", "path = f'/proc/{pid}/stat'"),
        (printing_in_cli, "report.content", "print('hello')"),
        (printing_in_cli, "measure", "import sys\nsys.exit(1)"),
        (clocks_in_clock, "measure", "import time\nnow = time.perf_counter()"),
        (clocks_in_clock, "experiments.gil", "from time import monotonic_ns"),
        (clocks_in_clock, "measure", "import time\ntime.sleep(1)"),
        (clocks_in_clock, "procfs", "import time\ntime.time()"),
        (processes_in_hosts, "measure", "import subprocess"),
        (processes_in_hosts, "cli.commands", "import os\nos.execv('x', [])"),
        (processes_in_hosts, "cli.ending", "import os\nos.kill(1, 9)"),
        (innocent_parent, "measure", "def f():\n    import numpy"),
        (innocent_parent, "lab", "from concurrent.futures import ThreadPoolExecutor"),
        (light_top, "strategies.pool", "import multiprocessing"),
    ],
)
def test_the_rule_finds_an_offence(rule: Rule, module: str, source: str) -> None:
    """Each rule objects to a source that breaks it."""
    assert list(rule(module, ast.parse(source)))


@pytest.mark.parametrize(
    ("rule", "module", "source"),
    [
        (only_downwards, "experiments.manager_gap", "from perflab.experiments._targets import x"),
        (only_downwards, "experiments.gil", "from perflab.workers import x\nfrom perflab.model import Case"),
        (only_downwards, "measure", "from perflab import hosts, procfs"),
        (only_downwards, "lab", "import perflab\nfrom perflab import verdict"),
        (proc_in_procfs, "measure", "'''Reads /proc/stat.'''\nx = 'see /proc'"),
        (clocks_in_clock, "procfs", "import time\ntime.clock_gettime_ns(1)"),
        (clocks_in_clock, "environment", "import time\ntime.get_clock_info('monotonic')"),
        (processes_in_hosts, "experiments.startup", "import subprocess, os\nos.kill(1, 9)"),
        (light_top, "strategies.pool", "def f():\n    import multiprocessing"),
    ],
)
def test_the_rule_lets_the_rest_pass(rule: Rule, module: str, source: str) -> None:
    """What is allowed draws no objection."""
    assert list(rule(module, ast.parse(source))) == []
