"""The measurement of trust in the duel: true sizes, resuming, counting, and reading what the peers say."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from perflab.errors import BadInput

TRUST = Path(__file__).parents[1] / "reports" / "trust"
sys.path.insert(0, str(TRUST))

import cells  # noqa: E402 - the scripts are no package: they are imported from their folder
import contenders  # noqa: E402
import contested  # noqa: E402
import findings  # noqa: E402
import measure  # noqa: E402

SMALL = (cells.Cell("python", 0, 2, 2), cells.Cell("native", 10, 2, 4), cells.Cell("python", 0, 2, 2, tool="pyperf"))


def line(verdict="equivalent", **fields):
    known = {"verdict": verdict, "ratio": 1.0, "low": 0.99, "high": 1.01, "margin_used": 0.01, "seconds": 1.5}
    evidence = {"wall_s": 1.75, "load": 0.5, "steal": 0.0, "foreign": 0.0, "code": "c", "resolution_ns": 20.0}
    return {**known, **evidence, **fields}


def lines(words):
    return [line(word) for word in words.split()]


@pytest.fixture
def scripted(tmp_path, monkeypatch):
    """Measure with a scripted contender that notes what it is asked for."""
    monkeypatch.setattr(measure, "overheads", lambda: {"python": 0.0001})
    asked = []

    def contend(cell, number):
        asked.append((cell, number))
        return line(number=number) if cell.tool == "duel" else line(number=number, said={"significant": ""})

    def go(some=SMALL, **options):
        measure.measure(tmp_path, some, contend=contend, **options)
        return asked

    return go


# The functions


@pytest.mark.parametrize("kind", ["python", "native"])
@pytest.mark.parametrize("percent", contested.SIZES)
def test_each_function_makes_exactly_the_turns_that_its_name_says(kind, percent, monkeypatch):
    """The loops' own sums give the turns away, and HEAD makes the injected percent more, to the turn."""
    work, base = contested.KINDS[kind]
    made = []
    monkeypatch.setattr(contested, work.__name__, lambda turns: made.append(contested.turns_of(work(turns))))
    assert getattr(contested, f"{kind}_{percent}")() == "done"
    assert made[0] * 100 == base * (100 + percent)
    assert len(made) == 1


@pytest.mark.parametrize("turns", [1, 2, 3, 1000, 46_200])
def test_a_sum_gives_its_turns_away(turns):
    """The count is the one that the sum was made with."""
    assert contested.turns_of(sum(range(turns))) == turns


def test_no_turn_of_the_python_loop_costs_more_for_a_second_digit():
    """The largest sum fits one digit of 30 bits."""
    assert contested.python_sum(contested.slowed(contested.PYTHON_TURNS, max(contested.SIZES))) < 2**30


# The cells


def test_every_cell_has_a_name_of_its_own_and_functions_that_are_there():
    """Two cells never share a file."""
    assert len({cell.name for cell in cells.CELLS}) == len(cells.CELLS)
    assert all(hasattr(contested, name) for cell in cells.CELLS for name in (cell.base, cell.head))


def test_promises_are_of_the_numbers_of_duels_that_they_speak_of():
    """Two of 200 functions against themselves, half of them beside a neighbour; 60 duels a slow-down."""
    same = [promise for promise in cells.PROMISES if promise.most_alarms == 2]
    assert [promise.count for promise in same] == [200, 200]
    assert all(sum(cell.count for cell in promise.cells if cell.beside) == 100 for promise in same)
    assert {promise.count for promise in cells.PROMISES if promise.least_found} == {60}
    assert {cell for promise in cells.PROMISES for cell in promise.cells} <= set(cells.CELLS)


def test_each_situation_of_the_peers_is_also_a_duel_of_the_same_time():
    """No row of the peers stands alone."""
    dueled = {cell.situation for cell in cells.CELLS if cell.tool == "duel"}
    assert {cell.situation for cell in cells.PEERS} <= dueled
    assert {cell.budget_s for cell in cells.PEERS} == set(contenders.LOOPS)


def test_cells_are_chosen_by_patterns_and_unknown_ones_refused():
    """A pattern that fits nothing is a mistake, not an empty measurement."""
    assert [cell.name for cell in cells.chosen("duel-*,pyperf-*", SMALL)] == [cell.name for cell in SMALL]
    assert cells.chosen("pyperf-*", SMALL) == SMALL[2:]
    with pytest.raises(BadInput, match="no cell is called dual"):
        cells.chosen("dual-*", SMALL)


def test_separate_processes_import_one_name_from_two_folders(tmp_path):
    """BASE and HEAD are the same words; only the folders differ."""
    words = contenders.sides(cells.Cell("python", 5, 30, 60, apart=True), tmp_path)
    assert words[0] == words[1] == "injected:work"
    assert words[2:] == ["--base-dir", str(tmp_path / "base"), "--head-dir", str(tmp_path / "head")]
    for side, function in (("base", "python_0"), ("head", "python_5")):
        scope: dict[str, object] = {"__name__": "injected"}
        exec((tmp_path / side / "injected.py").read_text(), scope)
        assert scope["work"] is scope[function]


