"""The sums and the limits: right at every level, for every size, offset, stride and special number."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from array import array
from pathlib import Path

import numpy as np
import pytest

import sums_support
from perflab.kernels import limits, sums

KERNELS = Path(__file__).resolve().parent.parent / "kernels"
NAMES = ("float64", "float32", "int64", "compensated", "reproducible")
CODES = {"float64": "d", "float32": "f", "int64": "q", "compensated": "d", "reproducible": "d", "parallel": "d"}

every_level = pytest.mark.parametrize("level", sums.levels())
every_sum = pytest.mark.parametrize("name", [*NAMES, "parallel"])


@every_level
@pytest.mark.parametrize(
    "check", ["whole_numbers", "specials", "int64", "random", "repeated", "distant", "partials", "arithmetic"]
)
def test_contract(level, check):
    """Each level, asked for by argument, gives the right sums of every kind of input."""
    both = (sums, limits)
    modules = {"whole_numbers": both, "distant": both, "arithmetic": (limits,)}.get(check, (sums,))
    getattr(sums_support, f"check_{check}")(*modules, level)


@every_level
def test_twins_and_default_agree_bit_for_bit(level):
    """Who holds the GIL changes nothing, above and below the size at which it is released."""
    for size in (10, 10_000):
        for name in NAMES:
            vector = np.random.default_rng(5).normal(0, 1000, size).astype(CODES[name])
            calls = [getattr(sums, f"sum_{name}{suffix}") for suffix in ("", "_gil", "_nogil")]
            assert len({call(vector, level=level).hex() if name != "int64" else call(vector) for call in calls}) == 1
        assert len({call(vector, level=level) for call in (limits.load_only, limits.load_only_gil)}) == 1
        assert limits.load_only_nogil(vector, level=level) == int(np.bitwise_xor.reduce(vector.view("u8")))
        assert (
            limits.arithmetic_gil(size, level) == limits.arithmetic_nogil(size, level) == limits.arithmetic(size, level)
        )


def aligned(size: int, code: str) -> np.ndarray:
    """Random numbers that begin a cache line."""
    room = np.empty(size * np.dtype(code).itemsize + 64, np.uint8)
    start = -room.ctypes.data % 64
    found = room[start : start + size * np.dtype(code).itemsize].view(code)
    found[:] = np.random.default_rng(size).normal(0, 1000, size)
    return found


def by_the_tree(vector: np.ndarray, lanes: int) -> float:
    """The sum in the documented order: 8 rows of 8 vectors a block, then vectors, blocks and lanes as trees."""
    rows = vector.reshape(-1, 8, 8, lanes)
    eight = rows[:, 0].copy()
    for row in range(1, 8):
        eight += rows[:, row]
    blocks = pairwise(pairwise(pairwise(eight.swapaxes(0, 1))))[0]
    while len(blocks) > 1:
        blocks = pairwise(blocks)
    total = blocks[0]
    while len(total) > 1:
        total = total[: len(total) // 2] + total[len(total) // 2 :]
    return float(total[0])


def pairwise(parts: np.ndarray) -> np.ndarray:
    return parts[::2] + parts[1::2]


@every_level
@pytest.mark.parametrize("name", ["float64", "float32"])
@pytest.mark.parametrize("mib", [1, 16, 32])
def test_additions_are_made_in_the_order_of_the_tree(level, name, mib):
    """How loads are laid out in the code differs by the size of a vector; the bits of the sum do not."""
    vector = aligned(mib * 2**20 // np.dtype(CODES[name]).itemsize, CODES[name])
    width = {"v4": 64, "v3": 32, "baseline": 16}.get(level, vector.itemsize)
    expected = by_the_tree(vector, width // vector.itemsize)
    assert getattr(sums, f"sum_{name}")(vector, level=level).hex() == expected.hex()
    if name == "float64":
        assert sums.sum_parallel(vector, 3, level=level).hex() == expected.hex()


# --- which level -----------------------------------------------------------------------------------------------------

FINGERPRINT = """
import random
from array import array
from perflab.kernels import limits, sums
chance = random.Random(1)
vector = array("f", [chance.lognormvariate(0, 3) for _ in range(30_000)])
def bits(level=None):
    return ":".join(sums.sum_float32(vector[:n], level=level).hex() for n in range(20_000, 30_000, 1000))
