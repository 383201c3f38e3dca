"""The commands: each reads its options, calls what does the work, and prints the answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from perflab.cli import colour
from perflab.errors import BadInput

RUN = click.argument("run", type=click.Path(path_type=Path))


@click.group(
    "perflab",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="RUN is a folder that run-all wrote, its run.jsonl, or reports/latest.",
)
@click.option("--version", is_flag=True, is_eager=True, help="Say which perflab, Python, system and numpy this is.")
@colour.option
@click.pass_context
def perflab(context: click.Context, version: bool) -> None:
    """Measure on this machine what is said about Python's threads, processes and shared memory."""
    if version:
        from perflab.cli.listing import versions

        click.echo(versions())
        context.exit()
    if context.invoked_subcommand is None:
        raise click.UsageError("no command given: start with 'perflab run-all --quick'", context)


def _measuring(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that run-all and run share."""
    options = (
        click.option("--quick", is_flag=True, help="Two and a half minutes: coarse answers."),
        click.option("--full", is_flag=True, help="Up to an hour: narrow intervals, every start method."),
        click.option("--out", type=click.Path(path_type=Path), help="Folder to write [reports/<time>-<random>]."),
        click.option("--budget", type=float, metavar="SECONDS", help="Stop measuring after so many seconds."),
        click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Draw the same orders again."),
        click.option("--resume", is_flag=True, help="Continue the run in --out, or the latest."),
        click.option("--no-lock", is_flag=True, help="Do not wait for other perflab runs on this machine."),
        click.option(
            "--set",
            "chosen",
            multiple=True,
            metavar="NAME=VALUE[,VALUE]",
            help="Override workers, size or start_method: --set workers=1,2 --set size=1e6.",
        ),
        colour.option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def _experiment_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from perflab import registry

    return [name for name in registry.experiments() if name.startswith(incomplete)]


def _formats(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from perflab import export

    return [name for name in export.EXPORTERS if name.startswith(incomplete)]


@perflab.command("run-all", short_help="Carry out every experiment, write the report.")
@_measuring
def run_all(**options: Any) -> int:
    """Carry out every experiment, store the run and write its report."""
    return _measure((), **options)


@perflab.command("run", short_help="Carry out some experiments.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=_experiment_names)
@_measuring
def run(names: tuple[str, ...], **options: Any) -> int:
    """Carry out some experiments, and the two controls that every run holds."""
    return _measure(names, **options)


@perflab.command("list", short_help="Show experiments, strategies, workloads, kernels.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@colour.option
def list_(as_json: bool) -> None:
    """Show experiments with their claims, strategies, workloads and kernels."""
    from perflab.cli import listing

    click.echo(_document(listing.catalogue()) if as_json else listing.as_text(listing.catalogue()))


@perflab.command(short_help="What on this machine will disturb a measurement.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@colour.option
def doctor(as_json: bool) -> None:
    """Say what on this machine will disturb a measurement, what it does to the numbers, and what to do about it."""
    from perflab.cli import doctoring

    if as_json:
        click.echo(_document(doctoring.as_json(doctoring.findings())))
    else:
        paper = colour.paper()
        for part in doctoring.as_text(doctoring.findings()):
            paper.print(part)


@perflab.command(short_help="Show the verdicts and cases of a stored run.")
@RUN
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--claim", metavar="ID", help="All the evidence of one verdict.")
@colour.option
def show(run: Path, as_json: bool, claim: str | None) -> None:
    """Show the verdicts and cases of a stored run, derived anew."""
    from perflab.cli import showing

    analysis = showing.analysed(run)
    if as_json:
        click.echo(_document(showing.as_json(analysis, claim)))
    else:
        paper = colour.paper()
        for part in showing.as_text(analysis, claim):
            paper.print(part)


@perflab.command(short_help="Write the report of a stored run.")
@RUN
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write [the run's own].")
@colour.option
def report(run: Path, out: Path | None) -> None:
    """Write report.html (one file, offline), report.md and the figures of a stored run."""
    from perflab import report, store
    from perflab.cli import showing

    analysis = showing.analysed(run)
    folder = out or store.find(run).parent
    try:
        page = report.render(analysis, folder)
    except OSError as error:
        raise BadInput(f"cannot write a report to {folder}: {error}; choose another folder with --out") from error
    click.echo(page)


@perflab.command(short_help="Judge a stored run against what is expected of it.")
@RUN
@click.option(
    "--expect", type=click.Path(path_type=Path), metavar="FILE", help="TOML file with expectations [pyproject.toml]."
)
@click.option("--baseline", type=click.Path(path_type=Path), metavar="RUN", help="An older run: no ratio may be worse.")
@click.option("--strict", is_flag=True, help="Exit with 4 when something cannot be told.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@colour.option
def check(run: Path, expect: Path | None, baseline: Path | None, strict: bool, as_json: bool) -> int:
    """Judge a stored run against expectations and an older run; exit with 1 where it goes against them.

    Expectations stand in [tool.perflab.expect] of the nearest pyproject.toml: for a claim's id its verdict
    ("confirmed", "not refuted") or bounds on its ratio ({ min = 1.5 }); or for a name of your own a case, its control
    (patterns of case ids), a quantity and bounds.
    """
    from perflab.cli import checking

    return checking.carry_out(run, expect, baseline, strict, as_json)


@perflab.command(short_help="Is one function slower than another?")
@click.argument("base")
@click.argument("head")
@click.option("--margin", type=float, default=0.01, show_default=True, help="Smaller differences do not matter.")
@click.option("--budget", type=float, default=10.0, show_default=True, metavar="SECONDS", help="Give up after so long.")
@click.option("--base-dir", type=click.Path(path_type=Path), help="Folder that BASE is imported from [this one].")
@click.option("--head-dir", type=click.Path(path_type=Path), help="Folder that HEAD is imported from [this one].")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Draw the same orders again.")
@click.option("--base-may-fail", is_flag=True, help="Unresolved, not failed, where HEAD does what BASE cannot do yet.")
@click.option("--strict", is_flag=True, help="Exit with 4 when it cannot be told.")
@click.option("--no-lock", is_flag=True, help="Do not wait for other perflab runs on this machine.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Keep the document of --json there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@colour.option
def duel(**options: Any) -> int:
    """Time HEAD against BASE, functions without arguments named module:function, until it is clear which is slower.

    A second copy of BASE in the same blocks says what noise alone does; a difference counts beyond that and the margin.
    """
    from perflab.cli import dueling

    return dueling.carry_out(**options)


@perflab.command(short_help="Write a stored run in the format of another tool.")
@RUN
@click.option(
    "--format",
    "format_",
    required=True,
    metavar="FORMAT",
    shell_complete=_formats,
    help="pyperf, pytest-benchmark, github-action, bmf or csv.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="File to write [stdout].")
@colour.option
def export(run: Path, format_: str, out: Path | None) -> None:
    """Write a stored run for pyperf, pytest-benchmark, github-action-benchmark, Bencher (bmf), or as CSV."""
    from perflab import export, store
    from perflab.cli import showing

    export.exporter(format_)  # before a long run is read in vain
    analysis = showing.analysed(run)
    text, failed = export.export(analysis, format_), export.failures(analysis)
    if out is None:
        click.echo(text, nl=False)
    else:
        export.write(text, out, store.find(run))
    if failed:
        click.echo(f"perflab: left out, because they failed: {', '.join(failed)}", err=True)


@perflab.command(short_help="Hold the lab against known truths.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--no-lock", is_flag=True, help="Do not wait for other perflab runs on this machine.")
@colour.option
def selftest(as_json: bool, no_lock: bool) -> int:
    """Hold the lab against known truths, for about a minute: false alarms, detections, failures, with intervals."""
    from perflab.cli import selftesting

    rows = selftesting.examined(say=not as_json, lock=not no_lock)
    if as_json:
        click.echo(_document(selftesting.as_json(rows)))
    else:
        click.echo(selftesting.conclusion(rows))
    return selftesting.status(rows)


def _measure(
    names: tuple[str, ...],
    quick: bool,
    full: bool,
    out: Path | None,
    budget: float | None,
    seed: int | None,
    resume: bool,
    no_lock: bool,
    chosen: tuple[str, ...],
) -> int:
    if quick and full:
        raise click.UsageError("--quick and --full exclude each other", click.get_current_context())
    from perflab import lab
    from perflab.cli import settings
    from perflab.progress import display

    plan = "quick" if quick else "full" if full else "default"
    budget, overrides = settings.plausible_budget(budget), settings.overrides(chosen)
    settings.refuse_what_cannot_fit(lab.chosen(names), settings.of_this_machine(plan, overrides))
    order = lab.Order(names, plan, out, budget, seed, resume, not no_lock, overrides)
    with display(sys.stderr, colour.of_stderr(), colour.moves(sys.stderr)) as observe:
        outcome = lab.measure_all(order, observe)
    from perflab.cli import ending  # not before: what renders stays out of the process while it measures

    return ending.conclude(outcome, order)


def _document(content: dict[str, Any]) -> str:
    import json

    return json.dumps(content, indent=2, allow_nan=False)