# Going on


def test_the_cell_that_is_least_far_comes_next(scripted):
    """A stop leaves all cells similarly far, however many comparisons each has."""
    order = [(SMALL.index(cell), number) for cell, number in scripted()]
    assert order == [(0, 0), (1, 0), (2, 0), (1, 1), (0, 1), (1, 2), (2, 1), (1, 3)]


def test_measuring_goes_on_where_it_stopped(scripted, tmp_path, capsys):
    """What is stored is not measured again, and what a stop left of a line is cut off."""
    scripted(count_only := SMALL[:1], most=1)
    path = measure.path_of(tmp_path, SMALL[0])
    path.write_text(path.read_text() + '{"number": 1, "verd')
    assert scripted(count_only) == [(SMALL[0], 0), (SMALL[0], 1)]
    assert [json.loads(text)["number"] for text in path.read_text().splitlines()] == [0, 1]
    assert "[2/2] duel-same-python-2s-quiet 1: equivalent, 1.8 s" in capsys.readouterr().out


def test_nothing_begins_after_the_minutes_are_over(scripted):
    """The clock is asked before each comparison."""
    moments = iter([0.0, 59.0, 61.0])
    assert len(scripted(minutes=1, clock=lambda: next(moments))) == 1


def test_a_folder_of_another_machine_is_not_continued(scripted, tmp_path):
    """Numbers of two machines never end in one table."""
    scripted()
    path = tmp_path / "machine.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "kernel": "another"}))
    with pytest.raises(BadInput, match="kernel"):
        scripted()


# Counting

SAME = replace(cells.PROMISES[0], cells=(cells.Cell("python", 0, 2, 4),), most_alarms=1)
FOUND = replace(cells.PROMISES[2], cells=(cells.Cell("python", 3, 2, 4),), least_found=3)
EMPTY = replace(cells.PROMISES[-1], cells=(cells.Cell("empty", 0, 2, 2),))


@pytest.mark.parametrize(
    ("promise", "said", "expected"),
    [
        (SAME, "equivalent unresolved slower equivalent", (1, 4, "kept")),
        (SAME, "equivalent slower faster", (2, 3, "**broken**")),
        (SAME, "failed failed equivalent equivalent", (0, 4, "**broken**")),
        (SAME, "equivalent", (0, 1, "open, 1 of 4 done")),
        (FOUND, "slower slower unresolved slower", (3, 4, "kept")),
        (FOUND, "slower equivalent unresolved", (1, 3, "**broken**")),
        (FOUND, "slower slower slower faster", (3, 4, "**broken**")),
        (FOUND, "slower slower slower", (3, 3, "open, 3 of 4 done")),
        (EMPTY, "unresolved equivalent", (0, 2, "kept")),
        (EMPTY, "slower", (1, 1, "**broken**")),
    ],
)
def test_a_promise_is_kept_broken_or_open(promise, said, expected):
    """Broken as soon as it cannot be kept any more; kept only when all is measured."""
    assert findings.judged(promise, {promise.cells[0]: lines(said)}) == expected


def test_what_was_found_too_late_was_not_found():
    """The budget is part of the promise."""
    cell = FOUND.cells[0]
    assert findings.found(cell, [line("slower", seconds=2.0), line("slower", seconds=2.1)]) == 1


def test_a_duel_of_nothing_that_hides_its_resolution_breaks_its_promise():
    """Silence is not honesty."""
    assert findings.judged(EMPTY, {EMPTY.cells[0]: [line("unresolved", resolution_ns=None)]})[2] == "**broken**"


def test_the_page_counts_what_the_folder_holds(scripted, tmp_path):
    """Each cell has its row, each threshold of a peer its own, each promise its state."""
    cell = cells.SAME[0]
    pair = next(one for one in cells.PEERS if one.situation == cell.situation and one.tool == "pyperf")
    scripted((cell,), most=1)
    for one in (line("slower", ratio=1.04, low=1.02, high=1.06, seconds=3.5), line("failed", low=None, high=None)):
        measure.append(measure.path_of(tmp_path, cell), one)
    for said in ({"significant": "slower"}, {"significant": ""}, None):
        measure.append(measure.path_of(tmp_path, pair), line(said=said))
    page = findings.page(tmp_path)
    counted = "| same-python-10s-quiet | 3 | 1 | 0 | 1 | 0 | 1 | 0.8% to 90.6% |"
    assert f"{counted} 1.5 | 1.8 | 1.0000 | 3.00% | 1 of 2 | 1.00% | 0.0% | 0.0% |" in page
    assert "| same-python-10s-quiet | duel: its verdict | 3 | 1 | 0 | 0.8% to 90.6% | 1.8 |" in page
    assert "| pyperf: significant (1 pairs failed) | 2 | 1 | 0 | 1.3% to 98.7% | 1.8 |" in page
    assert "called slower or faster | 1 of 3 | 0.8% to 90.6% | open, 3 of 200 done |" in page
    assert "0.010% (python)" in page


