"""What there is: strategies, workloads, experiments and kernels, found by scanning folders and entry points.

A file in ``perflab.strategies`` (or ``workloads``, ``experiments``) whose module holds STRATEGY (WORKLOAD, EXPERIMENT)
is registered by being there. Another distribution registers through the entry-point groups of the same names
("perflab.strategies", …), each entry point naming such an object.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

from perflab.errors import BadInput
from perflab.model import Experiment, Strategy, Workload


@cache
def experiments() -> dict[str, Experiment]:
    """Every experiment by name, in the order of a run."""
    found = {name: one for name, one in _scan("experiments", "EXPERIMENT").items() if one.listed}
    return dict(sorted(found.items(), key=lambda item: (item[1].place, item[0])))


@cache
def strategies() -> dict[str, Strategy]:
    """Every strategy by name."""
    return _scan("strategies", "STRATEGY")


@cache
def workloads() -> dict[str, Workload]:
    """Every workload by name."""
    return _scan("workloads", "WORKLOAD")


@cache
def kernels() -> tuple[str, ...]:
    """The names of the compiled kernels; none of them is imported."""
    return tuple(module.name for module in pkgutil.iter_modules(_package("kernels").__path__))


def find(kind: str, name: str) -> Any:
    """The strategy, workload or experiment of that name; BadInput names the nearest ones where there is none."""
    folder, attribute, all_of = _KINDS[kind]
    own = _own(folder, attribute, name)
    if own is not None:
        return own
    known = all_of()
    if name in known:
        return known[name]
    raise BadInput(f"unknown {kind} '{name}'{nearest(name, known)}; 'perflab list' shows all {len(known)}")


def nearest(name: str, known: Any) -> str:
    """A question that offers the known names nearest to ``name``; empty where none is near."""
    from difflib import get_close_matches

    close = get_close_matches(name, [str(one) for one in known], n=3, cutoff=0.5)
    return f": did you mean {' or '.join(repr(one) for one in close)}?" if close else ""


def twin(workload: str) -> Workload:
    """The workload loaded a second time from its file: equal code, not one object in common with the first."""
    spec = importlib.util.find_spec(f"perflab.workloads.{workload}")
    if spec is None or spec.loader is None:
        raise BadInput(f"workload '{workload}' has no file of its own, expected one in perflab/workloads")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    again: Workload = module.WORKLOAD
    return again


def _own(folder: str, attribute: str, name: str) -> Any:
    """The one of that name from the file of that name, so that a host need not import all the others."""
    file = name.replace("-", "_")
    if not file.isidentifier() or importlib.util.find_spec(f"perflab.{folder}.{file}") is None:
        return None
    found = getattr(importlib.import_module(f"perflab.{folder}.{file}"), attribute, None)
    return found if found is not None and found.name == name else None


def _scan(folder: str, attribute: str) -> dict[str, Any]:
    package = _package(folder)
    modules = (importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__))
    found = [getattr(module, attribute) for module in modules if hasattr(module, attribute)]
    from importlib.metadata import entry_points

    found += [point.load() for point in entry_points(group=f"perflab.{folder}")]
    return {one.name: one for one in found}


def _package(folder: str) -> ModuleType:
    return importlib.import_module(f"perflab.{folder}")


_KINDS: dict[str, tuple[str, str, Callable[[], dict[str, Any]]]] = {
    "strategy": ("strategies", "STRATEGY", strategies),
    "workload": ("workloads", "WORKLOAD", workloads),
    "experiment": ("experiments", "EXPERIMENT", experiments),
}
