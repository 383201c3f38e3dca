"""How far the sums err, and that the reproducible one does not depend on how it is cut, ordered or merged."""

from __future__ import annotations

import math
import random
import sys
from array import array
from fractions import Fraction
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.kernels import sums
from sums_support import same, units_apart

every_level = pytest.mark.parametrize("level", sums.levels())

# --- no larger errors than numpy's -----------------------------------------------------------------------------------

FAMILIES = {
    "between 0 and 1": lambda chance, n: chance.random(n),
    "normal": lambda chance, n: chance.normal(size=n),
    "of all magnitudes": lambda chance, n: chance.lognormal(0, 4, n),
    "of both signs and all magnitudes": lambda chance, n: chance.lognormal(0, 4, n) * chance.choice([-1, 1], n),
    "growing": lambda chance, n: np.sort(chance.lognormal(0, 2, n)),
    "falling": lambda chance, n: np.sort(chance.lognormal(0, 2, n))[::-1].copy(),
    "far from zero": lambda chance, n: 1e6 + chance.random(n),
    "neighbours cancel": lambda chance, n: np.diff(chance.normal(size=n + 1) * 1000),
}
# How much larger than numpy's a root mean square of some hundred errors may be by chance, at the sizes below. Where
# neighbours cancel, numpy's shorter blocks see more of it: there an error of up to twice as much is what is promised.
CHANCE = dict.fromkeys(FAMILIES, 1.25) | {"neighbours cancel": 2.0}


def root_mean_square_error(vectors, exact, total):
    """Relative to the sum of magnitudes."""
    squares = [((float(total(v)) - e) / m) ** 2 for v, (e, m) in zip(vectors, exact, strict=True)]
    return math.sqrt(sum(squares) / len(squares))


# Sizes that are looked at together, and how many vectors of each. Of long vectors several: what equal signs and nearly
# equal numbers round to in the last additions depends on the size, by a factor of three either way in float32.
POOLED = (
    ((100,), 600),
    ((2000,), 600),
    ((9_000, 11_000, 13_000, 15_500, 18_000, 20_000, 22_000, 25_000, 29_000, 33_000, 37_000, 40_000), 20),
)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("name", "precision"), [("float64", "f8"), ("float32", "f4")])
def test_errors_are_no_larger_than_numpys(family, name, precision):
    """Root mean square over hundreds of vectors of a family, from half a block to dozens, at every level."""
    chance, total = np.random.default_rng(7), getattr(sums, f"sum_{name}")
    for size, many in POOLED:
        vectors = [FAMILIES[family](chance, n).astype(precision) for n in size for _ in range(many)]
        exact = [(math.fsum(vector), math.fsum(np.abs(vector))) for vector in vectors]
        numpys = root_mean_square_error(vectors, exact, np.sum)
        for level in sums.levels():
            ours = root_mean_square_error(vectors, exact, lambda v, level=level: total(v, level=level))
            assert ours <= CHANCE[family] * numpys, (size, level, ours / numpys)


def worst_of_each(values: np.ndarray, total) -> float:
    """The error of n equal numbers, where every addition rounds alike, in units of u sum|x|."""
    exact = len(values) * Fraction(float(values[0]))
    unit = Fraction(2) ** (-53 if values.dtype == np.float64 else -24)
    return float(abs(Fraction(float(total(values))) - exact) / (unit * abs(exact)))


@pytest.mark.parametrize(("name", "precision"), [("float64", "f8"), ("float32", "f4")])
def test_equal_numbers_err_no_more_than_numpys(name, precision):
    """Where roundings do not cancel: the worst of 120 constants, at sizes up to 300 000, is below numpy's worst."""
    total, chance = getattr(sums, f"sum_{name}"), np.random.default_rng(8)
    for size in (1000, 30_000, 300_000):
        vectors = [np.full(size, value, dtype=precision) for value in chance.random(120 if size < 300_000 else 30)]
        numpys = max(worst_of_each(vector, np.sum) for vector in vectors)
        for level in sums.levels():
            ours = max(worst_of_each(vector, lambda v, level=level: total(v, level=level)) for vector in vectors)
            assert ours <= max(numpys, 1), (size, level, ours, numpys)


