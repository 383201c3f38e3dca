"""Expectations as they are written: what is read, found, and refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from perflab import check
from perflab.check import expectations
from perflab.errors import BadInput
from perflab.model import Verdict


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("confirmed", {Verdict.CONFIRMED}),
        ("Refuted", {Verdict.REFUTED}),
        ("not refuted", set(Verdict) - {Verdict.REFUTED}),
        ("not-confirmed", set(Verdict) - {Verdict.CONFIRMED}),
        ("not-applicable", {Verdict.NOT_APPLICABLE}),
        ("not applicable", {Verdict.NOT_APPLICABLE}),
        ("unresolved", {Verdict.UNRESOLVED}),
    ],
)
def test_a_verdict_is_read_as_meant(text: str, allowed: set[Verdict]) -> None:
    """Itself, or with "not" every other; alone in a line or in a table."""
    for value in (text, {"verdict": text}):
        (found,) = check.parse({"S01": value}, "test")
        assert isinstance(found, check.ClaimExpected)
        assert found.verdicts == allowed


def test_bounds_and_named_ratios_are_read() -> None:
    """A table with a case is a ratio of its own, one without is about a claim."""
    claim, ratio = check.parse(
        {"S01": {"min": 1, "max": 1.5}, "mine": {"case": "a*", "control": "b*", "quantity": "speedup", "min": 2}},
        "test",
    )
    assert claim == check.ClaimExpected("S01", bounds=expectations.Bounds(1.0, 1.5))
    assert ratio == check.RatioExpected("mine", "a*", "speedup", expectations.Bounds(2.0), "b*")


BAD_TABLES = [
    ("", "holds no expectation"),
    ("S01 = 'confirmd'", "did you mean 'confirmed'"),
    ("S01 = 'failed'", "never as expected"),
    ("S01 = 1.5", "expected a verdict"),
    ("S01 = {}", "expects nothing"),
    ("S01 = { verdict = true }", "expected a verdict"),
    ("S01 = { minimum = 1.5 }", "did you mean 'min'"),
    ("S01 = { verdct = 'confirmed' }", "did you mean 'verdict'"),
    ("S01 = { min = 'fast' }", "is no bound"),
    ("S01 = { min = true }", "is no bound"),
    ("S01 = { max = nan }", "is no bound"),
    ("S01 = { max = inf }", "is no bound"),
    ("S01 = { min = 2, max = 1 }", "swap them"),
    ("r = { case = '*', min = 1 }", "has no quantity"),
    ("r = { quantity = 'speedup', min = 1 }", "has no case"),
    ("r = { case = '*', quantity = 'speedup' }", "has no bound"),
    ("r = { case = 1, quantity = 'speedup', min = 1 }", "expected a text"),
    ("r = { case = '', quantity = 'speedup', min = 1 }", "expected a text"),
    ("r = { case = '*', quantity = 'speedup', min = 0 }", "above 0"),
    ("r = { case = '*', quantity = 'speedup', max = -1 }", "above 0"),
    ("r = { case = '*', quantity = 'speedup', experimnt = 'gil', min = 1 }", "did you mean 'experiment'"),
]


@pytest.mark.parametrize(("toml", "fragment"), BAD_TABLES, ids=[toml for toml, _ in BAD_TABLES])
def test_what_makes_no_sense_is_refused(toml: str, fragment: str) -> None:
    """The message names the source, and what would be right."""
    with pytest.raises(BadInput, match=fragment) as caught:
        check.parse(tomllib.loads(toml), "here.toml")
    assert "here.toml" in str(caught.value)


def test_the_nearest_project_file_with_expectations_counts(tmp_path: Path) -> None:
    """Upwards from the folder; a project file without the table is passed by, and none is no error here."""
    inner = tmp_path / "package" / "module"
    inner.mkdir(parents=True)
    assert check.find(None, inner) is None
    (tmp_path / "pyproject.toml").write_text("[tool.perflab.expect]\nS01 = 'confirmed'\n")
    (inner / "pyproject.toml").write_text("[project]\nname = 'x'\n[tool.perflab.export]\na = 1\n")
    found = check.find(None, inner)
    assert found == check.Source(tmp_path / "pyproject.toml", {"S01": "confirmed"})
    (inner / "pyproject.toml").write_text("[tool.perflab.expect]\nS02 = 'confirmed'\n")
    nearest = check.find(None, inner)
    assert nearest is not None
    assert nearest.table == {"S02": "confirmed"}


@pytest.mark.parametrize("text", ["S01 = 'refuted'", "[tool.perflab.expect]\nS01 = 'refuted'"])
def test_a_named_file_has_them_at_its_top_or_nested(text: str, tmp_path: Path) -> None:
    """Both forms are the same table, and the named file goes before any pyproject.toml."""
    (tmp_path / "pyproject.toml").write_text("[tool.perflab.expect]\nS01 = 'confirmed'\n")
    file = tmp_path / "expect.toml"
    file.write_text(text)
    assert check.find(file, tmp_path) == check.Source(file, {"S01": "refuted"})


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("S01 = ", "is not TOML"),
        ("[tool.perflab]\nexpct = {}", "did you mean 'expect'"),
        ("[tool.perflab]\nexpect = 'confirmed'", "expected a table"),
        ("[tool]\nperflab = 5", "expected a table"),
        ("[tool.other]\na = 1", r"has no table \[tool.perflab.expect\]"),
    ],
)
def test_a_file_without_expectations_is_refused(text: str, fragment: str, tmp_path: Path) -> None:
    """Named by its path, with what was wrong."""
    file = tmp_path / "expect.toml"
    file.write_text(text)
    with pytest.raises(BadInput, match=fragment):
        check.find(file, tmp_path)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """Missing, a folder, or in another encoding."""
    (tmp_path / "latin").write_bytes(b"S01 = '\xe9'")
    for name, fragment in (("missing", "cannot read"), (".", "cannot read"), ("latin", "is not TOML")):
        with pytest.raises(BadInput, match=fragment):
            check.find(tmp_path / name, tmp_path)