print(sums.level(), limits.level(), *sums.levels())
print(bits(), *map(bits, sums.levels()))
"""


def in_an_interpreter(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PERFLAB_KERNELS"} | variables
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@every_level
def test_the_environment_forces_a_level(level):
    """PERFLAB_KERNELS decides what runs when nothing is asked for, told apart by the last bits of a sum."""
    done = in_an_interpreter(FINGERPRINT, PERFLAB_KERNELS=level)
    assert done.returncode == 0, done.stderr
    (chosen, same, *levels), (found, *bits) = (line.split() for line in done.stdout.splitlines())
    assert chosen == same == level
    assert found == dict(zip(levels, bits, strict=True))[level]
    assert len(set(bits)) == len(bits), "the levels can't be told apart by this vector"


def test_without_the_variable_the_best_level_runs():
    """An unset or empty variable forces nothing; levels are named best first and end with plain C."""
    for variables in ({}, {"PERFLAB_KERNELS": ""}):
        done = in_an_interpreter(FINGERPRINT, **variables)
        chosen, _, *levels = done.stdout.splitlines()[0].split()
        assert chosen == levels[0]
        assert levels == [name for name in ("v4", "v3", "baseline", "scalar") if name in levels]
        assert levels[-1] == "scalar"


@pytest.mark.parametrize("forced", ["v9", "V4", "native"])
def test_a_level_that_is_not_there_ends_the_import(forced):
    """ImportError in one line that names the variable, what there is and what was found."""
    done = in_an_interpreter("import perflab.kernels.sums", PERFLAB_KERNELS=forced)
    assert done.returncode == 1
    expected = (
        f"PERFLAB_KERNELS: expected a level that can run here, one of {', '.join(sums.levels())}, found '{forced}'"
    )
    assert done.stderr.splitlines()[-1].startswith(f"ImportError: {expected}")


def test_the_version_names_the_level():
    """`perflab --version` says what was chosen, and one line with status 2 what could not be."""
    show = "import sys; from perflab.cli import main; sys.exit(main(['--version']))"
    done = in_an_interpreter(show, PERFLAB_KERNELS="scalar")
    assert ", kernels scalar, numpy " in done.stdout
    done = in_an_interpreter(show, PERFLAB_KERNELS="v9")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "PERFLAB_KERNELS: expected a level that can run here" in done.stderr


def test_a_level_by_argument_must_be_there():
    """ValueError for another name, TypeError for what is no name; the buffer is not taken hostage."""
    vector = array("d", [1.0])
    with pytest.raises(ValueError, match=r"one of .*scalar, found 'v5'"):
        sums.sum_float64(vector, level="v5")
    with pytest.raises(TypeError, match="found int: pass one of"):
        limits.load_only(vector, level=4)
    vector.append(2.0)


# --- what is refused -------------------------------------------------------------------------------------------------


@every_sum
def test_other_elements_ranks_and_objects_are_refused(name):
    """ValueError or TypeError that says what was found, and nothing is left exported."""
    total, code = getattr(sums, f"sum_{name}"), CODES[name]
    wrong = array("q" if code != "q" else "d", [1])
    for refused in (
        wrong,
        b"12345678",
        np.zeros((2, 2), code),
        np.zeros(3, code).astype(np.dtype(code).newbyteorder()),
    ):
        with pytest.raises(ValueError, match="found"):
            total(refused)
    with pytest.raises(ValueError, match="aligned"):
        total(np.zeros(33, np.uint8)[1:33].view(code))
    with pytest.raises(TypeError, match="found list: wrap its numbers"):
        total([1.0])
    wrong.append(2)


@every_sum
def test_every_kind_of_buffer_is_taken(name):
    """array, memoryview, read-only ones and numpy arrays, and a vector is given back after the call."""
    total, code = getattr(sums, f"sum_{name}"), CODES[name]
    plain = array(code, range(100))
    frozen = np.arange(100, dtype=code)
    frozen.flags.writeable = False
    assert [total(one) for one in (plain, memoryview(plain), memoryview(plain).toreadonly(), frozen)] == [4950] * 4
    assert type(total(plain)) is (int if name == "int64" else float)
    plain.append(0)


def test_a_broadcast_element_is_a_stride_of_zero():
    """One element seen many times, more than 2**30 of them in exact chunks."""
    assert sums.sum_int64(np.broadcast_to(np.array([-3]), 2**30 + 5)) == -3 * (2**30 + 5)
    assert sums.sum_float64(np.broadcast_to(np.array([0.5]), 100_001)) == 50_000.5


def test_a_strided_view_has_the_bits_of_its_aligned_copy():
    """Elements picked out of a table are added in the order of a contiguous vector on a cache line."""
    table = np.random.default_rng(6).normal(size=(5000, 3))
    room = np.empty(5008)
    start = -room.ctypes.data // 8 % 8
    copy = room[start : start + 5000]
    copy[:] = table[:, 1]
    assert sums.sum_float64(table[:, 1]).hex() == sums.sum_float64(copy).hex()


@pytest.mark.parametrize("n", [-1, 2**48])
def test_rounds_of_arithmetic_have_bounds(n):
    """A count that would run for years or backwards is refused."""
    with pytest.raises(ValueError, match=r"2\*\*48 - 1 rounds"):
        limits.arithmetic(n)


@pytest.mark.parametrize("repeat", [-1, 2**48])
def test_repeats_have_bounds(repeat):
    """A count that would run for years or backwards is refused, and what is no integer."""
    vector = array("d", [1.0])
    for twin in (sums.sum_repeatedly_gil, sums.sum_repeatedly_nogil):
        with pytest.raises(ValueError, match=r"2\*\*48 - 1 repeats"):
            twin(vector, repeat)
        with pytest.raises(TypeError, match="integer"):
            twin(vector, 1.0)
    vector.append(2.0)


@pytest.mark.parametrize("threads", [-1, -(2**20)])
def test_a_negative_number_of_threads_is_refused(threads):
    """0 means as many as there are processors; less means nothing."""
    with pytest.raises(ValueError, match="expected a number of threads or 0"):
        sums.sum_parallel(array("d", [1.0]), threads)


# --- under sanitizers ------------------------------------------------------------------------------------------------


def sanitizer() -> str:
    """The address sanitizer's library of the compiler at hand; empty where there is none."""
    if sys.platform != "linux" or not shutil.which("gcc"):
        return ""
    found = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    return found.stdout.strip() if Path(found.stdout.strip()).is_absolute() else ""


