"""The parallel sum's threads: used, shared, forgotten by forked children, in nobody's way at exit; and the GIL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sums_support
import test_kernels_gil as gil
from perflab.kernels import sums

PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="no POSIX threads and no fork here")
linux = pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc/self/task")


def printed(script: str, timeout: float = 120) -> str:
    """What a script prints in an interpreter of its own, with `sums`, a vector of 16 MiB and its sum."""
    prelude = (
        "import os, sys, threading\nimport numpy as np\nfrom perflab.kernels import sums\n"
        "vector = np.random.default_rng(1).normal(size=2**21); right = sums.sum_float64(vector)\n"
    )
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", prelude + script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("level", sums.levels())
@pytest.mark.parametrize("threads", [0, 1, 2, 3, 7, 300])
def test_parallel_sum_has_the_bits_of_one_thread(level, threads):
    """Whatever the number of threads, the size, the beginning and the stride."""
    whole = np.random.default_rng(2).normal(size=3_000_011)
    for view in (
        whole,
        whole[1:],
        whole[5:-3],
        whole[:16_384],
        whole[3:16_390],
        whole[: 2**20],
        whole[::-2],
        whole[::3],
    ):
        expected = sums.sum_float64(view, level=level)
        for _ in range(3):
            assert sums.sum_parallel(view, threads, level=level).hex() == expected.hex()


@linux
@pytest.mark.skipif(PROCESSORS < 2, reason="one processor: one thread is always as good")
def test_workers_do_work():
    """After some sums of 64 MiB the pool's thread has spent time on a processor."""
    script = """
vector = np.ones(2**23)
main = threading.get_native_id()
def spent():
    return sum(int(open(f"/proc/self/task/{task}/schedstat").read().split()[0])
               for task in os.listdir("/proc/self/task") if int(task) != main)
assert sums.sum_parallel(vector, 2) == 2**23
before = spent()
for _ in range(2000):
    assert sums.sum_parallel(vector, 2) == 2**23
    if spent() > before + 20_000_000:
        print("worked")
        break
"""
    assert printed(script) == "worked\n"


@linux
def test_threads_are_started_once_and_as_many_as_asked_for():
    """The pool grows to the most threads asked for, less the caller; small sums start none."""
    script = """
def tasks(): return len(os.listdir("/proc/self/task"))
before = tasks()
sums.sum_parallel(vector[:1000], 4)
found = [tasks() - before]
for threads in (1, 2, 4, 3):
    for _ in range(5): assert sums.sum_parallel(vector, threads) == right
    found.append(tasks() - before)
print(found)
"""
    assert printed(script) == "[0, 0, 1, 3, 3]\n"


@posix
def test_forked_children_make_pools_of_their_own():
    """A child of a process with a pool sums rightly, also when it forks in turn, also while others use the pool."""
    script = """
assert sums.sum_parallel(vector, 3) == right
ended = threading.Event()
def keep_summing():
    while not ended.is_set():
        assert sums.sum_parallel(vector, 3) == right
others = [threading.Thread(target=keep_summing) for _ in range(2)]
for other in others: other.start()
def child(depth):
    pid = os.fork()
    if pid == 0:
        right_here = all(sums.sum_parallel(vector, 3) == right for _ in range(5))
        grown = not os.path.isdir("/proc/self/task") or len(os.listdir("/proc/self/task")) == 3
        os._exit(0 if right_here and grown and (depth == 0 or child(depth - 1) == 0) else 7)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
codes = [child(1) for _ in range(10)]
ended.set()
for other in others: other.join()
print(set(codes), sums.sum_parallel(vector, 3) == right)
"""
    assert printed(script) == "{0} True\n"


def test_many_threads_at_once_get_the_right_sum():
    """One caller has the pool, the others sum alone; all are right."""
    sums_support.hammer(sums)


def test_an_interpreter_exits_while_the_pool_is_busy():
    """A daemon thread in the middle of a parallel sum keeps nobody from leaving."""
    script = """
def keep_summing():
    while True: sums.sum_parallel(vector, 3)
for _ in range(3): threading.Thread(target=keep_summing, daemon=True).start()
for _ in range(50): sums.sum_parallel(vector, 3)
print("leaving", flush=True)
"""
    assert printed(script) == "leaving\n"


