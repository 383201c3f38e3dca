"""The circumstances of a run: JSON types, nothing personal, and what makes two runs different measurements."""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from perflab import environment, procfs


def test_facts_survive_json_unchanged() -> None:
    """What is stored in a run's header reads back equal, so that a resumed run compares like with like."""
    facts = environment.facts()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_facts_hold_no_host_name_user_or_path() -> None:
    """A stored run can be published as it is."""
    text = json.dumps(environment.facts("perflab run-all"))
    personal = {platform.node(), str(Path.home()), os.getcwd(), sys.prefix, sys.executable}
    user = getpass.getuser()
    personal |= {f"/{user}", f'"{user}"'}
    assert [word for word in personal if word and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)] == []


def test_every_key_that_matters_is_a_fact() -> None:
    """A key that facts never sets would be equal always, a check that cannot fail."""
    assert [key for key in environment.MATTERS if key not in environment.facts()] == []


def test_a_run_is_comparable_with_itself() -> None:
    """Two readings on one machine differ in nothing that matters."""
    assert environment.comparable(environment.facts(), environment.facts("another command")) == []


@pytest.mark.parametrize("key", environment.MATTERS)
def test_each_difference_that_matters_is_named(key: str) -> None:
    """Another value, or none, in one key names that key alone."""
    facts = environment.facts()
    assert environment.comparable(facts, {**facts, key: "something else"}) == [key]
    without = {name: value for name, value in facts.items() if name != key}
    assert environment.comparable(facts, without) in ([key], [] if facts[key] is None else [key])


def test_memory_and_companions_do_not_matter() -> None:
    """A page more at boot, or another matplotlib, is no other measurement."""
    facts = environment.facts()
    assert environment.comparable(facts, {**facts, "memory_bytes": 1, "versions": {}, "clock_source": "x"}) == []


def test_the_gil_is_what_the_interpreter_says() -> None:
    """A build with the GIL always has it on; one without may have it on or off."""
    told = environment.gil()
    assert told["enabled"] is getattr(sys, "_is_gil_enabled", lambda: True)()
    assert told["disabled_build"] or told["enabled"]


def test_start_method_rules_agree_with_multiprocessing() -> None:
    """The rules are a copy of multiprocessing's own; a child that imports it must say the same."""
    code = (
        "import multiprocessing as m, json;print(json.dumps([m.get_start_method(), sorted(m.get_all_start_methods())]))"
    )
    default, available = json.loads(subprocess.check_output([sys.executable, "-c", code]))
    assert environment.default_start_method() == default
    assert sorted(environment.start_methods()) == available


@pytest.mark.parametrize(
    ("system", "version", "default"),
    [
        ("linux", (3, 13), "fork"),
        ("linux", (3, 14), "forkserver"),
        ("darwin", (3, 11), "spawn"),
        ("darwin", (3, 14), "spawn"),
        ("win32", (3, 14), "spawn"),
    ],
)
def test_default_start_method_by_system_and_version(system: str, version: tuple[int, int], default: str) -> None:
    """Linux changed in 3.14; macOS and Windows spawn in every version."""
    assert environment.default_start_method(system, version) == default
    assert default in environment.start_methods(system)


@pytest.mark.parametrize(
    ("answers", "cores"),
    [
        ({"os_cpu_count": 8, "affinity": 4, "cgroup_quota": 2.5, "process_cpu_count": None}, 2),
        ({"os_cpu_count": 8, "affinity": 4, "cgroup_quota": 0.5}, 1),
        ({"os_cpu_count": 8, "affinity": 4, "cgroup_quota": 1.9}, 1),
        ({"os_cpu_count": None, "affinity": None}, 1),
        ({"os_cpu_count": 8, "cgroup_quota": None, "process_cpu_count": 3}, 3),
    ],
)
def test_effective_cores_are_the_least_answer(answers: dict[str, float | None], cores: int) -> None:
    """Whole cores, never less than one, and an answer that is missing does not count."""
    assert environment.effective_cores(answers) == cores


@pytest.mark.parametrize(
    ("quota", "period", "cores"),
    [("150000", "100000", 1.5), ("max", "100000", None), ("-1\n", "100000\n", None), ("", "", None), ("1", "0", None)],
)
def test_quotas_are_cores(quota: str, period: str, cores: float | None) -> None:
    """Microseconds per period; "max", -1 and nonsense mean no limit."""
    assert environment.parse_quota(quota, period) == cores


@pytest.mark.parametrize("version", [1, 2])
def test_the_strictest_control_group_binds(version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of a group above counts as much as one's own, in both versions."""

    def limit(folder: Path, quota: str) -> None:
        folder.mkdir(exist_ok=True)
        if version == 2:
            (folder / "cpu.max").write_text(f"{quota} 100000\n")
        else:
            (folder / "cpu.cfs_quota_us").write_text(f"{quota}\n")
            (folder / "cpu.cfs_period_us").write_text("100000\n")

    inner = tmp_path / "inner"
    limit(tmp_path, "120000")
    limit(inner, "400000")
    monkeypatch.setattr(procfs, "cgroup_folders", lambda controller: (inner, tmp_path))
    assert environment.cgroup_cpu_quota() == 1.2
    limit(tmp_path, "max" if version == 2 else "-1")
    assert environment.cgroup_cpu_quota() == 4.0


def test_no_control_group_no_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no control group there is no limit."""
    monkeypatch.setattr(procfs, "cgroup_folders", lambda controller: ())
    assert environment.cgroup_cpu_quota() is None


def test_small_parsers() -> None:
    """Cache sizes scale by their letter; the chosen word stands in brackets."""
    assert [environment.parse_size(text) for text in ("48K", "2M", "", "x")] == [49152, 2097152, None, None]
    assert environment.parse_choice("always [madvise] never\n") == "madvise"
    assert environment.parse_choice("") is None


def test_facts_on_a_system_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without /proc and /sys the facts are still complete, with None for what is unknown."""
    monkeypatch.setattr(procfs, "read", lambda path: None)
    monkeypatch.setattr(environment, "_SYS_CPU", tmp_path)
    facts = environment.facts()
    assert facts["caches"] == {}
    assert [facts[key] for key in ("aslr", "governor", "transparent_huge_pages", "hypervisor")] == [None] * 4
    assert facts["cpu"] == platform.machine()
    assert facts["cores"]["effective"] >= 1


def test_versions_are_read_without_importing() -> None:
    """The measuring parent learns numpy's version from metadata; numpy itself stays out."""
    code = (
        "import sys; from perflab import environment as e; e.facts();"
        "print('numpy' in sys.modules, 'multiprocessing' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "False"]
    assert environment.version_of("no-such-distribution") is None
