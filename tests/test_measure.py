"""Orders, evidence, repeats and what is lost with a failed case: the rules of a block, without hosts."""

from __future__ import annotations

import random

import pytest

from perflab import host, lab, measure, rounds
from perflab.clock import FakeClock
from perflab.corespeed import CoreSpeed
from perflab.guardian import remember
from perflab.host import calibrate
from perflab.household import Bench, Household, without_folders
from perflab.model import Arm, BlockRecord, Case, Design, Failure, Group, GroupRecord, Plan, Thresholds
from perflab.pace import Open, Progress
from perflab.testing import scripted_run

CONTROL, CASE, OTHER = Case(strategy="control"), Case(strategy="case"), Case(strategy="other")
ARMS = (Arm(CONTROL), Arm(CASE, CONTROL), Arm(OTHER, CASE))


@pytest.mark.parametrize("cases", [1, 2, 3, 4, 5])
def test_every_case_stands_equally_often_in_every_place(cases):
    """Rounds come in whole cyclic Latin squares, at least as many as asked for."""
    drawn = rounds.orders(cases, 6, random.Random(1))
    assert len(drawn) >= 6
    assert len(drawn) % cases == 0
    for place in range(cases):
        assert sorted(order[place] for order in drawn) == sorted(list(range(cases)) * (len(drawn) // cases))


def test_two_cases_alternate_as_abba():
    """Two cases give AB BA or BA AB in each pair of rounds."""
    drawn = rounds.orders(2, 40, random.Random(5))
    pairs = {(drawn[index], drawn[index + 1]) for index in range(0, 40, 2)}
    assert pairs == {((0, 1), (1, 0)), ((1, 0), (0, 1))}


def test_orders_follow_the_seed():
    """The same seed draws the same orders, another one others."""
    assert rounds.orders(4, 40, random.Random(3)) == rounds.orders(4, 40, random.Random(3))
    assert rounds.orders(4, 40, random.Random(3)) != rounds.orders(4, 40, random.Random(4))


class Visit:
    """A group whose samples take so long, on a clock of its own; nothing else goes on in the machine."""

    def __init__(self, monkeypatch, sample_ns, visit_ns=100_000_000, arms=ARMS[:2], busy=lambda clock: 0):
        clock = FakeClock()
        self.clock, self.group = clock, Group("g", arms)
        plan = Plan("quick", (6,), 3, 1, 1.0, visit_ns=visit_ns)
        self.house = Household(Bench(None, plan, clock=clock), 1)
        monkeypatch.setattr(measure, "ask", lambda house, arm, **request: self.sample(sample_ns))
        monkeypatch.setattr(measure, "_machine", lambda bench: self.machine(busy))

    def sample(self, sample_ns):
        """What a host answers."""
        self.clock.advance(sample_ns)
        return {"values": {"wall_ns": sample_ns}, "evidence": {"cpu_ns": 0}}

    def machine(self, busy):
        """What the machine says of itself."""
        return {"wall_ns": self.clock(), "lab_ns": 0, "busy_ns": busy(self.clock())}

    def rounds(self):
        """All rounds of the visit."""
        return measure._all_rounds(self.house, self.group, random.Random(1))


@pytest.mark.parametrize(
    ("sample_ns", "expected"), [(100_000_000, 4), (10_000_000, 6), (5_000_000, 10), (1_000_000, 20), (1, 20)]
)
def test_short_rounds_are_many(monkeypatch, sample_ns, expected):
    """Whole squares until the group had its time; the plan's least number of rounds, and a most of them."""
    assert len(Visit(monkeypatch, sample_ns).rounds()) == expected


def test_rounds_of_one_window_share_its_evidence(monkeypatch):
    """Rounds too short for the kernel's ticks are judged together, by the time that they took together."""
    visit = Visit(monkeypatch, 5_000_000, busy=lambda now: now if now <= 60_000_000 else 60_000_000)
    rounds = visit.rounds()
    assert [one.contaminated for one in rounds] == [True] * 6 + [False] * 4
    assert {one.evidence["wall_ns"] for one in rounds[:6]} == {60_000_000}
    assert {one.evidence["foreign_ns"] for one in rounds[6:]} == {0}


def test_rounds_beside_a_slow_core_are_run_again(monkeypatch):
    """A look after each window, and one before the first: both ends of a window judge it, and nothing else does."""
    visit = Visit(monkeypatch, 40_000_000, 1_000_000_000)
    looks = iter([100, 100, 100, 180, *[100] * 20])
    visit.house.bench.core_speed = CoreSpeed((0,), lambda core: next(looks))
    rounds = visit.rounds()
    assert [index for index, one in enumerate(rounds) if one.replaced] == [2, 3]
    assert [one.evidence["slowdown"] for one in rounds[:5]] == [1.0, 1.0, 1.8, 1.8, 1.0]
    assert not any(one.contaminated for one in rounds[-2:])


def test_rounds_beside_a_slow_core_are_set_aside_where_others_are_left(monkeypatch):
    """Too many to run again; of four rounds two are left, one, or none."""
    for slow, aside in (([180], [0, 1]), ([180] * 2, []), ([180] * 4, [])):
        visit = Visit(monkeypatch, 40_000_000, 1)
        looks = iter([100, *slow, *[100] * 20])
        visit.house.bench.core_speed = CoreSpeed((0,), lambda core, looks=looks: next(looks), {0: 100})
        assert [index for index, one in enumerate(visit.rounds()) if one.replaced] == aside


def test_long_samples_are_looked_at_one_by_one(monkeypatch):
    """What passes between the ends of a long round is seen as well."""
    visit = Visit(monkeypatch, 100_000_000, 1)
    looks = iter([100, 180, 100, *[100] * 20])
    visit.house.bench.core_speed = CoreSpeed((0,), lambda core: next(looks))
    assert [one.evidence["slowdown"] for one in visit.rounds() if one.contaminated] == [1.8]


@pytest.mark.parametrize("second", [1, 2, 3, 4])
def test_a_contaminated_window_is_run_again_in_its_own_order(monkeypatch, second):
    """The replaced round has one of the same order at the end, which takes its place; whichever round it was."""
    start, end = 90_000_000 * second, 90_000_000 * (second + 1)
    visit = Visit(monkeypatch, 30_000_000, 1_000_000_000, ARMS, busy=lambda now: min(max(now, start), end))
    rounds = visit.rounds()
    (replaced,) = (one for one in rounds if one.replaced)
    assert replaced is rounds[second]
    assert rounds[-1].order == replaced.order
    assert not rounds[-1].contaminated


def test_the_orders_that_are_run_again_differ(monkeypatch):
    """What the test above compares would be equal anyway, if all orders were."""
    rounds = Visit(monkeypatch, 30_000_000, visit_ns=1_000_000_000, arms=ARMS).rounds()
    assert len({one.order for one in rounds[1:5]}) > 1


def test_foreign_time_is_what_neither_lab_nor_hosts_used():
    """Busy time less the lab's own and its hosts' is somebody else's; it is never negative."""
    before = {"wall_ns": 0, "lab_ns": 5, "busy_ns": 100, "steal_ns": 1}
    after = {"wall_ns": 1000, "lab_ns": 25, "busy_ns": 900, "steal_ns": 4}
    assert rounds.weigh(before, after, 300) == {"wall_ns": 1000, "steal_ns": 3, "foreign_ns": 480}
    assert rounds.weigh(before, after, 5000)["foreign_ns"] == 0


def test_evidence_that_the_system_lacks_is_left_out():
    """Without /proc/stat there is no foreign time, and no contamination is claimed."""
    passed = rounds.weigh({"wall_ns": 0, "lab_ns": 1}, {"wall_ns": 9, "lab_ns": 2}, 3)
    assert passed == {"wall_ns": 9}
    assert not rounds.is_contaminated(passed, Thresholds())


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ({"wall_ns": 100e6, "foreign_ns": 29e6}, False),
        ({"wall_ns": 100e6, "foreign_ns": 31e6}, True),
        ({"wall_ns": 1000e6, "foreign_ns": 190e6}, False),
        ({"wall_ns": 1000e6, "foreign_ns": 210e6}, True),
        ({"wall_ns": 1000e6, "steal_ns": 40e6}, False),
        ({"wall_ns": 1000e6, "steal_ns": 60e6}, True),
    ],
)
def test_a_round_is_contaminated_by_its_share_and_by_whole_ticks(evidence, expected):
    """Both must be passed: the share of the round, and three kernel ticks below which nothing is known."""
    assert rounds.is_contaminated(evidence, Thresholds()) is expected


