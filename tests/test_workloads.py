"""One specification of all workloads and their implementations: a new workload file is tested by being there."""

from __future__ import annotations

import multiprocessing
import pickle
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab import registry, vectors
from perflab.model import Task, Workload
from perflab.workloads import range_sum, vector_sum, vector_sum_int64

WORKLOADS = list(registry.workloads().values())
WITH_INPUT = [workload for workload in WORKLOADS if workload.typecode]
IMPLEMENTED = [(workload, name) for workload in WORKLOADS for name in workload.implementations]
READ_IN_PLACE = [(workload, name) for workload, name in IMPLEMENTED if workload.typecode]


def name_of(value: object) -> str:
    """The test id of a workload, or of one of its implementations."""
    return value.name if isinstance(value, Workload) else str(value)


def needed(workload: Workload, implementation: str) -> Any:
    """The code of a part; skips where it needs a kernel that is not built, or numpy where there is none."""
    part = workload.implementations[implementation]
    try:
        part(workload.load(1), 0, 1)
    except ImportError as error:
        pytest.skip(f"{workload.name}/{implementation} needs what is not there: {error}")
    return part


def in_shared_memory(typecode: str, data: array[Any]) -> memoryview:
    """The same elements in a RawArray, as the workers of a strategy see them."""
    raw = multiprocessing.RawArray(typecode, max(1, len(data)))
    elements = memoryview(raw).cast("B").cast(typecode)[: len(data)]
    vectors.fill(elements, data)
    return elements


@pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)
@pytest.mark.parametrize("size", [0, 1, 2, 7, 1000])
def test_the_oracle_is_the_sum_of_all_numbers_below_n(workload: Workload, size: int) -> None:
    """Gauss's formula against the sum it stands for."""
    assert workload.oracle(size) == sum(range(size))


@pytest.mark.parametrize(("workload", "implementation"), IMPLEMENTED, ids=name_of)
@given(size=st.integers(0, 300), workers=st.integers(1, 9))
def test_every_split_gives_the_oracles_answer(workload: Workload, implementation: str, size: int, workers: int) -> None:
    """However many parts, also empty ones, they combine to exactly the answer of the whole."""
    part = needed(workload, implementation)
    task = Task(workload, implementation, size, workers)
    data = workload.load(size)
    assert workload.combine([part(data, *bounds) for bounds in task.bounds]) == workload.oracle(size)


@pytest.mark.parametrize(("workload", "implementation"), IMPLEMENTED, ids=name_of)
@given(edges=st.tuples(st.integers(0, 100), st.integers(0, 100)))
def test_a_part_is_what_lies_within_its_bounds(workload: Workload, implementation: str, edges: tuple[int, int]) -> None:
    """From start up to stop, stop left out; wrong bounds could cancel out over a whole split, not over one part."""
    start, stop = sorted(edges)
    assert needed(workload, implementation)(workload.load(100), start, stop) == sum(range(start, stop))


@pytest.mark.parametrize(("workload", "implementation"), IMPLEMENTED, ids=name_of)
def test_a_part_returns_a_plain_number(workload: Workload, implementation: str) -> None:
    """Not numpy's: a worker would pickle ten times the bytes, and the parent import numpy to read them."""
    expected = float if workload.typecode == "d" else int
    assert type(needed(workload, implementation)(workload.load(5), 1, 3)) is expected


@pytest.mark.parametrize(("workload", "implementation"), READ_IN_PLACE, ids=name_of)
@pytest.mark.parametrize("size", [0, 1, 50])
def test_parts_read_whatever_memory_a_strategy_gives_them(workload: Workload, implementation: str, size: int) -> None:
    """The vector itself, a view, a read-only view, and shared memory give the same answer."""
    part, data = needed(workload, implementation), workload.load(size)
    memories = [data, memoryview(data), memoryview(data).toreadonly(), in_shared_memory(workload.typecode, data)]
    assert [part(memory, 0, size) for memory in memories] == [workload.oracle(size)] * 4


@pytest.mark.parametrize(("workload", "implementation"), IMPLEMENTED, ids=name_of)
def test_parts_travel_to_workers_by_name(workload: Workload, implementation: str) -> None:
    """Spawned workers get a part by pickling, which knows functions of modules only."""
    part = workload.implementations[implementation]
    assert pickle.loads(pickle.dumps(part)) is part


@pytest.mark.parametrize("workload", WITH_INPUT, ids=name_of)
@pytest.mark.parametrize("size", [0, 1, 10, 200])
def test_the_input_counts_up_whichever_way_it_is_made(
    workload: Workload, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop for short vectors and numpy's blocks for long ones make one and the same, also across blocks."""
    by_loop = workload.load(size)
    monkeypatch.setattr(vectors, "FEW", -1)
    monkeypatch.setattr(vectors, "_STEP", 64)
    by_numpy = workload.load(size)
    assert by_loop == by_numpy == array(workload.typecode, range(size))
    assert by_loop.typecode == by_numpy.typecode == workload.typecode


@pytest.mark.parametrize("module", [range_sum, vector_sum, vector_sum_int64])
@pytest.mark.parametrize("excess", [-1, None])
def test_a_size_whose_sum_would_be_wrong_is_refused(module: Any, excess: int | None) -> None:
    """Above the most, and below none: the error says what was found and what was expected."""
    size = module.MOST + 1 if excess is None else excess
    with pytest.raises(ValueError, match=rf"found size {size}, expected 0 to {module.MOST}: .*choose a smaller size"):
        module.load(size)


def test_the_largest_sums_are_the_last_exact_ones() -> None:
    """One power of two more and float64, or int64, could not hold the sum."""
    for most, limit in ((vector_sum.MOST, 2**53), (vector_sum_int64.MOST, 2**63), (range_sum.MOST, 2**63)):
        assert most * (most - 1) // 2 < limit <= 2 * most * (2 * most - 1) // 2


@pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)
def test_a_twin_shares_no_code_object_with_its_original(workload: Workload) -> None:
    """An A/A comparison needs the same code loaded twice, not the same functions timed twice."""
    twin = registry.twin(workload.name)
    assert twin.implementations.keys() == workload.implementations.keys()
    for name, part in workload.implementations.items():
        assert twin.implementations[name] is not part
        assert twin.implementations[name].__code__ is not part.__code__  # type: ignore[attr-defined]


def test_fill_copies_what_has_another_letter_for_the_same_type() -> None:
    """The int64 of numpy calls itself "l", that of shared memory "q"; assigning one to the other would raise."""
    target = memoryview(array("q", bytes(24)))
    vectors.fill(target, memoryview(array("q", [1, 2, 3])).cast("B").cast("l"))
    assert target.tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="different structures"):
        vectors.fill(target, array("q", [1, 2]))
