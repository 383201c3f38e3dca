"""The story of a run: order → grid → blocks → journal, told to an observer as it goes."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import perflab
from perflab import corespeed, environment, hosts, measure, registry, store, verdict
from perflab.clock import utc_now
from perflab.errors import BadInput
from perflab.events import (
    BlockDone,
    CaseFailed,
    ExperimentDone,
    ExperimentStarted,
    Observe,
    RoundDone,
    RunDone,
    RunStarted,
    VerdictFell,
)
from perflab.household import Bench
from perflab.lock import machine_lock
from perflab.model import PLANS, BlockRecord, Design, Experiment, Run, Settings, Verdict
from perflab.pace import Open, Progress
from perflab.stats import first_look

ALWAYS = ("null", "ceiling")
"""Every run holds its A/A control and the machine's ceiling, whatever else was asked for."""

REPORTS = "reports"
"""Where runs are stored unless told otherwise; its ``latest`` is the newest of them."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to measure, how much, and where to; the defaults are those of ``run-all``."""

    names: tuple[str, ...] = ()
    plan: str = "default"
    out: Path | None = None
    budget_s: float | None = None
    seed: int | None = None
    resume: bool = False
    lock: bool = True
    overrides: tuple[tuple[str, tuple[int | str, ...]], ...] = ()
    limit_s: float | None = None
    """Hard limit of one request; None for what PERFLAB_LIMIT_S says, or the usual one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where the run is, and how it ended."""

    path: Path
    failed: bool = False
    interrupted: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """An experiment's next look, and the seconds that it would take; the least of several is the one to take.

    ``aside``: what it leaves open are claims of the lab's own, none of the tutorial's.
    """

    aside: bool
    look: int
    cost_s: float
    name: str


def measure_all(order: Order, observe: Observe = lambda event: None) -> Outcome:
    """Carry out an order; what is measured is on disk block by block, and an interruption ends it in order.

    Raises BadInput before anything is measured when the order cannot be carried out, and when the disk fills up.
    """
    names = chosen(order.names)
    folder = _folder(order)
    with ExitStack() as stack:
        stack.enter_context(_signals_interrupt())
        journal = stack.enter_context(store.journal(folder))
        _refuse_misplaced(order, folder, journal)
        try:
            if order.lock:
                stack.enter_context(machine_lock(observe))
            place = hosts.shelter(order.limit_s or hosts.limit_from_environment())
            stack.callback(hosts.leave, place)
            return _measure(order, names, folder, journal, Bench(place, PLANS[order.plan]), observe)
        except KeyboardInterrupt:
            _remove_if_empty(folder, journal)
            return Outcome(folder, interrupted=True)
        except BaseException:
            _remove_if_empty(folder, journal)
            raise


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The experiments of a run in their order: those named (all when none is), and the two controls."""
    for name in names:
        registry.find("experiment", name)
    return tuple(name for name in registry.experiments() if not names or name in names or name in ALWAYS)


def _folder(order: Order) -> Path:
    folder = order.out
    if folder is None and order.resume:
        folder = store.find(Path(REPORTS, "latest")).parent.resolve()
    if folder is None:
        folder = Path(REPORTS) / f"{utc_now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot make the folder {folder}: {error.strerror}; choose another with --out") from None
    return folder


def _refuse_misplaced(order: Order, folder: Path, journal: store.Journal) -> None:
    if order.resume and journal.empty:
        _remove_if_empty(folder, journal)
        raise BadInput(f"nothing to resume in {folder}: no run was begun there; leave out --resume")
    if not order.resume and not journal.empty:
        raise BadInput(f"{folder} already holds a run: add --resume to continue it, or choose another --out")


def _remove_if_empty(folder: Path, journal: store.Journal) -> None:
    if journal.empty:
        journal.path.unlink(missing_ok=True)
        if not any(folder.iterdir()):
            folder.rmdir()


def _measure(
    order: Order, names: tuple[str, ...], folder: Path, journal: store.Journal, bench: Bench, observe: Observe
) -> Outcome:
    begun = bench.clock()
    run = _resumed(order, folder) if order.resume else _begun(order, names, bench)
    bench.core_speed = corespeed.of_machine(run.environment)
    weights = {name: registry.find("experiment", name).weight for name in run.experiments}
    budget_s = order.budget_s or bench.plan.scale * sum(weights.values())
    if journal.empty:
        journal.append(store.header(run))
    if folder.resolve().parent == Path(REPORTS).resolve():
        store.point_latest(folder)
    observe(RunStarted(folder, run.experiments, run.settings.plan, budget_s))
    progress = Progress(weights, begun + int(budget_s * 1e9))
    interrupted = False
    try:
        for name in run.experiments:
            run = _one_experiment(name, run, journal, bench, progress, observe, first_look(bench.plan.looks))
        while step := _next_step(run, bench, progress):
            run = _one_experiment(step.name, run, journal, bench, progress, observe, step.look)
    except KeyboardInterrupt:
        interrupted = True
        run = store.load(folder)
    seconds = (bench.clock() - begun) / 1e9
    journal.append(_end_line(bench, seconds, interrupted, run.ended))
    observe(RunDone(folder, seconds))
    failed = any(group.failures for block in run.blocks for group in block.groups)
    return Outcome(folder, failed, interrupted)


def _next_step(run: Run, bench: Bench, progress: Progress) -> Step | None:
    """Where the time left over should go: the tutorial's claims first, the nearest look, the cheapest of those."""
    left_s = (progress.deadline_ns - bench.clock()) / 1e9
    return min((step for step in _steps(run, bench, progress) if step.cost_s <= left_s), default=None)


