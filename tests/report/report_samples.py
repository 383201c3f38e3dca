"""A scripted run for the report: every verdict, both kinds of figure, a failure with hostile text, no timing at all."""

from __future__ import annotations

import random
from dataclasses import replace

from perflab.model import (
    STANDARD_QUANTITIES,
    Arm,
    BlockRecord,
    Case,
    Choice,
    Claim,
    Clause,
    Design,
    Estimand,
    Experiment,
    Failure,
    Figure,
    Group,
    GroupRecord,
    Guide,
    Mark,
    Quantity,
    Reference,
    Relation,
    Role,
    RoundRecord,
    Run,
    Settings,
)

HOSTILE = "<script>alert('x')</script> | a*b_c `d` [e](http://evil.example) $x$ & --> done"
SERIAL = Case("range_sum", "python", "serial", size=400_000)
THREADS = replace(SERIAL, strategy="threads", workers=2)
POOLS = tuple(replace(SERIAL, strategy="pool", workers=2, start_method=method) for method in ("fork", "spawn"))
BROKEN = replace(SERIAL, strategy="executor", workers=2)
ACCESS = ("plain", "rawvalue", "value", "shared_memory", "manager")
NS = {"plain": 25.0, "rawvalue": 70.0, "value": 200.0, "shared_memory": 90.0, "manager": 41_000.0}
ACCESS_NS = Quantity("access_ns", "ns", "time of one access")
OUTCOME = Quantity("outcome", "", "what the program printed")
TWIN = replace(SERIAL, params=(("twin", 1),))
BLOCKS = 12


def accesses(variants: int = 4) -> list[Case]:
    """Five ways of sharing in several kinds of access: twenty cases."""
    kinds = ("read", "write", "add", "bulk")[:variants]
    return [Case("counter", "", name, params=(("kind", kind),)) for kind in kinds for name in ACCESS]


def faster(case: Case, relation: Relation, bound: float, role: Role = Role.DECIDES) -> Clause:
    return Clause(case, "speedup", Estimand.RATIO, relation, bound, SERIAL, role)


def speed_design(settings: Settings) -> Design:
    marks = [Mark(THREADS, "threads", SERIAL), *(Mark(p, f"pool, {p.start_method}", SERIAL) for p in POOLS)]
    marks.append(Mark(BROKEN, "executor", SERIAL))
    claims = (
        Claim("S01", "CPU-bound Python threads are concurrent, not parallel",
              (faster(THREADS, Relation.BELOW, 1.2), faster(POOLS[0], Relation.ABOVE, 1.2, Role.SUPPORTS)), ("S01",),
              conditions="a pure-Python loop"),
        Claim("S02", "Processes run in parallel on several cores", (faster(POOLS[0], Relation.ABOVE, 1.2),), ("S02",)),
        Claim("S04", "Threads are slower than one thread", (faster(THREADS, Relation.BELOW, 0.9),), ("S04",)),
        Claim("S05", "An executor is as fast", (faster(BROKEN, Relation.ABOVE, 1.2),)),
        Claim("S99", "Pools are as fast as spawned ones",
              (Clause(POOLS[1], "wall_ns", Estimand.RATIO, Relation.BELOW, 0.5, POOLS[0]),)),
        Claim("S10", "Windows needs the guard", (faster(THREADS, Relation.BELOW, 9),), not_applicable="not Windows"),
    )  # fmt: skip
    figure = Figure("speed-up", "Two threads are no faster than one; two processes are", "strip", "speedup",
                    Estimand.RATIO, tuple(marks), references=(Reference(1.93, "ceiling"), Reference(1.0, "one worker")),
                    claims=("S01", "S02"))  # fmt: skip
    arms = [Arm(SERIAL), *(Arm(case, SERIAL, case.id) for case in (THREADS, *POOLS, BROKEN))]
    ways = (("one after another", SERIAL), ("threads", THREADS), *((f"Pool, {p.start_method}", p) for p in POOLS))
    loops = Choice("a loop", (*ways, ("ProcessPoolExecutor", BROKEN)), "S02")
    guide = Guide(f"Which way {HOSTILE}", (loops, Choice("the same on one core", ways[:2])), "wall_ns", ("cpu_ns",))
    return Design((Group("speed", tuple(arms)),), claims, (figure,), (guide,))


