"""One contract for all kernels: what the twins accept, answer and refuse."""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import re
import subprocess
import sys
import textwrap
import threading
from array import array
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab import registry
from perflab.kernels import range_sum, spin, vector_sum

SOURCES = Path(__file__).resolve().parent.parent / "kernels"
INT64 = st.integers(-(2**63), 2**63 - 1)

every_kernel = pytest.mark.parametrize("name", registry.kernels())
range_twins = pytest.mark.parametrize("total", [range_sum.sum_gil, range_sum.sum_nogil])
float_twins = pytest.mark.parametrize("total", [vector_sum.sum_float64_gil, vector_sum.sum_float64_nogil])
int_twins = pytest.mark.parametrize("total", [vector_sum.sum_int64_gil, vector_sum.sum_int64_nogil])
vector_twins = pytest.mark.parametrize(
    ("total", "typecode"),
    [
        (vector_sum.sum_float64_gil, "d"),
        (vector_sum.sum_float64_nogil, "d"),
        (vector_sum.sum_int64_gil, "q"),
        (vector_sum.sum_int64_nogil, "q"),
    ],
)
wait_twins = pytest.mark.parametrize("wait", [spin.wait_gil, spin.wait_nogil])


def functions(module: ModuleType) -> dict[str, object]:
    return {name: member for name, member in vars(module).items() if callable(member) and not name.startswith("_")}


# --- every kernel, also one added tomorrow ---------------------------------------------------------------------------


# What has no twin: the sums that choose by size, questions about the level, and calls that are about the GIL itself.
SINGLE = {
    "sums": {"level", "levels", "reproducible_merge", "reproducible_partial", "reproducible_value", "sum_parallel"}
    | {f"sum_{of}" for of in ("float64", "float32", "int64", "compensated", "reproducible")},
    "limits": {"level", "levels", "load_only", "arithmetic"},
    "sharing": {"add_atomic", "add_plain", "dependent_adds", "reacquire", "signature_only"},
}


@every_kernel
def test_every_function_has_a_twin(name):
    """A kernel's public functions come in pairs, _gil and _nogil, of equal signature; exceptions are listed."""
    found = functions(importlib.import_module(f"perflab.kernels.{name}"))
    holding = {one for one in found if one.endswith("_gil")}
    releasing = {one for one in found if one.endswith("_nogil")}
    assert holding
    assert set(found) == holding | releasing | SINGLE.get(name, set())
    assert {one.replace("_gil", "_nogil") for one in holding} == releasing
    for one in holding:
        assert inspect.signature(found[one]) == inspect.signature(found[one.replace("_gil", "_nogil")])


@every_kernel
def test_twins_differ_in_the_line_that_releases_the_gil(name):
    """Below the docstrings, a _nogil function is its _gil twin plus the line ``with nogil:``."""
    source = (SOURCES / f"{name}.pyx").read_text(encoding="utf-8")
    bodies = dict(re.findall(r'^def (\w+)\(.*?\):\n    """.*?"""\n(.*?)(?=^\S|\Z)', source, re.MULTILINE | re.DOTALL))
    assert bodies
    for one in (one for one in bodies if one.endswith("_gil")):
        holding, releasing = (
            [line.strip() for line in bodies[twin].splitlines() if line.strip()]
            for twin in (one, one.replace("_gil", "_nogil"))
        )
        changes = [line for line in difflib.ndiff(holding, releasing) if line[0] in "+-"]
        assert changes == ["+ with nogil:"]


@every_kernel
def test_stub_declares_exactly_the_public_functions(name):
    """The stub that is installed beside a kernel names its functions and their arguments."""
    module = importlib.import_module(f"perflab.kernels.{name}")
    stub = ast.parse(Path(module.__file__).with_name(f"{name}.pyi").read_text(encoding="utf-8"))
    declared = {node.name: [a.arg for a in node.args.args] for node in stub.body if isinstance(node, ast.FunctionDef)}
    assert declared == {one: list(inspect.signature(f).parameters) for one, f in functions(module).items()}


@every_kernel
def test_docstrings_say_what_is_raised_and_who_may_call(name):
    """The module states its thread-safety, and every function its errors."""
    module = importlib.import_module(f"perflab.kernels.{name}")
    assert "Thread-safety:" in module.__doc__
    assert all("Raises" in one.__doc__ for one in functions(module).values())


