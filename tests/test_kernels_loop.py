"""That range_sum's loop really loops: read off the machine code, and off how its time grows."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from ctypes import CDLL, c_int64
from pathlib import Path

import pytest

from perflab.kernels import range_sum

KERNELS = Path(__file__).resolve().parent.parent / "kernels"
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
ADDITION = re.compile(r"\t(add|addq|lea|leaq)\s")
JUMP = re.compile(r"\t(?:j\w+|b\.\w+|cbn?z|tbn?z)\s.*?\b([0-9a-f]+) <")
OTHER_SUMS = re.compile(r"\t(v?padd\w|i?mul|i?mulq|imull|smulh|madd)\s|\sv\d+\.2d")

SOURCE = """
#include "opaque.h"
int64_t add_range(int64_t start, int64_t stop) {
    int64_t total = 0;
    for (int64_t i = start; i < stop; i++) { total += TERM; KEEP(total); }
    return total;
}
"""


def instructions(library: Path, function: str) -> list[tuple[int, str]]:
    """Addresses and texts of the function whose symbol ends in ``function``; empty where there is none."""
    listing = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", library], capture_output=True, text=True, check=True
    )
    body = re.search(rf"^[0-9a-f]+ <\w*{function}>:\n(.*?)(?:\n\n|\Z)", listing.stdout, re.MULTILINE | re.DOTALL)
    lines = body[1].splitlines() if body else []
    return [(int(address, 16), text) for address, text in (line.split(":", 1) for line in lines if ":" in line)]


def adds_one_by_one(code: list[tuple[int, str]]) -> bool:
    """Whether some backward jump encloses an addition, and nothing multiplies or adds vectors."""
    jumps = [(at, int(match[1], 16)) for at, text in code if (match := JUMP.search(text))]
    loops = [(target, at) for at, target in jumps if code[0][0] <= target < at]
    bodies = [[text for at, text in code if first <= at <= last] for first, last in loops]
    scalar = not any(OTHER_SUMS.search(text) for _, text in code)
    return scalar and any(ADDITION.search(text) for body in bodies for text in body)


needs_objdump = pytest.mark.skipif(
    shutil.which("objdump") is None or platform.machine() not in ("x86_64", "aarch64"),
    reason="objdump, or its dialect for this processor, is not there: the loop is judged by its time alone",
)


@needs_objdump
def test_machine_code_of_the_kernel_adds_in_a_loop():
    """The compiled body holds a backward jump round a scalar addition, and no closed form."""
    code = instructions(Path(range_sum.__file__), "add_range")
    if not code:
        pytest.skip(f"{range_sum.__file__} is stripped of its symbols: the loop is judged by its time alone")
    assert adds_one_by_one(code), "\n".join(text for _, text in code)


def compiled(folder: Path, compiler: str, *flags: str) -> Path:
    (folder / "loop.c").write_text(SOURCE, encoding="ascii")
    library = folder / "loop.so"
    command = [compiler, "-O3", "-shared", "-fPIC", f"-I{KERNELS}", *flags, "-o", library, folder / "loop.c"]
    subprocess.run(command, check=True, capture_output=True)
    return library


@needs_objdump
@pytest.mark.skipif(platform.machine() != "x86_64", reason="AVX2 is x86-64's")
@pytest.mark.skipif(not COMPILERS, reason="neither gcc nor clang is there to compile the kernel with")
@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_kernel_stays_a_chain_under_a_compiler_that_vectorises(tmp_path, compiler):
    """Compiled anew with AVX2 to tempt the compiler (plain gcc 12 would keep even an unguarded loop)."""
    pytest.importorskip("Cython", reason="Cython, of the extra 'test', translates the kernel")
    generated, compiled_kernel = tmp_path / "range_sum.c", tmp_path / "range_sum.o"
    translate = [sys.executable, "-m", "cython", "-3", f"-I{KERNELS}", KERNELS / "range_sum.pyx", "-o", generated]
    subprocess.run(translate, check=True, capture_output=True)
    includes = [f"-I{KERNELS}", f"-I{sysconfig.get_path('include')}", f"-I{sysconfig.get_path('platinclude')}"]
    apart = ["-fno-inline-functions", "-fno-inline-small-functions", "-fno-inline-functions-called-once"]
    flags = ["-O3", "-mavx2", *apart, *includes]
    subprocess.run([compiler, *flags, "-c", generated, "-o", compiled_kernel], check=True, capture_output=True)
    assert adds_one_by_one(instructions(compiled_kernel, "add_range"))


@needs_objdump
@pytest.mark.skipif(not COMPILERS, reason="neither gcc nor clang is there to compile the barrier with")
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("flags", [[], ["-DPERFLAB_NO_ASM"]], ids=["asm", "portable"])
def test_both_barriers_keep_the_loop_and_the_sum(tmp_path, compiler, flags):
    """At -O3, with inline assembly and without, every addition is left and the answer is right."""
    foldable = compiled(tmp_path, compiler, "-DTERM=3", "-DKEEP=make_opaque", *flags)
    assert adds_one_by_one(instructions(foldable, "add_range"))
    library = compiled(tmp_path, compiler, "-DTERM=i", "-DKEEP=make_opaque", *flags)
    add_range = CDLL(str(library)).add_range
    add_range.restype, add_range.argtypes = c_int64, [c_int64, c_int64]
    assert adds_one_by_one(instructions(library, "add_range"))
    assert [add_range(*bounds) for bounds in ((0, 10_000), (-7, 8), (3, 3))] == [49_995_000, 0, 0]


@needs_objdump
@pytest.mark.skipif(not COMPILERS, reason="neither gcc nor clang is there to compile the barrier with")
@pytest.mark.parametrize("compiler", COMPILERS)
def test_without_a_barrier_the_inspection_sees_no_honest_loop(tmp_path, compiler):
    """The negative control: without a barrier, additions that every compiler folds are found out."""
    library = compiled(tmp_path, compiler, "-DTERM=3", "-DKEEP(total)=(void)0")
    assert not adds_one_by_one(instructions(library, "add_range"))


@pytest.mark.parametrize("total", [range_sum.sum_gil, range_sum.sum_nogil])
def test_time_grows_with_the_number_of_iterations(total):
    """Sixteen times the range costs this thread at least four times the CPU time; a closed form would cost the same."""

    def least_ns(stop: int) -> int:
        took = []
        for _ in range(5):
            before = time.thread_time_ns()
            total(0, stop)
            took.append(time.thread_time_ns() - before)
        return max(1, min(took))

    size = 1_000_000
    ratios = (least_ns(16 * size) / least_ns(size) for _ in range(5))
    assert any(4 < ratio < 64 for ratio in ratios)