@every_level
def test_error_bound_holds_where_every_addition_rounds_the_same_way(level):
    """At most 7 + log2(n) roundings an element: n times 0.1 in float32, where a plain loop is off by per cents."""
    for size in (10, 1000, 10**5, 3 * 10**6):
        vector = np.full(size, 0.1, dtype="f4")
        exact = size * float(vector[0])
        assert abs(sums.sum_float32(vector, level=level) - exact) <= (7 + math.log2(size)) * 2**-24 * exact


# --- compensated -----------------------------------------------------------------------------------------------------


def ill_conditioned(chance: random.Random, size: int, condition: float) -> list[float]:
    """Numbers of growing magnitude up to sqrt(condition), then as many that cancel what there is, shuffled.

    After Algorithm 6.1 of Ogita, Rump and Oishi (2005), for sums instead of dot products.
    """
    half, exponents = size // 2, math.log2(condition) / 2
    values = [chance.uniform(-1, 1) * 2.0 ** chance.uniform(0, 2 * exponents) for _ in range(half - 2)]
    values += [2.0 ** (2 * exponents), chance.uniform(1, 2)]
    running = sum(map(Fraction, values))
    for i in range(size - half):
        wanted = chance.uniform(-1, 1) * 2.0 ** (2 * exponents * (1 - (i + 1) / (size - half)))
        values.append(float(Fraction(wanted) - running))
        running += Fraction(values[-1])
    chance.shuffle(values)
    return values


def condition_of(values) -> float:
    total = math.fsum(values)
    return math.fsum(map(abs, values)) / abs(total) if total else math.inf


@every_level
@pytest.mark.parametrize("power", [0, 4, 8, 10, 11, 12, 13, 14, 15])
def test_compensated_is_within_a_unit_up_to_conditions_of_1e15(level, power):
    """For 10 to 3000 numbers; the families do reach the conditions they are named after."""
    chance, reached = random.Random(power), 0.0
    for size in (10, 33, 100, 1000, 3000):
        for _ in range(8):
            vector = array("d", ill_conditioned(chance, size, 10.0**power))
            if condition_of(vector) > 1e16:
                continue
            reached = max(reached, condition_of(vector))
            assert units_apart(sums.sum_compensated(vector, level=level), math.fsum(vector)) <= 1
    assert reached >= 10.0**power / 100