def _steps(run: Run, bench: Bench, progress: Progress) -> Iterator[Step]:
    for name, left in progress.still_open.items():
        own = run.blocks_of(name)
        looks = [look for look in bench.plan.looks if look > len(own)]
        if own and looks:
            cost_s = (looks[0] - len(own)) * sum(own[-1].ledger.values()) * left.share
            yield Step(not left.taught, looks[0], cost_s, name)


def _share(design: Design, needed: frozenset[str], last: BlockRecord) -> float:
    """How many cases the next block will have, controls among them, as a part of those that the last one had."""
    ahead = {arm.case.id for group in design.groups for arm in measure.standing(group, needed, {})}
    measured = {case_id for group in last.groups for case_id in group.once}
    return min(1.0, len(ahead) / max(1, len(measured)))


def _one_experiment(
    name: str, run: Run, journal: store.Journal, bench: Bench, progress: Progress, observe: Observe, until: int
) -> Run:
    """Measure an experiment up to ``until`` blocks, the end of its claims, or that of the time."""
    experiment: Experiment = registry.find("experiment", name)
    observe(ExperimentStarted(name, experiment.question, run.experiments.index(name) + 1, len(run.experiments)))
    design = experiment.design(run.settings)
    begun, done = bench.clock(), run.blocks_of(name)
    null = verdict.null_estimates(run)
    told = len(done)
    earlier = {(one.claim.id, one.verdict) for one in verdict.judge(run, name)} if name in progress.seconds else set()

    def left_s(block: int) -> float:
        elapsed = (bench.clock() - begun) / 1e9
        looks = [look for look in bench.plan.looks if look > block]
        return progress.left_s(name, elapsed, block - told, (looks or [block])[0] - told, bench.clock())

    def needed(blocks: Sequence[BlockRecord]) -> frozenset[str]:
        return verdict.undecided(run.settings, name, tuple(blocks), null)

    def on_round(group: str) -> None:
        block = len(run.blocks_of(name))
        observe(RoundDone(name, block, bench.plan.looks[-1], group, left_s(block)))

    bench.on_round = on_round
    failures = set(measure.known_from(done).failures)
    for record in measure.blocks(bench, experiment, design, run.seed, done, needed, until, progress.deadline_ns):
        journal.append(store.block_line(record))
        run = replace(run, blocks=(*run.blocks, record))
        for case_id, failure in measure.known_from([record]).failures.items():
            if case_id not in failures:
                failures.add(case_id)
                observe(CaseFailed(name, case_id, failure))
        block = record.block + 1
        planned = next((look for look in bench.plan.looks if look >= block), block)
        observe(BlockDone(name, block, planned, left_s(block)))
    seconds = (bench.clock() - begun) / 1e9
    judgements = verdict.judge(run, name)
    progress.finish(name, seconds)
    own = run.blocks_of(name)
    ahead = needed(own)
    if ahead and len(own) > told:
        taught = any(one.claim.seed and one.verdict is Verdict.UNRESOLVED for one in judgements)
        progress.still_open[name] = Open(taught, _share(design, ahead, own[-1]))
    for judgement in judgements:
        if (judgement.claim.id, judgement.verdict) not in earlier:
            observe(VerdictFell(judgement))
    observe(ExperimentDone(name, seconds, len(run.blocks_of(name))))
    return run


