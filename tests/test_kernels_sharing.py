"""Counters that threads share or do not, and calls that hold, release or take back the GIL."""

from __future__ import annotations

import copy
import threading
import time
from array import array

import numpy as np
import pytest

from perflab.kernels import sharing

adders = pytest.mark.parametrize("add", [sharing.add_atomic, sharing.add_plain])


@adders
@pytest.mark.parametrize("n", [0, 1, 2, 17, 100_000])
def test_a_counter_grows_by_n_and_its_neighbours_do_not(add, n):
    """The last value is returned; what lies beside the counter is not touched."""
    counters = array("q", [1, 10, 2])
    assert add(counters, 1, n) == 10 + n
    assert list(counters) == [1, 10 + n, 2]


@adders
def test_counters_may_lie_apart(add):
    """An index counts elements of the view, whatever its stride, so counters can be placed on lines of their own."""
    memory = np.zeros(64, dtype=np.int64)
    for index in range(4):
        assert add(memory[::16], index, 5) == 5
    assert memory.nonzero()[0].tolist() == [0, 16, 32, 48]
    assert add(memory[::-1], 63, 1) == 6


@adders
def test_a_full_counter_wraps(add):
    """Beyond the largest int64 comes the smallest."""
    assert add(array("q", [2**63 - 1]), 0, 2) == -(2**63) + 1


def test_atomic_increments_of_many_threads_are_all_counted():
    """Four threads, one counter, none lost."""
    counter = array("q", [0])
    threads = [threading.Thread(target=sharing.add_atomic, args=(counter, 0, 4_000_000)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter[0] == 16_000_000


@adders
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((array("q", [0]), 1, 1), IndexError, "index from 0 to 0, found 1"),
        ((array("q", [0]), -1, 1), IndexError, "found -1"),
        ((array("q", [0]), 0, -1), ValueError, "n from 0 to"),
        ((array("q", [0]), 0, 2**32 + 1), ValueError, "n from 0 to"),
        ((array("d", [0]), 0, 1), ValueError, "found format 'd'"),
        ((bytes(8), 0, 1), BufferError, "not writable"),
        (([0], 0, 1), TypeError, "found list"),
        ((array("q", [0]), 0.0, 1), TypeError, "integer"),
        ((array("q", [0]), 0, 1.5), TypeError, "integer"),
    ],
)
def test_other_counters_and_counts_are_refused(add, arguments, error, message):
    """A counter is one writable int64, and it is not kept exported."""
    counter = copy.copy(arguments[0])
    with pytest.raises(error, match=message):
        add(counter, *arguments[1:])
    if isinstance(counter, array):
        counter.append(0)


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 1000])
def test_chains_and_sums_are_as_long_as_asked(n):
    """n additions of one are n; the other loops are sums of range(n), however often the GIL is taken meanwhile."""
    assert sharing.dependent_adds(n) == n
    assert sharing.signature_only(n) == sum(range(n))
    assert [sharing.reacquire(n, every) for every in (1, 3, 1000)] == [sum(range(n))] * 3


def test_tiny_calls_do_nothing():
    """They answer 1."""
    assert sharing.tiny_gil() == sharing.tiny_nogil() == 1


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: sharing.dependent_adds(-1), ValueError),
        (lambda: sharing.signature_only(2**33), ValueError),
        (lambda: sharing.reacquire(10, 0), ValueError),
        (lambda: sharing.reacquire(-1, 1), ValueError),
        (lambda: sharing.reacquire(1.0, 1), TypeError),
        (lambda: sharing.dependent_adds("1"), TypeError),
    ],
)
def test_counts_have_bounds(call, error):
    """Counts are integers whose sums fit int64."""
    with pytest.raises(error, match=r"2\*\*32|integer"):
        call()


def seen_meanwhile(add, n):
    """Values strictly between 0 and n that another thread sees while the counter grows."""
    counter, seen = array("q", [0]), set()
    adding = threading.Thread(target=add, args=(counter, 0, n))
    adding.start()
    while adding.is_alive():
        seen.add(counter[0])
    adding.join()
    assert counter[0] == n
    return seen - {0, n}


@adders
def test_every_increment_is_stored(add):
    """Others see the counter on its way: it is not kept in a register, nor added up to one addition."""
    assert any(len(seen_meanwhile(add, 2**power)) > 3 for power in range(20, 31))


def shortest(call, *arguments):
    """The shortest of five times, in ns."""
    times = []
    for _ in range(5):
        began = time.perf_counter_ns()
        call(*arguments)
        times.append(time.perf_counter_ns() - began)
    return min(times)


def test_reacquiring_costs_and_chains_are_not_folded():
    """Taking the GIL at each iteration is dearer than never; each addition of a chain takes its cycle."""
    assert shortest(sharing.reacquire, 100_000, 1) > 4 * shortest(sharing.reacquire, 100_000, 100_001)
    for chain in (sharing.dependent_adds, sharing.signature_only):
        assert shortest(chain, 2**23) > 6 * shortest(chain, 2**18)
    assert shortest(sharing.dependent_adds, 2**23) > shortest(sharing.signature_only, 2**23) / 5
