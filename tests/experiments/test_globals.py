"""The globals experiment: what its programs print, and what its claims say to that."""

from __future__ import annotations

import pytest
from claims_support import children, design_of, observe, verdicts

from perflab.errors import WrongAnswer
from perflab.experiments import globals as subject
from perflab.experiments._facts import errors_in, facts_of, told, transcript
from perflab.model import Case, Verdict
from perflab.programs import Ended

FORK, SPAWN = (
    Case(strategy="process", start_method=m, params=(("number", "at module level"),)) for m in ("fork", "spawn")
)
FORK_GUARD, SPAWN_GUARD = (
    Case(strategy="process", start_method=m, params=(("number", "under the guard"),)) for m in ("fork", "spawn")
)
AS_SAID = {
    (subject.THREAD, "printed"): subject.TOGETHER,
    **{(case, "printed"): subject.APART for case in (FORK, SPAWN, FORK_GUARD, SPAWN_GUARD)},
    **{(case, "inherited"): "parent" for case in (FORK, SPAWN)},
    **{(case, "subclass"): subject.RAN for case in (FORK, SPAWN, subject.THREAD)},
}


@pytest.mark.parametrize("case", design_of("globals").cases, ids=lambda case: case.id)
def test_each_program_says_what_is_known_of_it(case: Case) -> None:
    """Quantities are those promised; threads share, children do not; only fork copies what the parent set."""
    seen = observe("globals", case)
    late = case.param("number") == "under the guard"
    assert set(seen) == ({"printed"} if late else {"printed", "inherited", "subclass"})
    if late and case.start_method == "spawn":
        # Newer versions go on to suggest another name.
        assert str(seen["printed"]).startswith("parent: 10, NameError: name 'num' is not defined")
    else:
        assert seen["printed"] == (subject.TOGETHER if case == subject.THREAD else subject.APART)
    if not late:
        assert seen["inherited"] == ("module" if case.start_method == "spawn" else "parent")
        assert seen["subclass"] == subject.RAN
    assert children() == []


def test_what_the_tutorial_says_confirms_it() -> None:
    """Every outcome as the tutorial has it; then a child under spawn would not begin with the module's variables."""
    found = verdicts("globals", AS_SAID)
    assert {name for name, one in found.items() if one.verdict is Verdict.CONFIRMED} == set(found) - {"S11-import"}
    assert found["S11-import"].verdict is Verdict.REFUTED


@pytest.mark.parametrize(
    ("case", "quantity", "other", "claims"),
    [
        (FORK, "printed", "child 1: 15, child 2: 25, parent: 25", {"S11"}),
        (SPAWN, "printed", "parent: 10", {"S11"}),
        (SPAWN, "inherited", "module", {"S11-copy"}),
        (SPAWN_GUARD, "printed", "parent: 10, NameError", {"S11-guard"}),
        (SPAWN, "subclass", "nothing", {"S12"}),
        (subject.THREAD, "subclass", "nothing", {"S12"}),
    ],
)
def test_one_other_outcome_refutes_what_it_is_about(case: Case, quantity: str, other: str, claims: set[str]) -> None:
    """Never as said refutes, half and half decides nothing."""
    found = verdicts("globals", {**AS_SAID, (case, quantity): other})
    refuted = {name for name, one in found.items() if one.verdict is Verdict.REFUTED}
    assert refuted - {"S11-import"} == claims
    assert other in found[next(iter(claims))].reason
    astride = verdicts("globals", {**AS_SAID, (case, quantity): [AS_SAID[case, quantity], other] * 3})
    assert {astride[name].verdict for name in claims} == {Verdict.UNRESOLVED}


def test_without_sharing_threads_nothing_is_confirmed() -> None:
    """Had threads printed 15, 20 and 10 as well, the program could not tell sharing from its absence."""
    found = verdicts("globals", {**AS_SAID, (subject.THREAD, "printed"): subject.APART})
    assert found["S11"].verdict is Verdict.UNRESOLVED
    assert "positive control failed" in found["S11"].reason


def test_children_that_share_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program for processes, given threads, prints what sharing prints: nothing is written down in advance."""
    monkeypatch.setitem(subject.PROGRAMS, "at module level", subject.IN_THREADS)  # type: ignore[arg-type]
    assert observe("globals", FORK)["printed"] == subject.TOGETHER


def test_a_transcript_sorts_lines_and_names_errors_once() -> None:
    """Lines in alphabetical order, each error once by type and text, a status other than 0, and hanging."""
    err = "Traceback:\nNameError: name 'x' is not defined\nmultiprocessing.pool.MaybeEncodingError: no\n" * 2
    assert transcript(Ended(3, "b: 2\n\na: 1\n", err, hung=False)) == (
        "a: 1, b: 2, MaybeEncodingError: no, NameError: name 'x' is not defined, status 3"
    )
    assert transcript(Ended(None, "a: 1\nb: 2\n", "", hung=True), without=("b",)) == "a: 1, hung"
    assert transcript(Ended(0, "", "", hung=False)) == "nothing"
    assert errors_in(Ended(1, "", "no error here\n  ValueError: indented\n", hung=False)) == []


def test_what_a_line_told_is_found_by_its_name() -> None:
    """The text behind the name and its colon; nothing where the line is missing."""
    ended = Ended(0, "seen: a: b\nother: c\n", "", hung=False)
    assert (told(ended, "seen"), told(ended, "none")) == ("a: b", "nothing")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("print('no')", "ended with status 0"),
        ("print('[1]')", "ended with status 0"),
        ("print('{}'); raise SystemExit(2)", "ended with status 2"),
        ("raise ValueError('gone')", "ValueError: gone"),
        ("import time; time.sleep(60)", "did not end within 0.5 s"),
    ],
)
def test_a_program_without_facts_is_a_wrong_answer(source: str, words: str) -> None:
    """Whatever does not end well with a JSON object is refused, with what is known of it."""
    with pytest.raises(WrongAnswer, match=words):
        facts_of(source, limit_s=0.5)
    assert facts_of("print('first')\nprint('{\"a\": 1}')") == {"a": 1}