def _begun(order: Order, names: tuple[str, ...], bench: Bench) -> Run:
    """A new run: environment, speeds and the grid that follows from them."""
    facts = environment.facts()
    pairs = sorted({pair for name in names for pair in registry.find("experiment", name).calibrates})
    settings = Settings(
        plan=order.plan,
        cores=facts["cores"]["effective"],
        start_methods=tuple(facts["start_methods"]),
        default_start_method=facts["default_start_method"],
        speeds=tuple(measure.speeds(bench, pairs).items()),
        overrides=order.overrides,
    )
    designs: dict[str, Design] = {name: registry.find("experiment", name).design(settings) for name in names}
    return Run(
        settings=settings,
        experiments=names,
        seed=order.seed if order.seed is not None else secrets.randbits(31),
        environment=facts,
        code_hash=store.code_hash(),
        started=f"{utc_now():%Y-%m-%dT%H:%M:%SZ}",
        blocks=(),
        version=perflab.__version__,
        grid={name: tuple(case.id for case in design.cases) for name, design in designs.items()},
    )


def _resumed(order: Order, folder: Path) -> Run:
    """The stored run, once it is clear that this machine, plan and code are those that began it."""
    run = store.load(folder)
    differing = environment.comparable(run.environment, environment.facts())
    if run.settings.plan != order.plan:
        differing.append(f"plan ({run.settings.plan}, now {order.plan})")
    if order.overrides and run.settings.overrides != order.overrides:
        differing.append("--set")
    if order.names and chosen(order.names) != run.experiments:
        differing.append("the experiments named")
    if order.seed not in (None, run.seed):
        differing.append(f"seed ({run.seed}, now {order.seed})")
    if run.code_hash != store.code_hash():
        differing.append("perflab's own code")
    if differing:
        raise BadInput(f"cannot resume {folder}: it was begun with another {', '.join(differing)}; begin a new run")
    return run


def _end_line(bench: Bench, seconds: float, interrupted: bool, earlier: Any) -> dict[str, Any]:
    """The closing line: seconds of all sittings by kind; what is not samples, hosts or evidence is idle."""
    spent = {f"{name}_s": bench.ledger[name] for name in ("samples", "host_start", "evidence")}
    spent["idle_s"] = max(0.0, seconds - sum(spent.values()))
    spent["wall_s"] = seconds
    total = {name: round(value + earlier.get(name, 0.0), 6) for name, value in spent.items()}
    return {"kind": "end", "interrupted": interrupted, **total}


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP end a run as Ctrl-C does, with everything put away."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    try:
        earlier = {name: signal.signal(name, interrupt) for name in names}
    except ValueError:  # not in the main thread: a test, or an embedding program that has its own handlers
        earlier = {}
    try:
        yield
    finally:
        for name, handler in earlier.items():
            signal.signal(name, handler)