@linux
@pytest.mark.skipif(PROCESSORS < 2, reason="one processor: there is no other to keep off from")
def test_a_worker_may_not_run_on_the_processor_of_the_caller():
    """There it would take turns with it: of two processors it is left the one that the caller was not on."""
    script = """
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
before = set(os.listdir("/proc/self/task"))
for _ in range(3): assert sums.sum_parallel(vector, 2) == right
(worker,) = set(os.listdir("/proc/self/task")) - before
print(len(os.sched_getaffinity(0)), len(os.sched_getaffinity(int(worker))))
"""
    assert printed(script) == "2 1\n"


@linux
def test_signals_are_for_other_threads():
    """The pool's threads block every signal that can be, so that none ends up where no Python runs."""
    script = """
import signal, time
before = set(os.listdir("/proc/self/task"))
for _ in range(50): sums.sum_parallel(vector, 3)
time.sleep(0.05)  # a thread that has not begun yet has everything blocked anyway
blocked = [line.split()[1] for task in set(os.listdir("/proc/self/task")) - before
           for line in open(f"/proc/self/task/{task}/status") if line.startswith("SigBlk")]
wanted = [signal.SIGINT, signal.SIGALRM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGTERM]
print(len(blocked), all(int(mask, 16) >> (one - 1) & 1 for mask in blocked for one in wanted))
"""
    assert printed(script) == "2 True\n"


# --- alone or together -----------------------------------------------------------------------------------------------

# What the pool's account decides, fed with times that are made up: `alone` and `together` of a call, and every so many
# calls together one that lasts longer by `late`, one whose workers have to be woken by `waking`. Prints the time of all
# calls in that of as many alone, and how many of the last thousand were made together.
SIMULATION = """
#define _GNU_SOURCE 1
#include <stdio.h>
#include <stdlib.h>
#include "parallel.h"
int main(int count, char **given) {
    const int64_t alone = atoll(given[1]), together = atoll(given[2]), late = atoll(given[3]), every = atoll(given[4]);
    const int64_t waking = atoll(given[6]);
    const int calls = 2000000;
    int64_t idle = SPIN_NS;
    struct pool_account account = {0};
    int64_t spent = 0, shared = 0, last = 0;
    for (int call = 0; call < calls; call++) {
        const enum pool_choice choice = pool_choose(&account, atoi(given[5]));
        const int joint = choice == TOGETHER || choice == TOGETHER_TIMED;
        int64_t cost = joint ? together : alone;
        if (joint && ++shared % every == 0) cost += late;
        if (joint && idle >= SPIN_NS) cost += waking;
        idle = joint ? 0 : idle + alone;
        spent += cost;
        if (joint && call >= calls - 1000) last++;
        if (choice == ALONE_TIMED || choice == TOGETHER_TIMED) pool_learn(&account, choice, cost);
    }
    printf("%.4f %d\\n", (double)spent / (double)(alone * calls), (int)last);
    return count != 7;
}
"""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Runs the simulation: the ratio to all calls alone, and the calls together among the last thousand."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler or not hasattr(os, "fork"):
        pytest.skip("no C compiler for POSIX threads here")
    folder = tmp_path_factory.mktemp("account")
    (folder / "account.c").write_text(SIMULATION, encoding="utf-8")
    kernels = Path(__file__).resolve().parent.parent / "kernels"
    program = folder / "account"
    command = [compiler, "-O1", "-w", "-pthread", f"-I{kernels}", folder / "account.c", "-o", program]
    subprocess.run(command, check=True)

    def run(*costs: int, waking: int = 0) -> tuple[float, int]:
        done = subprocess.run([program, *map(str, (*costs, waking))], capture_output=True, text=True, check=True)
        ratio, together = done.stdout.split()
        return float(ratio), int(together)

    return run


@pytest.mark.parametrize("first", [0, 1])
def test_what_is_sooner_together_is_done_together(simulated, first):
    """Half the time is had in nearly all calls; a rare late worker does not spoil it."""
    assert simulated(10_000, 5_000, 0, 1, first) == (pytest.approx(0.508, abs=0.005), pytest.approx(984, abs=2))
    assert simulated(100_000, 60_000, 100_000, 100, first)[0] < 0.65


