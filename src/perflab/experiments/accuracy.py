"""Asks how far sums of floating-point numbers err, and what it costs to err less."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import reduce
from itertools import pairwise
from math import log2, log10
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from perflab.clock import monotonic_ns
from perflab.experiments._families import NUMBERS, TURNS, VECTORS, Family, family
from perflab.experiments._shared import shared
from perflab.model import (
    Arm,
    Case,
    Claim,
    Clause,
    Design,
    Estimand,
    Experiment,
    Figure,
    Group,
    Mark,
    Observation,
    Quantity,
    Relation,
    Role,
    Sample,
    Settings,
)
from perflab.outcomes import always

if TYPE_CHECKING:
    from random import Random

CONDITIONS = (1, 10**4, 10**8, 10**12, 10**15)
MIDDLE = 10**8

NAIVE, PAIRWISE, OURS, COMPENSATED, REPRODUCIBLE, FSUM = (
    "one after the other",
    "numpy.sum",
    "sum_float64",
    "sum_compensated",
    "sum_reproducible",
    "math.fsum",
)
METHODS = (NAIVE, PAIRWISE, OURS, COMPENSATED, REPRODUCIBLE, FSUM)

ONE_ULP = 1.0

NO_LARGER = 1.1
"""A mean over so many vectors is known to some percent: a tenth more counts as no larger."""

TENTH = 0.1

PASSES = 3
FEW = 16
"""Vectors for what takes long: fsum, and cutting at random."""

CUTS = 5
SAME, OTHER = "the same bits", "other bits"

JUDGED = f"{VECTORS} random vectors of {NUMBERS} numbers, each begun at {len(TURNS)} places, others in every block"

QUANTITIES = (
    Quantity("worst_ulps", "ulp", "largest error of a sum, in units in the last place of the exact sum"),
    Quantity("mean_ulps", "ulp", "mean error of a sum, in units in the last place of the exact sum"),
    Quantity("wrong_bits", "bits", "trailing bits of the worst answer that are wrong: log2(1 + error in ulp)"),
    Quantity("wall_ns", "ns", f"time to add up a vector of {NUMBERS} numbers"),
    Quantity("by_parts", "", "what comes out when vectors are cut at random and their parts' sums joined at random"),
)


def design(settings: Settings) -> Design:
    """A group for each condition number, observed once a block: other vectors in every block."""
    groups = tuple(Group(f"condition {condition:.0e}", _arms(condition), single=True) for condition in CONDITIONS)
    return Design(groups, _claims(), tuple(_figures()))


def _case(method: str, condition: int) -> Case:
    return Case("known_sums", method, size=NUMBERS, params=(("condition", condition),))


def _arms(condition: int) -> tuple[Arm, ...]:
    control = _case(PAIRWISE, condition)
    return tuple(Arm(_case(method, condition), None if method == PAIRWISE else control) for method in METHODS)


def _claims() -> tuple[Claim, ...]:
    """How far, no farther than numpy, the same however cut; and what erring less costs."""
    return _compensated_is_exact(), _no_worse_than_numpy(), _reproducible_is_the_same(), _cheaper_than_fsum()


def _compensated_is_exact() -> Claim:
    """With numpy's sum as positive control: where that errs by no unit, the vectors are too easy to tell."""
    case, label = _case(PAIRWISE, MIDDLE), f"numpy.sum, {_labelled(MIDDLE)}"
    errs = Clause(case, "worst_ulps", Estimand.LEVEL, Relation.ABOVE, ONE_ULP, role=Role.SUPPORTS, label=label)
    return Claim(
        "accuracy-compensated",
        "sum_compensated is less than a unit in the last place from the exact sum, up to condition numbers of 1e15",
        (*_each(COMPENSATED, "worst_ulps", ONE_ULP), errs),
        conditions=f"the worst of {JUDGED}",
    )


