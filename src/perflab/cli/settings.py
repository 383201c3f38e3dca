"""What a user asks of a run, checked before anything is measured: --set, sizes, workers, budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from perflab import environment
from perflab.errors import BadInput
from perflab.model import Settings
from perflab.registry import nearest

MOST_ELEMENTS = 10**12
MOST_WORKERS = 256
WORKERS_PER_CORE = 64

Override = tuple[str, tuple[int | str, ...]]


def overrides(texts: Iterable[str]) -> tuple[Override, ...]:
    """What every ``--set NAME=VALUE[,VALUE…]`` says together, sorted by name; BadInput where one makes no sense."""
    found: dict[str, tuple[int | str, ...]] = {}
    for text in texts:
        name, equals, values = (part.strip() for part in text.partition("="))
        if name not in _KEYS:
            known = ", ".join(_KEYS)
            raise BadInput(f"unknown setting '{name}' in --set {text}{nearest(name, _KEYS)}; expected one of {known}")
        if name in found:
            raise BadInput(f"--set {name} was given twice: give all its values once, as in --set {name}=A,B")
        if not equals or not values:
            raise BadInput(f"--set {text} has no value: expected --set {name}={_EXAMPLES[name]}")
        found[name] = tuple(dict.fromkeys(_KEYS[name](value.strip()) for value in values.split(",")))
    if len(found.get("size", ())) > 1:
        raise BadInput("--set size takes one size, as in --set size=1e6; sweeps over sizes belong to experiments")
    return tuple(sorted(found.items()))


def whole_number(text: str) -> int | None:
    """An integer written as 1000000, 1_000_000 or 1e6; None for anything else."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if math.isfinite(number) and number.is_integer() else None


def plausible_budget(seconds: float | None) -> float | None:
    """Seconds that can be spent; BadInput for zero, less, or what is no number of seconds."""
    if seconds is not None and not 0 < seconds < math.inf:
        raise BadInput(f"--budget {seconds:g} is no time to measure in: expected seconds above 0, as in --budget 60")
    return seconds


def of_this_machine(plan: str, chosen: tuple[Override, ...] = ()) -> Settings:
    """The settings that a run of ``plan`` would begin with here, before speeds are measured."""
    cores = environment.cores()["effective"]
    return Settings(
        plan=plan,
        cores=int(cores or 1),
        start_methods=environment.start_methods(),
        default_start_method=environment.default_start_method(),
        overrides=chosen,
    )


def refuse_what_cannot_fit(names: Iterable[str], settings: Settings) -> None:
    """BadInput when a size that was asked for needs more than half of the free memory in one case of an experiment."""
    from perflab import procfs, registry
    from perflab.units import human

    free = procfs.available_memory_bytes()
    if free is None or not settings.override("size"):
        return
    for name in names:
        design = registry.find("experiment", name).design(settings)
        needed = max((arm.memory_bytes for group in design.groups for arm in group.arms), default=0)
        if needed > free / 2:
            raise BadInput(
                f"--set size={settings.override('size')[0]} needs {human(needed, 'bytes')} in a case of {name}: "
                f"expected at most half of the {human(free, 'bytes')} that are free; choose a smaller size"
            )


def _size(text: str) -> int:
    return _within("size", text, MOST_ELEMENTS, "elements")


def _workers(text: str) -> int:
    most = min(MOST_WORKERS, WORKERS_PER_CORE * (environment.cores()["effective"] or 1))
    return _within("workers", text, int(most), "workers")


def _start_method(text: str) -> str:
    known = environment.start_methods()
    if text not in known:
        raise BadInput(
            f"no start method '{text}' on this system{nearest(text, known)}; expected one of {', '.join(known)}"
        )
    return text


def _within(name: str, text: str, most: int, noun: str) -> int:
    number = whole_number(text)
    if number is None or not 1 <= number <= most:
        raise BadInput(f"--set {name}={text} is no number of {noun}: expected a whole number from 1 to {most:,}")
    return number


_KEYS: dict[str, Callable[[str], int | str]] = {"workers": _workers, "size": _size, "start_method": _start_method}
_EXAMPLES = {"workers": "1,2", "size": "1e6", "start_method": "spawn"}