@pytest.mark.parametrize("first", [0, 1])
def test_a_costly_awakening_is_earned_back(simulated, first):
    """Short calls go on together although the first took as long as ten; where they gain nothing they still stop."""
    assert simulated(7_000, 4_500, 0, 1, first, waking=60_000)[0] < 0.67
    assert simulated(7_000, 7_050, 0, 1, first, waking=60_000)[0] <= 1.045
    assert simulated(7_000, 6_990, 0, 1, first, waking=150_000)[0] <= 1.045


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(
    ("alone", "together", "late", "every"),
    [
        (1_000, 1_100, 0, 1),
        (1_000, 5_000, 0, 1),
        (1_000, 700, 4_000_000, 50),
        (1_000, 700, 4_000_000, 1_000),
        (50_000, 30_000, 4_000_000, 7),
        (2_000, 400_000, 0, 1),
    ],
)
def test_what_is_slower_together_costs_at_most_a_few_per_cent(simulated, first, alone, together, late, every):
    """However much longer it takes, always or now and then: what is lost is 1/32, and the eight calls of a trial."""
    assert simulated(alone, together, late, every, first)[0] <= 1.045


def test_a_thread_that_loses_its_processor_now_and_then_does_not_end_what_pays(simulated):
    """4 ms lost in one call of 300 are less than what the others saved."""
    assert simulated(100_000, 50_000, 4_000_000, 300, 0)[0] < 0.65


def test_short_bursts_with_workers_asleep_cost_a_few_per_cent(simulated):
    """What is gained after an awakening does not pay for it: that is found out in the first bursts, not in the last."""
    assert simulated(7_500, 7_000, 0, 1, 0, waking=100_000)[0] <= 1.045


# --- the GIL ---------------------------------------------------------------------------------------------------------

OBSERVE = """
import numpy as np
from perflab.kernels import limits, sharing, sums
def view(code, size): return np.broadcast_to(np.ones(1, code), size)
for call in {calls}:
    call = eval("lambda size: " + call)
    print(int(any(observed(lambda flag: call(size)) for size in (2**power for power in range(20, {last})))), end=" ")
"""
TWINS = (
    "sums.sum_float64{}(view('d', size))",
    "sums.sum_float32{}(view('f', size))",
    "sums.sum_int64{}(view('q', size))",
    "sums.sum_compensated{}(view('d', size))",
    "sums.sum_reproducible{}(view('d', size))",
    "limits.load_only{}(view('d', size))",
    "limits.arithmetic{}(size)",
)
REPEATED = "sums.sum_repeatedly{}(view('d', 1000), size // 1000)"
RELEASING = (
    "sums.sum_parallel(view('d', size))",
    "sums.reproducible_partial(view('d', size))",
    "sharing.reacquire(size, 2**30)",
    "sharing.add_plain(np.zeros(1, 'q'), 0, size)",
    "sharing.add_atomic(np.zeros(1, 'q'), 0, size)",
    "sharing.dependent_adds(size)",
)


@pytest.mark.parametrize("end", ["", "_nogil"])
def test_another_thread_runs_during_a_call_that_releases_the_gil(end):
    """The setter gets its turn, at the latest when the call is long: half a second and more, for want of a core."""
    calls = [call.format(end) for call in TWINS] + ([REPEATED.format(end)] if end else list(RELEASING))
    assert dict(zip(calls, gil.printed(OBSERVE.format(calls=calls, last=32)), strict=True)) == dict.fromkeys(calls, "1")


def test_no_thread_runs_during_a_call_that_holds_the_gil():
    """A _gil twin keeps the GIL however long it takes; so does what is nogil in its signature only."""
    calls = [*(call.format("_gil") for call in (*TWINS, REPEATED)), "sharing.signature_only(size)"]
    expected = dict.fromkeys(calls, "1" if gil.FREE_THREADED else "0")
    assert dict(zip(calls, gil.printed(OBSERVE.format(calls=calls, last=25)), strict=True)) == expected


def test_the_contract_can_be_run_as_a_script():
    """The file that sanitizers run is there and starts without numpy."""
    source = Path(sums_support.__file__).read_text(encoding="utf-8")
    assert "numpy" not in [line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))]