def compile_under_sanitizers(name: str, folder: Path) -> subprocess.Popen[str]:
    """Begin to compile one kernel, as setup.py would but for the sanitizers."""
    source, library = folder / f"{name}.c", folder / (name + sysconfig.get_config_var("EXT_SUFFIX"))
    cython = [sys.executable, "-m", "cython", "-3", "-X", "freethreading_compatible=True", f"-I{KERNELS}"]
    subprocess.run([*cython, KERNELS / f"{name}.pyx", "-o", source], check=True)
    flags = ["-shared", "-fPIC", "-O0", "-w", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    include = [f"-I{KERNELS}", f"-I{sysconfig.get_path('include')}"]
    return subprocess.Popen(["gcc", *flags, *include, str(source), "-o", str(library)], text=True)


@pytest.mark.skipif(not sanitizer(), reason="gcc's libasan.so is not here: run where it is")
def test_contract_under_address_and_undefined_behaviour_sanitizers(tmp_path):
    """No load beyond a vector and no undefined arithmetic, at any level, with any number of threads."""
    pytest.importorskip("Cython", reason="the extra 'test' brings Cython")
    compiling = [compile_under_sanitizers(name, tmp_path) for name in ("sums", "limits", "sharing")]
    assert [one.wait() for one in compiling] == [0, 0, 0]
    environment = os.environ | {"LD_PRELOAD": sanitizer(), "ASAN_OPTIONS": "detect_leaks=0"}
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):  # a free-threaded build knows one allocator only
        environment["PYTHONMALLOC"] = "malloc"
    command = [sys.executable, sums_support.__file__, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.stdout.split() == ["held", *sums.levels()], done.stderr[-3000:]
