"""Cases, and the quantities that are observed of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

Number = int | float
Observation = int | float | str
"""What one sample says of one quantity; a text is an outcome, judged as a share."""

Params = tuple[tuple[str, int | str], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One cell of a grid, and its identity everywhere.

    ``size`` is the number of elements of the workload, ``workers`` counts threads or processes (0: not meant),
    ``start_method`` is empty unless processes are started, ``interpreter`` is empty for the lab's own,
    ``params`` are sorted pairs, so that an experiment can name what it varies without editing the model.
    """

    workload: str = ""
    implementation: str = ""
    strategy: str = ""
    workers: int = 0
    size: int = 0
    start_method: str = ""
    interpreter: str = ""
    params: Params = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", tuple(sorted((str(name), value) for name, value in self.params)))

    @property
    def id(self) -> str:
        """The identity as one line: unique among cases, stable across runs with the same sizes."""
        words = [self.workload, self.implementation, self.strategy, self.start_method, self.interpreter]
        words += [f"w{self.workers}"] if self.workers else []
        words += [f"n{self.size}"] if self.size else []
        words += [f"{name}={value}" for name, value in self.params]
        return "/".join(word for word in words if word)

    def param(self, name: str, default: int | str = "") -> int | str:
        """The value of one parameter, or ``default``."""
        return dict(self.params).get(name, default)

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON types; ``params`` as an object."""
        return {**asdict(self), "params": dict(self.params)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Case:
        """The inverse of :meth:`to_json`."""
        return cls(**{**fields, "params": tuple(fields["params"].items())})


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something a sample observes: ``wall_ns`` in ns, say.

    A derived quantity names the observed one it is ``of`` and reads it upside down (``inverse``):
    speed-up is the inverse of wall time, so that a clause may say "speed-up above 1.2".
    """

    name: str
    unit: str
    meaning: str
    of: str = ""
    inverse: bool = False

    @property
    def observed(self) -> str:
        """The name under which samples carry it."""
        return self.of or self.name


STANDARD_QUANTITIES = (
    Quantity("wall_ns", "ns", "wall time of one warm call"),
    Quantity("cpu_ns", "ns", "CPU time of the host and all its descendants during one warm call"),
    Quantity("cold_ns", "ns", "wall time from nothing set up to the first correct result"),
    Quantity("teardown_ns", "ns", "wall time of closing what was set up"),
    Quantity("pss_bytes", "bytes", "proportional set size of the host and all its descendants, taken warm"),
    Quantity("speedup", "x", "how many times faster than the control", of="wall_ns", inverse=True),
)
"""What every timed case observes; an experiment with a probe of its own declares its own quantities besides."""
