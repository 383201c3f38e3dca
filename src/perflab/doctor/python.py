"""The interpreter: its GIL, how it was built, and the threads that numeric libraries start beside it."""

from __future__ import annotations

from perflab.doctor.record import Finding, Record, fine, note, unknown, warning

SLOW_LEVELS = frozenset({"-O0", "-O1", "-Og"})
"""Levels of optimisation for debugging; interpreters are released at -O2 and -O3."""


def gil(record: Record) -> Finding:
    """Whether the GIL is what the build promises."""
    effect = "without a GIL threads of Python code run in parallel, with it they take turns"
    if not record.gil:
        return unknown("gil", "of its GIL", effect, "ask sys._is_gil_enabled()")
    if not record.gil["disabled_build"]:
        return fine("gil", "on, as in every build of this kind", effect)
    if record.gil["enabled"]:
        remedy = "unset PYTHON_GIL, and look for the module whose import switched it on (a RuntimeWarning names it)"
        return warning("gil", "on, in a free-threaded build", "slower than either: its price without its gain", remedy)
    return fine("gil", "off, in a free-threaded build", effect)


def build(record: Record) -> Finding:
    """Whether this interpreter is as fast as those that people use."""
    effect = "Python code is slower here than elsewhere, native code is not: their ratio says little of other machines"
    if record.build.get("debug"):
        return warning("build", "a debug build", effect, "measure with a release build")
    if record.optimisation in SLOW_LEVELS:
        return warning("build", f"compiled with {record.optimisation}", effect, "compile with -O3, or take a release")
    if not record.build:
        return unknown("build", "how Python was configured", effect, "compare runs of one interpreter only")
    missing = [name.upper() for name in ("pgo", "lto") if not record.build[name]]
    if missing:
        remedy = "configure with --enable-optimizations --with-lto, or compare runs of this interpreter only"
        return note("build", f"a release build; its configuration names no {' and no '.join(missing)}", effect, remedy)
    return fine("build", "a release build with PGO and LTO", "as fast as those that people use")


def blas_threads(record: Record) -> Finding:
    """What the environment tells numeric libraries; hosts run with 1 whatever it says."""
    effect = "linear algebra starts a thread a core unless told: beside workers, more threads than cores"
    if record.blas_threads is None:
        return unknown("blas-threads", "the environment", effect, "set OMP_NUM_THREADS=1 beside workers")
    if not record.blas_threads:
        return fine("blas-threads", "not limited here; perflab's hosts run with 1", f"{effect}; not in a run")
    found = ", ".join(f"{name}={value}" for name, value in sorted(record.blas_threads.items()))
    if set(record.blas_threads.values()) == {"1"}:
        return fine("blas-threads", found, "one thread, here as in perflab's hosts")
    effect = "perflab's hosts run with 1: your own programs, which heed this, will differ from a run"
    return note("blas-threads", found, effect, "set them to 1 when you compare such programs with a run")
