"""The doctor's command: the JSON of the contract, and a text that begins with the worst."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from doctor_support import HEALTHY, NAMES, found
from perflab import cli, doctor
from perflab.cli import doctoring
from perflab.doctor import Record


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> list[Record]:
    """A machine of the test's choice under the command; the last of the list is what is gathered."""
    machines = [HEALTHY]
    monkeypatch.setattr(doctor, "gather", lambda lock: machines[-1])
    return machines


def test_json_is_the_contract(scripted: list[Record], capsys: pytest.CaptureFixture[str]) -> None:
    """Schema, and of each finding five texts; a sick machine exits with 0 as well."""
    scripted.append(replace(HEALTHY, lock_held=True))
    assert cli.main(["doctor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["schema", "findings"]
    assert document["schema"] == "perflab.doctor/1"
    assert {tuple(one) for one in document["findings"]} == {("name", "level", "found", "effect", "remedy")}
    assert {one["name"]: one["level"] for one in document["findings"]} == {
        **dict.fromkeys(NAMES, "fine"),
        "lock": "warning",
    }


def test_the_text_begins_with_the_conclusion_and_the_worst(
    scripted: list[Record], capsys: pytest.CaptureFixture[str]
) -> None:
    """Warnings, then notes, then what is fine; effect and remedy of the first two only."""
    scripted.append(replace(HEALTHY, turbo=True, aslr=0))
    assert cli.main(["doctor"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.strip() == doctor.conclusion(doctor.examine(scripted[-1]))
    named = [line.split()[:2] for line in rest if line[:1] in ("✘", "!", "✔")]
    assert named[:2] == [["✘", "aslr"], ["!", "turbo"]]
    assert [name for _, name in named[2:]] == [name for name in NAMES if name not in ("aslr", "turbo")]
    text = " ".join(" ".join(rest).split())
    assert "→ sysctl kernel.randomize_va_space=2" in text
    assert found("turbo", turbo=True).effect in text
    assert found("cores").effect not in text
    assert "nothing to do" not in text


@pytest.mark.parametrize("record", [HEALTHY, Record(), replace(HEALTHY, **{"hypervisor": "[red]made up[/red]"})])
def test_the_text_fits_80_columns_and_swallows_nothing(record: Record) -> None:
    """Long lines wrap, and a text in brackets is no markup."""
    paper = Console(file=StringIO(), width=80, highlight=False)
    findings = doctor.examine(record)
    for part in doctoring.as_text(findings):
        paper.print(part)
    written = paper.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, written.splitlines())) <= 80
    flowing = " ".join(written.split())
    assert [one.name for one in findings if one.name not in flowing] == []
    assert ("[red]made up[/red]" in flowing) is (record.hypervisor == "[red]made up[/red]")