def test_importing_all_kernels_keeps_the_gil_off_and_numpy_out():
    """In a fresh interpreter no kernel turns the GIL on, warns, or imports numpy."""
    script = textwrap.dedent("""
        import importlib, sys
        before = getattr(sys, "_is_gil_enabled", lambda: True)()
        for name in sys.argv[1:]:
            importlib.import_module(f"perflab.kernels.{name}")
        assert getattr(sys, "_is_gil_enabled", lambda: True)() == before, "a kernel turned the GIL on"
        assert "numpy" not in sys.modules, "a kernel imported numpy"
    """)
    command = [sys.executable, "-W", "error", "-c", script, *registry.kernels()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


# --- range_sum -------------------------------------------------------------------------------------------------------


@range_twins
@given(start=st.integers(-(2**53), 2**53), length=st.integers(-5, 300))
def test_range_sum_is_pythons(total, start, length):
    """Any range whose sums fit int64, empty and reversed ones too, has the sum that Python finds."""
    assert total(start, start + length) == sum(range(start, start + length))


@range_twins
@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [(0, 10_000, 49_995_000), (0, 20_000, 199_990_000), (0, 20_000_000, 199_999_990_000_000), (-7, 8, 0), (5, 5, 0)],
)
def test_range_sum_knows_the_tutorials_answers(total, start, stop, expected):
    """Long ranges are summed in full."""
    assert total(start, stop) == expected


@range_twins
@pytest.mark.parametrize("bounds", [(2**63 - 2, 2**63 - 1), (-(2**63), -(2**63) + 1), (2**62, 2**62 + 1), (2**70, 0)])
def test_range_sum_reaches_the_ends_of_int64(total, bounds):
    """A sum that just fits is given; an empty range is 0 wherever it lies."""
    assert total(*bounds) == sum(range(*bounds))


@range_twins
@pytest.mark.parametrize(
    "bounds", [(0, 2**33), (0, 4_294_967_298), (2**63 - 1, 2**63), (-(2**33), 0), (-(2**33), 2**33), (2**64, 2**64 + 1)]
)
def test_range_sum_refuses_what_leaves_int64_before_looping(total, bounds):
    """OverflowError at once, also where only a partial sum would overflow and the whole would fit."""
    with pytest.raises(OverflowError, match=r"within int64, found a sum of -?\d+: split the range"):
        total(*bounds)


@range_twins
def test_range_sum_takes_integers_of_any_type(total):
    """What has __index__ is an integer; a float and a text are not."""
    assert total(np.int32(1), True + np.uint8(3)) == 6
    for bounds in ((0, 1.0), ("0", 1), (None, 1)):
        with pytest.raises(TypeError, match="integer"):
            total(*bounds)


# --- vector_sum ------------------------------------------------------------------------------------------------------


@vector_twins
@pytest.mark.parametrize("values", [[], [7], [1, 2], [1, 2, 3], [1, 2, 3, 4], list(range(-50, 1000))])
def test_vector_sum_of_every_kind_of_buffer(total, typecode, values):
    """array, memoryview, read-only memoryview, RawArray and numpy arrays of one content have one sum."""
    plain = array(typecode, values)
    writable, raw = memoryview(plain), RawArray(typecode, values)
    vectors = [plain, writable, writable.toreadonly(), raw, memoryview(raw), np.array(values, dtype=typecode)]
    frozen = np.array(values, dtype=typecode)
    frozen.flags.writeable = False
    assert [total(vector) for vector in [*vectors, frozen]] == [sum(values)] * 7
    assert type(total(plain)) is (float if typecode == "d" else int)


@vector_twins
@given(data=st.data(), values=st.lists(st.integers(-(2**40), 2**40), max_size=80))
def test_vector_sum_of_any_slice_and_part(total, typecode, data, values):
    """Strided and reversed views, and every part of them, have the sum that Python finds."""
    step = data.draw(st.sampled_from([1, 2, 3, 7, -1, -2, -5]))
    view = memoryview(array(typecode, values))[data.draw(st.integers(0, 80)) :: step]
    stop = data.draw(st.integers(0, len(view)))
    start = data.draw(st.integers(0, stop))
    assert total(view) == sum(view.tolist())
    assert total(view, start, stop) == sum(view.tolist()[start:stop])
    assert total(view, start) == total(view, start=start, stop=None) == sum(view.tolist()[start:])


@vector_twins
def test_vector_sum_of_a_column_and_of_a_broadcast_element(total, typecode):
    """A stride may be longer than a row or zero."""
    table = np.arange(12, dtype=typecode).reshape(3, 4)
    assert total(table[:, 1]) == 1 + 5 + 9
    assert total(np.broadcast_to(table[2, 3], 5)) == 55


@vector_twins
def test_vector_sum_of_a_huge_vector_without_its_memory(total, typecode):
    """More elements than 31 bits count: one element seen 2**31 + 8 times through a stride of zero."""
    assert total(np.broadcast_to(np.ones(1, dtype=typecode), 2**31 + 8), 2**31 - 8) == 16


@int_twins
@given(values=st.lists(INT64, max_size=40))
def test_int64_sum_is_exact_or_refused(total, values):
    """The sum is Python's where it fits int64, whatever the partial sums, and OverflowError where it does not."""
    if -(2**63) <= sum(values) < 2**63:
        assert total(array("q", values)) == sum(values)
    else:
        with pytest.raises(OverflowError, match=f"found {sum(values)}: sum smaller parts"):
            total(array("q", values))