def test_a_burst_is_repeated_and_a_constant_neighbour_is_not():
    """Up to a quarter of the rounds is run again; more contamination than that is only flagged."""
    assert rounds.to_repeat([False, True, False, False], Thresholds()) == [1]
    assert rounds.to_repeat([True, True, False, False], Thresholds()) == []
    assert rounds.to_repeat([True] * 4, Thresholds()) == []


def test_what_hangs_on_a_failed_case_is_lost_with_it():
    """Cases compared with the failed one go with it, with the reason; the others stay."""
    lost = measure.lost_with(ARMS[0], Failure("died", "killed"), ARMS)
    assert lost == {
        "control": Failure("died", "killed"),
        "case": Failure("refused", "its control control failed: killed"),
    }


def test_controls_stay_while_a_case_needs_them():
    """A decided control is measured on for the case that is not decided; decided cases are dropped."""
    group = Group("g", ARMS)
    assert [arm.case for arm in measure.standing(group, frozenset({"case"}), {})] == [CONTROL, CASE]
    assert measure.standing(group, frozenset(), {}) == ()
    assert [arm.case for arm in measure.standing(group, frozenset({"case", "other"}), {"other": None})] == [
        CONTROL,
        CASE,
    ]


def test_the_first_count_stays():
    """Counts are calibrated once: later blocks repeat what the first one found."""
    records = [BlockRecord("e", n, 1, (GroupRecord("g", counts={"a": count}),)) for n, count in enumerate((5, 9))]
    assert measure.known_from(records).counts == {"a": 5}


