"""Who can run while a kernel does: proved without a clock, in interpreters of their own."""

from __future__ import annotations

import subprocess
import sys
import sysconfig

import pytest

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED")) and not getattr(sys, "_is_gil_enabled", bool)()

# The setter waits for `go`. The main thread is not asked to hand over the GIL for 1000 s, so between go.release() and
# its look at the flag the setter runs only where the call releases the GIL (or where there is none).
SETTER = """
import sys, threading
from array import array
from perflab.kernels import range_sum, spin, vector_sum

sys.setswitchinterval(1000)

def observed(call):
    flag, go = array("i", [0]), threading.Lock()
    def set_flag():
        with go:
            flag[0] = 1
    with go:
        setter = threading.Thread(target=set_flag)
        setter.start()
    call(flag)
    seen = flag[0]
    setter.join()
    assert flag[0] == 1, "the setter never ran: nothing was proved"
    return seen
"""

WAIT = """
ended = []
print(observed(lambda flag: ended.append(spin.{wait}(flag, {limit}))), ended[0])
"""

# A sum ends by itself, so it must last until the setter's turn: twice as long at each try.
SUM = """
import numpy as np
ones = np.ones(1)
def call(size):
    return {{
        "range_sum": lambda flag: range_sum.{twin}(0, size),
        "vector_sum": lambda flag: vector_sum.{twin}(np.broadcast_to(ones.astype("{typecode}"), size)),
    }}["{module}"]
print(max(observed(call(2**power)) for power in range(20, 29)))
"""

SUMS = [
    ("range_sum", "sum_{}", ""),
    ("vector_sum", "sum_float64_{}", "d"),
    ("vector_sum", "sum_int64_{}", "q"),
]


def printed(script: str) -> list[str]:
    command = [sys.executable, "-c", SETTER + script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_another_thread_sets_the_flag_while_the_nogil_twin_spins():
    """wait_nogil comes back with True, because the setter ran meanwhile."""
    assert printed(WAIT.format(wait="wait_nogil", limit=2 * 10**10)) == ["1", "True"]


def test_no_thread_can_set_the_flag_while_the_gil_twin_spins():
    """The negative control: half a billion looks in vain with a GIL, and the contrary where there is none."""
    expected, limit = (["1", "True"], 2 * 10**10) if FREE_THREADED else (["0", "False"], 5 * 10**8)
    assert printed(WAIT.format(wait="wait_gil", limit=limit)) == expected


@pytest.mark.parametrize(("module", "name", "typecode"), SUMS)
def test_another_thread_runs_while_a_nogil_twin_sums(module, name, typecode):
    """During the call the setter gets its turn, at the latest when the call is long."""
    assert printed(SUM.format(module=module, twin=name.format("nogil"), typecode=typecode)) == ["1"]


@pytest.mark.parametrize(("module", "name", "typecode"), SUMS)
def test_no_thread_runs_while_a_gil_twin_sums(module, name, typecode):
    """However long the call, the setter waits until it is over; without a GIL it does not."""
    script = SUM.format(module=module, twin=name.format("gil"), typecode=typecode)
    assert printed(script) == ["1" if FREE_THREADED else "0"]