def test_an_interval_holds_the_truth_from_both_sides():
    """Of intervals below, around and above the injected 3 %, one holds it."""
    some = [line(low=low, high=high) for low, high in ((1.0, 1.02), (1.02, 1.04), (1.04, 1.06))]
    assert "1 of 3" in findings.duel_row(cells.Cell("python", 3, 10, 60), some)


def test_the_page_of_an_empty_folder_says_so(tmp_path):
    """Nothing measured is no promise kept."""
    page = findings.page(tmp_path)
    assert "Nothing has been measured yet." in page
    assert f"0 of {len(cells.PROMISES)} promises are kept, 0 broken, {len(cells.PROMISES)} not measured" in page


def test_what_is_measured_to_the_end_is_not_called_unfinished(monkeypatch):
    """All kept is all there is to say."""
    monkeypatch.setattr(findings, "judged", lambda promise, results: (0, 0, "kept"))
    assert findings.summary({}) == f"{len(cells.PROMISES)} of {len(cells.PROMISES)} promises are kept, 0 broken."


# Reading the tools

REGRESSED = "\tt.py::test (0001_base) - Field 'median' has failed PercentageRegressionCheck: 4.086956522 > 3.000000000"


def test_pytest_benchmarks_own_words_count_as_slower():
    """``faster`` is what it would say with the sides exchanged; what it is silent about is nothing."""
    base, head = ({"median": median, "mean": 1.0, "min": low} for median, low in ((1.0, 1.0), (1.04, 0.9)))
    said = contenders.regressions(REGRESSED, base, head)
    assert said == {"median:1%": "", "median:3%": "slower", "median:5%": "", "mean:5%": "", "min:5%": "faster"}


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("Mean +- std dev: [base] 653 us +- 5 us -> [head] 698 us +- 4 us: 1.07x slower\n", "slower"),
        ("Mean +- std dev: [base] 698 us +- 5 us -> [head] 653 us +- 4 us: 1.07x faster\n", "faster"),
        ("Mean +- std dev: [base] 698 us +- 5 us -> [head] 698 us +- 4 us: no change\n", ""),
        ("Benchmark hidden because not significant (1): target\n", ""),
        ("Mean +- std dev: [base] 1 us -> [head] 2 us: 2.00x slower\nERROR when testing if values are\n", None),
        ("", None),
    ],
)
def test_what_pyperf_says_is_read_and_what_is_not_known_is_no_answer(output, expected):
    """pyperf reports a difference with an error beside it when it could not test it."""
    assert contenders.significant(output) == expected


def test_a_duel_without_a_document_is_a_failed_one():
    """Its last words are the reason."""
    assert contenders.ending('{"schema": "perflab.duel/1", "verdict": "slower"}', "") == {"verdict": "slower"}
    assert contenders.ending('{"verdict": "slower", "reason": "as its numbers say"}', "") == {"verdict": "slower"}
    assert contenders.ending('{"verdict": "failed", "reason": "hung"}', "")["reason"] == "hung"
    ended = contenders.ending("", "first\nthe end\n")
    assert (ended["verdict"], ended["reason"]) == ("failed", "the end")


def test_a_peer_that_fails_gives_no_answer(monkeypatch, tmp_path):
    """A pair without its second run is not counted as silence."""
    monkeypatch.setattr(contenders, "run", lambda command, limit_s, **variables: (3, "", "broken"))
    for carry_out in (contenders.pyperf, contenders.pytest_benchmark):
        assert carry_out(SMALL[2], 0, tmp_path) == {"status": 3, "ratio": None, "said": None, "reason": "broken"}


def test_a_command_that_hangs_is_given_up():
    """Status 124, as the timeout command has it; the time is only a bound."""
    assert contenders.run(["-c", "import threading; threading.Event().wait()"], 0.2)[0] == 124


def test_shares_are_of_all_cores(monkeypatch):
    """Of two cores' ten seconds, one second stolen is 5 %, and what others used is what is left of the busy time."""
    monkeypatch.setattr(contenders.os, "cpu_count", lambda: 2)
    before, after = contenders.Circumstances(0, 0, 0, 0), contenders.Circumstances(10, 1, 12, 8)
    assert contenders.differences(before, after) == {"steal": 0.05, "foreign": 0.2}
    assert contenders.differences(None, after) == {"steal": None, "foreign": None}