@pytest.mark.parametrize(("cost_ns", "target_ns"), [(25, 10_000_000), (50_000, 10_000_000), (10_000_000, 1_000)])
def test_a_sample_is_repeated_until_it_is_long_enough(cost_ns, target_ns):
    """The count makes a sample last about the target, and is at least one."""
    clock = FakeClock()
    count = calibrate(lambda n: clock.advance(n * cost_ns), target_ns, clock)
    assert count == max(1, float(f"{target_ns / cost_ns:.1e}"))


@pytest.mark.parametrize(("count", "asked", "own_ns"), [(1, [1], 10), (3, [1, 3], 40)])
def test_a_repeated_call_is_made_once_beforehand(monkeypatch, count, asked, own_ns):
    """Caches are as the case itself leaves them; what that call costs is no neighbour's and not the sample's."""
    made = []
    monkeypatch.setattr(host, "_tree_cpu_ns", lambda opened: 10 * sum(made))
    opened = host.Opened(iter(()), lambda n: made.append(n) or {"wall_ns": 1}, count, ())
    answer = host._sample(host.Desk({"c": opened}), {"case": "c"})
    assert made == asked
    assert answer["values"] == {"wall_ns": 1, "cpu_ns": 10}
    assert answer["evidence"]["cpu_ns"] == own_ns


def test_a_case_that_takes_no_time_is_still_calibrated_in_bounded_steps():
    """An empty operation ends at the bound instead of doubling for ever."""
    from perflab.host import MOST_REPETITIONS

    assert calibrate(lambda n: None, 1_000_000, FakeClock()) == MOST_REPETITIONS


def test_the_guardian_knows_what_is_still_running():
    """Sessions that were ended are forgotten; a goodbye leaves nothing to do."""
    assert remember(["dir /tmp/x\n", "+5\n", "+6\n", "-5\n"]) == ([6], ["/tmp/x"], False)
    assert remember(["+5\n", "bye\n"]) == ([5], [], True)


OWN, TAUGHT, A_TENTH = Open(taught=False), Open(taught=True), Open(taught=True, share=0.1)