def cancelling(chance, size: int, rest: float) -> np.ndarray:
    """Numbers and their negatives, shuffled, and one that stays: conditions by the size of the rest."""
    half = chance.normal(size=size // 2) * 2.0 ** chance.integers(0, 20, size // 2)
    vector = np.concatenate([half, -half, [rest]])
    chance.shuffle(vector)
    return vector


@every_level
@pytest.mark.parametrize("size", [1000, 100_000, 1_100_000])
def test_compensated_is_within_a_unit_for_long_vectors(level, size):
    """The bound does not grow with n: conditions from 1e6 to 1e16, millions of numbers, several chunks."""
    chance = np.random.default_rng(size)
    for condition in (1e6, 1e12, 1e15, 1e16):
        vector = cancelling(chance, size, math.pi)
        vector[vector != math.pi] *= condition * math.pi / np.abs(vector).sum()
        assert units_apart(sums.sum_compensated(vector, level=level), math.fsum(vector)) <= 1
        assert condition / 2 < condition_of(vector) < condition * 2


@every_level
def test_beyond_the_conditions_the_stated_bound_holds(level):
    """u |s| + 2^-111 sum|x|, also where nothing of the sum is left in a plain one."""
    chance = random.Random(9)
    for power in (17, 20, 25, 30):
        values = ill_conditioned(chance, 400, 10.0**power)
        vector = array("d", values)
        exact, magnitude = sum(map(Fraction, values)), sum(map(abs, map(Fraction, values)))
        error = abs(Fraction(sums.sum_compensated(vector, level=level)) - exact)
        assert error <= Fraction(2) ** -53 * abs(exact) + Fraction(2) ** -111 * magnitude


@every_level
@pytest.mark.parametrize("chain", range(4))
def test_the_bound_holds_when_one_chain_has_all_the_numbers(level, chain):
    """Each of the four chains of a lane counts for the decision to go through the vector again."""
    lanes = {"v4": 8, "v3": 4, "baseline": 2, "scalar": 1}[level]
    values = ill_conditioned(random.Random(chain), 30 * lanes, 1e25)
    room = np.zeros(len(values) * 4 + 8)
    spread = room[-room.ctypes.data // 8 % 8 :][: len(values) * 4]
    spread.reshape(-1, 4, lanes)[:, chain] = np.reshape(values, (-1, lanes))
    exact, magnitude = sum(map(Fraction, values)), sum(map(abs, map(Fraction, values)))
    error = abs(Fraction(sums.sum_compensated(spread, level=level)) - exact)
    assert error <= Fraction(2) ** -53 * abs(exact) + Fraction(2) ** -111 * magnitude


@every_level
@settings(max_examples=150)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=200))
def test_compensated_keeps_its_bound_for_any_numbers(level, values):
    """Whatever finite numbers: the stated bound, or that of the bins where partial sums could overflow."""
    exact, magnitude = sum(map(Fraction, values)), sum(map(abs, map(Fraction, values)))
    found = sums.sum_compensated(array("d", values), level=level)
    if not math.isfinite(found):
        assert abs(exact) >= Fraction(sys.float_info.max)
        return
    bins = magnitude * len(values) * Fraction(2) ** -80 if magnitude > 2**990 else 0
    slack = Fraction(2) ** -53 * abs(exact) * 2 + Fraction(2) ** -111 * magnitude + bins
    assert abs(Fraction(found) - exact) <= slack


# --- reproducible ----------------------------------------------------------------------------------------------------

numbers = st.one_of(
    st.floats(),
    st.floats(-1, 1),
    st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 2.0**-1022, sys.float_info.max, -sys.float_info.max]),
    st.builds(math.ldexp, st.floats(-1, 1), st.integers(-1074, 1023)),
    st.builds(lambda bit, sign: sign * 2.0**bit, st.integers(-1074, 1023), st.sampled_from([1, -1])),
)


def merged_somehow(chance: random.Random, partials: list[bytes]) -> bytes:
    """A random tree of merges."""
    partials = list(partials)
    while len(partials) > 1:
        left = partials.pop(chance.randrange(len(partials)))
        right = partials.pop(chance.randrange(len(partials)))
        partials.append(sums.reproducible_merge(left, right))
    return partials[0]


def cut_somewhere(chance: random.Random, vector: array) -> list[bytes]:
    """Partial sums of consecutive parts, empty ones among them, each at a random level."""
    cuts = sorted(chance.randrange(len(vector) + 1) for _ in range(chance.randrange(6)))
    bounds = zip([0, *cuts], [*cuts, len(vector)], strict=True)
    levels = sums.levels()
    return [sums.reproducible_partial(vector, *pair, level=chance.choice(levels)) for pair in bounds]


@settings(max_examples=400)
@given(values=st.lists(numbers, max_size=120), chance=st.randoms(use_true_random=False))
def test_reproducible_sum_does_not_depend_on_order_parts_tree_or_level(values, chance):
    """All permutations, partitions, merge trees and levels give the same bytes and the same bits."""
    whole = sums.reproducible_partial(array("d", values))
    for _ in range(3):
        arranged = list(values)
        chance.shuffle(arranged)
        assert merged_somehow(chance, cut_somewhere(chance, array("d", arranged))) == whole
    expected = sums.reproducible_value(whole)
    for level in sums.levels():
        assert same(sums.sum_reproducible(array("d", values), level=level), expected)