def access_design(settings: Settings) -> Design:
    cases = accesses()
    marks = [Mark(c, f"{c.strategy}, {c.param('kind')}", series=str(c.param("kind"))) for c in cases]
    points = [replace(m, series=m.case.strategy, x=64.0 * 16 ** (n // 5)) for n, m in enumerate(marks)]
    rows = Figure("all", "A Manager costs three orders of magnitude, whatever the access", "strip", "access_ns",
                  Estimand.LEVEL, tuple(marks), claims=("S22",))  # fmt: skip
    curves = Figure("growth", "Time of an access by its size", "lines", "access_ns", Estimand.LEVEL, tuple(points),
                    x_label="bytes", references=(Reference(1000.0, "1 µs"),))  # fmt: skip
    two = Figure("two", "Manager against Value", "strip", "access_ns", Estimand.RATIO,
                 tuple(Mark(c, c.strategy, cases[0]) for c in (cases[2], cases[4])))  # fmt: skip
    gap = Clause(cases[4], "access_ns", Estimand.RATIO, Relation.ABOVE, 100.0, cases[2])
    claim = Claim("S22", "sharedctypes is two orders of magnitude faster than a Manager", (gap,), ("S22",))
    arms = tuple(Arm(case, None if case == cases[0] else cases[0]) for case in cases)
    return Design((Group("access", arms, per_case_count=True),), (claim,), (rows, curves, two))


def null_design(settings: Settings) -> Design:
    return Design((Group("null", (Arm(SERIAL), Arm(TWIN, SERIAL))),))


def text_design(settings: Settings) -> Design:
    case = Case(strategy="fork", params=(("program", "globals"),))
    share = Clause(case, "outcome", Estimand.SHARE, Relation.ABOVE, 0.5, expected="15 20 10")
    mark = Figure("share", "What the program prints", "strip", "outcome", Estimand.SHARE, (Mark(case, "globals"),))
    lost = replace(mark, name="nothing", title="Nothing was measured here", marks=(Mark(Case("x"), "x"),))
    return Design(
        (Group("text", (Arm(case),)),), (Claim("S11", f"Globals {HOSTILE}", (share,), ("S11",)),), (mark, lost)
    )


EXPERIMENTS = {
    "null": Experiment("null", "How far apart are two copies?", null_design, how="A against A.", place=0),
    "gil": Experiment("gil", "What does the GIL do to threads?", speed_design, how="Split loops. " * 20,
                      limits="Nothing about IO. " * 12, place=1),
    "access": Experiment("access", f"What does an access cost? {HOSTILE}", access_design,
                         quantities=(*STANDARD_QUANTITIES, ACCESS_NS), place=2),
    "text": Experiment("text", "What does it print?", text_design, quantities=(OUTCOME,), place=3),
}  # fmt: skip


def scripted_run(blocks: int = BLOCKS) -> Run:
    """Numbers drawn from a fixed seed round fixed medians."""
    dice = random.Random(7)
    records = [record for number in range(blocks) for record in block_records(number, dice)]
    environment = {
        "python": "3.11.7", "implementation": "CPython", "gil": {"enabled": True, "disabled_build": False},
        "cpu": "A processor <b>bold</b> | 2.5 GHz", "cores": {"os_cpu_count": 4, "effective": 2}, "system": "Linux",
        "kernel": "6.1", "machine": "x86_64", "caches": {"L1d": 49152, "L3": 37748736}, "memory_bytes": 2**34,
        "start_methods": ["fork", "spawn"], "container": None, "numpy": "2.4.6", "jit": False,
    }  # fmt: skip
    return Run(
        settings=Settings(), experiments=tuple(EXPERIMENTS), seed=42, environment=environment, code_hash="abc" * 20,
        started="2026-11-22T12:00:00Z", blocks=tuple(records), version="0.1.0",
        ended={"wall_s": 100.0, "report_s": 4.0, "interrupted": False},
    )  # fmt: skip


def block_records(number: int, dice: random.Random) -> list[BlockRecord]:
    def near(value: float, spread: float = 0.04) -> float:
        return value * (1 + spread * dice.uniform(-1, 1))

    speed = {SERIAL: 20e6, THREADS: 20.4e6, POOLS[0]: 10.6e6, POOLS[1]: 11e6 * dice.choice((0.3, 1.0, 1.1))}
    access = {case: NS[case.strategy] * (1 + 3 * (n // 5)) for n, case in enumerate(accesses())}
    text_case = text_design(Settings()).groups[0].arms[0].case
    return [
        block("null", number, [{SERIAL: {"wall_ns": near(20e6)}, TWIN: {"wall_ns": near(20e6, 0.01)}}] * 2),
        block("gil", number, [{case: {"wall_ns": near(ns)} for case, ns in speed.items()} for _ in range(4)],
              {BROKEN.id: Failure("raised", f"RuntimeError: {HOSTILE}", f"Traceback\n```\n{HOSTILE}\n```")}),
        block("access", number, [{case: {"access_ns": near(ns, 0.15)} for case, ns in access.items()}]),
        block("text", number, [{text_case: {"outcome": "15 20 10"}}]),
    ]  # fmt: skip


def block(name, number, rounds, failures=None) -> BlockRecord:
    records = tuple(
        RoundRecord({case.id: seen for case, seen in one.items()}, evidence={"steal_ns": 1e6}, contaminated=number == 3,
                    replaced=number == 3 and index == 0)
        for index, one in enumerate(rounds)
    )  # fmt: skip
    group = GroupRecord(name, records, failures=failures or {})
    ledger = {"samples": 1.2, "host_start": 0.5, "evidence": 0.1, "idle": 0.05}
    return BlockRecord(name, number, 1, (group,), ledger)