def test_time_left_counts_only_what_will_be_run():
    """What is left is the rest of this experiment at its pace and the others at the pace seen, within the budget."""
    progress = Progress({"a": 1, "b": 3}, deadline_ns=100 * 10**9)
    assert progress.left_s("a", elapsed_s=2, done=2, planned=4, now_ns=2 * 10**9) == 2 + 12
    progress.seconds["a"] = 4
    assert progress.left_s("b", elapsed_s=0, done=0, planned=6, now_ns=4 * 10**9) == 12
    assert progress.left_s("b", elapsed_s=6, done=3, planned=6, now_ns=99 * 10**9) == 1


def test_time_left_over_is_shown_as_time_left():
    """Once a claim was left open, the run goes on to the end of its budget."""
    progress = Progress({"a": 1, "b": 1}, deadline_ns=100 * 10**9)
    progress.finish("a", 4)
    progress.still_open["a"] = OWN
    assert progress.left_s("b", elapsed_s=2, done=2, planned=2, now_ns=6 * 10**9) == 94
    progress.finish("a", 3)
    assert progress.seconds == {"a": 7}
    assert progress.left_s("b", elapsed_s=2, done=2, planned=2, now_ns=9 * 10**9) == 0


def _run_with(blocks):
    records = [BlockRecord(name, n, 1, (), {"samples": cost}) for name, cost, many in blocks for n in range(many)]
    return scripted_run(records)


@pytest.mark.parametrize(
    ("still_open", "now_s", "expected"),
    [
        ({}, 0, None),
        ({"dear": OWN, "cheap": OWN}, 0, "cheap"),
        ({"dear": TAUGHT, "cheap": OWN}, 0, "dear"),
        ({"dear": TAUGHT, "cheap": OWN}, 90, "cheap"),
        ({"further": TAUGHT, "dear": TAUGHT}, 0, "dear"),
        ({"dear": A_TENTH, "cheap": OWN}, 90, "dear"),
        ({"further": TAUGHT, "dear": OWN}, 0, "further"),
        ({"dear": OWN}, 90, None),
        ({"done": OWN}, 0, None),
    ],
)
def test_what_is_left_over_goes_to_open_claims(still_open, now_s, expected):
    """The tutorial's first, then the nearest look, then the cheapest; only what fits into the time that is left.

    It is the time of the cases that are still needed: two blocks of 10 s fit into 10 s if a tenth of them is.
    """
    clock = FakeClock()
    clock.advance(now_s * 10**9)
    bench = Bench(None, Plan("quick", (6, 8, 12), 4, 1, 1.0), clock=clock)
    run = _run_with([("dear", 10.0, 6), ("cheap", 1.0, 6), ("further", 1.0, 8), ("done", 0.1, 12)])
    progress = Progress(dict.fromkeys(run.experiments, 1), deadline_ns=100 * 10**9, still_open=still_open)
    step = lab._next_step(run, bench, progress)
    assert (step and step.name) == expected


def test_the_share_of_a_block_that_is_still_needed_counts_controls():
    """One of three pools and the loop that it is compared with, of the four cases that the last block had."""
    serial, *pools = (Case("range_sum", "python", name, size=2) for name in ("serial", "a", "b", "c"))
    design = Design((Group("pools", (Arm(serial), *(Arm(pool, serial) for pool in pools))),))
    last = BlockRecord("x", 7, 1, (GroupRecord("pools", once={case.id: {} for case in (serial, *pools)}),))
    assert lab._share(design, frozenset({pools[1].id}), last) == 0.5
    assert lab._share(design, frozenset(case.id for case in pools), last) == 1.0


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('File "/home/ann/lab/perflab/host.py", line 5', 'File "…/host.py", line 5'),
        ("cannot open /home/ann/x.txt: no such file", "cannot open …/x.txt: no such file"),
        ("2 / 3, a/b and ./c/d", "2 / 3, a/b and ./c/d"),
        ('File "<string>", line 1', 'File "<string>", line 1'),
    ],
)
def test_failures_are_stored_without_folders(text, kept):
    """A traceback keeps its file names, and loses the folders that tell whose machine it was."""
    assert without_folders(text) == kept