@float_twins
def test_float64_sum_keeps_infinities_and_nan(total):
    """No value is skipped or trapped."""
    assert total(array("d", [1.0, float("inf")])) == float("inf")
    assert np.isnan(total(array("d", [1.0] * 9 + [float("nan")])))


def misaligned(typecode: str) -> np.ndarray:
    return np.zeros(20, dtype=np.uint8)[1:17].view(typecode)


@vector_twins
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda code: array("f", [1]), "found format 'f' of 4 bytes"),
        (lambda code: array("q" if code == "d" else "d", [1]), "expected elements of 8 bytes"),
        (lambda code: b"12345678", "found format 'B' of 1 bytes"),
        (lambda code: np.zeros(3, dtype=code).astype(np.dtype(code).newbyteorder()), "native byte order"),
        (lambda code: np.zeros(2, dtype=[("a", code)]), "found format 'T"),
        (lambda code: np.zeros(3, dtype=np.uint64), "found format"),
        (lambda code: np.zeros((2, 2), dtype=code), "expected one dimension, found 2"),
        (lambda code: np.zeros((), dtype=code), "expected one dimension, found 0"),
        (misaligned, "aligned to 8 bytes"),
    ],
)
def test_vector_sum_refuses_other_elements_and_ranks(total, typecode, make, message):
    """ValueError that names what was found; nothing is converted in silence."""
    with pytest.raises(ValueError, match=message):
        total(make(typecode))


@vector_twins
def test_a_refused_vector_is_given_back(total, typecode):
    """After a refusal nothing keeps the buffer exported: an array can grow again, which it can't while exported."""
    floats, flags = array("f", [1]), array("i", [0, 0])
    with pytest.raises(ValueError, match="found format"):
        total(floats)
    with pytest.raises(ValueError, match="found 2 elements"):
        spin.wait_nogil(flags)
    floats.append(2)
    flags.append(0)
    assert (len(floats), len(flags)) == (2, 3)


@vector_twins
@pytest.mark.parametrize("found", [[1.0], 5, None, "text"])
def test_vector_sum_refuses_what_is_no_buffer(total, typecode, found):
    """TypeError that names the type and offers array.array."""
    with pytest.raises(TypeError, match=f"found {type(found).__name__}: wrap its numbers in array"):
        total(found)


@vector_twins
@pytest.mark.parametrize(
    ("bounds", "error"),
    [
        ((-1,), IndexError),
        ((0, -1), IndexError),
        ((4,), IndexError),
        ((0, 4), IndexError),
        ((0, 2**70), IndexError),
        ((2, 1), ValueError),
        ((0.0,), TypeError),
        ((0, "3"), TypeError),
    ],
)
def test_vector_sum_refuses_bounds_beyond_the_vector(total, typecode, bounds, error):
    """A part is never shortened in silence, and the buffer is released after the refusal."""
    values = array(typecode, [1, 2, 3])
    with pytest.raises(error, match=r"expected|integer"):
        total(values, *bounds)
    values.append(4)  # BufferError if the export had leaked
    assert total(values, 4, 4) == 0


@vector_twins
def test_threads_sum_one_vector_at_once(total, typecode):
    """Eight threads on the same vector all get the right sum."""
    vector, answers = array(typecode, range(100_000)), []
    threads = [threading.Thread(target=lambda: answers.append(total(vector))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [sum(range(100_000))] * 8


# --- spin (who may run meanwhile: test_kernels_gil.py) ---------------------------------------------------------------


@wait_twins
def test_wait_ends_at_the_flag_or_at_the_limit(wait):
    """A flag that is set ends the wait at once; one that never is ends it at the limit, with False."""
    assert wait(array("i", [1])) is True
    assert wait(array("i", [-1]), 0) is True
    assert wait(array("i", [0]), max_spins=1000) is False


@wait_twins
@pytest.mark.parametrize(
    ("flag", "limit", "error", "message"),
    [
        (array("q", [0]), 1, ValueError, "expected elements of 4 bytes"),
        (array("i", [0, 0]), 1, ValueError, "one int32, found 2 elements"),
        (array("i"), 1, ValueError, "one int32, found 0 elements"),
        (memoryview(array("i", [0])).toreadonly(), 1, BufferError, "not writable"),
        ([0], 1, TypeError, "found list"),
        (array("i", [0]), -1, ValueError, "max_spins from 0"),
        (array("i", [0]), 2**63, ValueError, "max_spins from 0"),
        (array("i", [0]), 1.5, TypeError, "integer"),
    ],
)
def test_wait_refuses_other_flags_and_limits(wait, flag, limit, error, message):
    """A flag is one writable int32, a limit a count."""
    with pytest.raises(error, match=message):
        wait(flag, limit)