def _no_worse_than_numpy() -> Claim:
    return Claim(
        "accuracy-pairwise",
        "sum_float64 errs no more than numpy's pairwise sum",
        _each(OURS, "mean_ulps", NO_LARGER, PAIRWISE),
        conditions=f"at most a tenth more, the mean of {JUDGED}",
    )


def _reproducible_is_the_same() -> Claim:
    """With the plain sum as positive control: parts that change none of its bits are no trial."""
    return Claim(
        "accuracy-reproducible",
        "sum_reproducible gives the same bits however a vector is cut and in whatever order its parts are joined",
        (
            *(_joined(REPRODUCIBLE, condition, SAME, Role.DECIDES) for condition in CONDITIONS),
            _joined(OURS, MIDDLE, OTHER, Role.SUPPORTS),
        ),
        conditions=f"{FEW} vectors a block, up to {CUTS} cuts at random, against the sum of the uncut vector",
    )


def _cheaper_than_fsum() -> Claim:
    return Claim(
        "accuracy-fsum",
        "sum_compensated takes less than a tenth of the time of math.fsum",
        _each(COMPENSATED, "wall_ns", TENTH, FSUM),
        conditions=f"{NUMBERS} numbers; math.fsum is given a list, which it reads fastest",
    )


def _each(method: str, quantity: str, bound: float, control: str = "") -> tuple[Clause, ...]:
    """At every condition number the method lies below the bound: its level, or its ratio to the control."""
    return tuple(_below(method, quantity, bound, control, condition) for condition in CONDITIONS)


def _below(method: str, quantity: str, bound: float, control: str, condition: int) -> Clause:
    case, against = _case(method, condition), _case(control, condition) if control else None
    estimand = Estimand.RATIO if control else Estimand.LEVEL
    return Clause(case, quantity, estimand, Relation.BELOW, bound, against, label=_labelled(condition))


def _joined(method: str, condition: int, expected: str, role: Role) -> Clause:
    return always(_case(method, condition), "by_parts", expected, f"{method}, {_labelled(condition)}", role)


def _labelled(condition: int) -> str:
    return f"condition {_power(condition)}"


def _power(condition: int) -> str:
    return "1" if condition == 1 else f"{condition:.0e}".replace("+", "")


def _figures() -> Iterator[Figure]:
    cells = [(method, condition) for method in METHODS for condition in CONDITIONS]
    yield Figure(
        "accuracy",
        "How many bits of a sum are wrong, by how much its terms cancel",
        "lines",
        "wrong_bits",
        Estimand.LEVEL,
        tuple(Mark(_case(m, c), f"{m}, {_power(c)}", None, m, round(log10(c))) for m, c in cells),
        log=False,
        x_label="condition number, the power of ten",
        claims=("accuracy-compensated", "accuracy-pairwise"),
    )
    yield Figure(
        "accuracy-time",
        "How many bits are wrong, by how long adding up takes: condition numbers from 1 to 1e15, from below upwards",
        "lines",
        "wrong_bits",
        Estimand.LEVEL,
        tuple(Mark(_case(m, c), f"{m}, {_power(c)}", None, m) for m, c in cells),
        log=False,
        x_label=f"time to add up {NUMBERS} numbers",
        across="wall_ns",
        claims=("accuracy-fsum",),
    )


Total = Callable[[Any], float]


def probe(case: Case) -> Iterator[Sample]:
    """All vectors of the condition, which the methods share, are added up and compared with their exact sums."""
    condition, seed = int(case.param("condition")), _seed()
    with shared(("family", condition), lambda: nullcontext(family(condition, seed))) as known:
        total, inputs = _total(case.implementation), _inputs(case.implementation, known)

        def sample(count: int) -> Mapping[str, Observation]:
            answers = [float(total(one)) for one in inputs]
            errors = known.errors(answers)
            seen = {"worst_ulps": max(errors), "mean_ulps": fmean(errors), "wrong_bits": log2(1 + max(errors))}
            return {**seen, "wall_ns": _time(total, inputs[:VECTORS], count), **_by_parts(case, known, seed)}

        yield sample