@pytest.mark.parametrize("spread", [1, 100, 1000])
def test_long_reproducible_sums_do_not_depend_on_order_parts_tree_or_level(spread):
    """Likewise for vectors of many pieces, whose largest element comes late, early, or often."""
    chance, random_numbers = random.Random(spread), np.random.default_rng(spread)
    exponents = random_numbers.integers(-spread, min(spread, 1000), 150_000)
    vector = array("d", np.ldexp(random_numbers.normal(size=150_000), exponents))
    whole = sums.reproducible_partial(vector)
    for arrange in (
        sorted,
        lambda v: sorted(v, reverse=True),
        lambda v: sorted(v, key=abs),
        np.random.default_rng(1).permutation,
    ):
        arranged = array("d", arrange(vector))
        assert merged_somehow(chance, cut_somewhere(chance, arranged)) == whole
        for level in sums.levels():
            assert sums.reproducible_partial(arranged, level=level) == whole


@settings(max_examples=300)
@given(values=st.lists(numbers, max_size=150))
def test_reproducible_sum_errs_by_no_more_than_it_says(values):
    """n 2^-80 max|x| and half a unit; infinities and NaN as additions have them; overflow only of the sum itself."""
    found = sums.sum_reproducible(array("d", values))
    if not all(map(math.isfinite, values)):
        assert same(found, reduce(lambda a, b: a + b, [v for v in values if not math.isfinite(v)]))
        return
    exact = sum(map(Fraction, values))
    slack = len(values) * Fraction(2) ** -80 * Fraction(max(map(abs, values), default=0))
    if math.isinf(found):
        assert abs(exact) + slack >= Fraction(sys.float_info.max) + Fraction(2) ** 969
    else:
        assert abs(Fraction(found) - exact) <= slack + Fraction(math.ulp(found)) / 2


def test_lanes_are_emptied_before_they_round():
    """Slices as large as a bin allows, by the hundred thousand: no unit of them is lost, at any level."""
    vector = np.random.default_rng(12).integers(2**38, 2**39, 300_000) * 2.0**6  # 2**6 is the unit of bin 27
    parts = [sums.reproducible_partial(vector[first : first + 2000]) for first in range(0, len(vector), 2000)]
    expected = reduce(sums.reproducible_merge, parts)
    assert [sums.reproducible_partial(vector, level=level) == expected for level in sums.levels()] == [True] * len(
        sums.levels()
    )


def test_few_numbers_of_one_magnitude_are_rounded_once():
    """Where nothing falls below the lowest bin the sum is fsum's, to the bit."""
    chance = np.random.default_rng(11)
    for size in (1, 10, 1000, 100_000):
        vector = chance.integers(-(2**52), 2**52, size) * 2.0**-30
        assert sums.sum_reproducible(vector) == math.fsum(vector)


def test_merging_with_nothing_changes_nothing():
    """The partial sum of no elements is neutral, and is 0.0; that of -0.0 alone stays -0.0."""
    nothing, negative = (sums.reproducible_partial(array("d", values)) for values in ([], [-0.0]))
    assert same(sums.reproducible_value(nothing), 0.0)
    assert sums.reproducible_merge(nothing, negative) == sums.reproducible_merge(negative, nothing) == negative
    assert same(sums.reproducible_value(negative), -0.0)


@pytest.mark.parametrize(
    "spoil", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b"x" + b[1:], lambda b: b"\xff" * 64]
)
def test_bytes_that_are_no_partial_sum_are_refused(spoil):
    """ValueError, never a wrong sum; TypeError for what is not bytes."""
    good = sums.reproducible_partial(array("d", [1.0, -2.5]))
    for call in (sums.reproducible_value, lambda b: sums.reproducible_merge(good, b)):
        with pytest.raises(ValueError, match="bytes that reproducible_partial gives"):
            call(spoil(good))
        with pytest.raises(TypeError, match="found bytearray"):
            call(bytearray(good))


@pytest.mark.parametrize(
    ("bounds", "error"), [((-1,), IndexError), ((0, 4), IndexError), ((2, 1), ValueError), ((0.5,), TypeError)]
)
def test_partial_sums_refuse_bounds_beyond_the_vector(bounds, error):
    """A part is never shortened in silence, and the buffer is given back."""
    vector = array("d", [1.0, 2.0, 3.0])
    with pytest.raises(error, match=r"expected|integer"):
        sums.reproducible_partial(vector, *bounds)
    vector.append(1.0)
