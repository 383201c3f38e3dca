"""What a pull request of perflab is timed by: its kernels, alone and in two threads.

Were a kernel to hold the GIL, one of two threads would wait for the other, and the second function take twice as long.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

SHORT, LONG = 5_000_000, 70_000_000
"""Additions that take a ms or two, and some 20 ms: a scheduler needs a while until two threads have two cores."""


def kernel(name: str) -> ModuleType:
    """The kernel that lies beside this file: an import would find the perflab that measures, on both sides."""
    folder = Path(__file__).parent / "perflab" / "kernels"
    file = next(path for suffix in EXTENSION_SUFFIXES if (path := folder / f"{name}{suffix}").exists())
    spec = spec_from_file_location(f"perflab.kernels.{name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


range_sum = kernel("range_sum")
threads = ThreadPoolExecutor(2)


def sum_of_a_range() -> int:
    """One call of the kernel."""
    return range_sum.sum_nogil(0, SHORT)


def sum_of_a_range_in_two_threads() -> int:
    """Two at once."""
    return sum(threads.map(range_sum.sum_nogil, (0, LONG), (LONG, 2 * LONG)))