def _seed() -> int:
    """That of the block: the lab draws it for each block, and the same again where a run is repeated."""
    drawn = os.environ.get("PYTHONHASHSEED", "")
    return int(drawn) if drawn.isdecimal() else 0


def _total(method: str) -> Total:
    import math

    import numpy as np

    from perflab.kernels import sums

    totals: dict[str, Total] = {
        NAIVE: lambda numbers: np.add.accumulate(numbers)[-1],
        PAIRWISE: np.sum,
        OURS: sums.sum_float64,
        COMPENSATED: sums.sum_compensated,
        REPRODUCIBLE: sums.sum_reproducible,
        FSUM: math.fsum,
    }
    return totals[method]


def _inputs(method: str, known: Family) -> Sequence[Any]:
    """All vectors; fewer for what takes long."""
    if method == FSUM:
        return [one.tolist() for one in known.vectors[:FEW]]
    return known.vectors[:VECTORS] if method == NAIVE else known.vectors


def _time(total: Total, inputs: Sequence[Any], count: int) -> float:
    """Ns a vector: the median over some passes through all of them."""
    passes = []
    for _ in range(PASSES * count):
        started = monotonic_ns()
        for one in inputs:
            total(one)
        passes.append((monotonic_ns() - started) / len(inputs))
    return median(passes)


def _by_parts(case: Case, known: Family, seed: int) -> dict[str, Observation]:
    """Whether vectors cut at random, their parts joined in random order, come to the bits of the whole."""
    from random import Random

    if case.implementation not in JOINING:
        return {}
    joined, chance = JOINING[case.implementation], Random(seed)
    whole = _total(case.implementation)
    same = all(joined(chance, one).hex() == whole(one).hex() for one in known.vectors[:FEW])
    return {"by_parts": SAME if same else OTHER}


def _parts(chance: Random, vector: Any) -> list[Any]:
    cuts = sorted(chance.randrange(len(vector) + 1) for _ in range(chance.randint(1, CUTS)))
    parts = [vector[start:stop] for start, stop in pairwise([0, *cuts, len(vector)])]
    chance.shuffle(parts)
    return parts


def _joined_plainly(chance: Random, vector: Any) -> float:
    from perflab.kernels import sums

    return float(sum(sums.sum_float64(part) for part in _parts(chance, vector)))


def _joined_reproducibly(chance: Random, vector: Any) -> float:
    from perflab.kernels import sums

    partials = (sums.reproducible_partial(part) for part in _parts(chance, vector))
    return sums.reproducible_value(reduce(sums.reproducible_merge, partials))


JOINING = {OURS: _joined_plainly, REPRODUCIBLE: _joined_reproducibly}

EXPERIMENT = Experiment(
    name="accuracy",
    question="How far do sums of floating-point numbers err, and what does it cost to err less?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "Vectors are made whose exact sums are known: random numbers that are whole multiples of one small unit, "
        "added up as integers, among pairs of much larger numbers that cancel exactly, shuffled. How much larger "
        "they are sets the condition number: the sum of the magnitudes over the magnitude of the sum. Six ways add "
        "up the same vectors: one number after the other, numpy's pairwise sum, this package's sums, and math.fsum. "
        "Errors are counted in units in the last place of the exact sum, the largest and the mean of all vectors of "
        "a block; every block draws other vectors. Vectors are also cut at random places and their parts' sums "
        "joined in random order, bit by bit compared with the sum of the whole."
    ),
    limits=(
        "Random vectors show usual errors, not the worst that could be made. Times are those of short vectors in the "
        "first-level cache, where a call is a part of what is measured; adding one after the other also stores "
        "every partial sum. A condition number is met to within a factor of two. Beyond 1e15 nothing is looked at."
    ),
    weight=2,
    place=34,
)
