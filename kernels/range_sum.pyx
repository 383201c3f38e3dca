"""The sum of the integers from start up to stop, by a loop that really loops.

Every iteration is one addition that depends on the one before (about one cycle each), behind a barrier that keeps
the compiler from replacing the loop by n(n-1)/2. The twins differ in one line: who holds the GIL meanwhile.

Thread-safety: no state; any number of threads may call them. A running call can't be interrupted by Ctrl-C.
"""

from cpython.number cimport PyNumber_Index
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t

cdef extern from "opaque.h":
    void make_opaque(int64_t value) noexcept nogil


cdef struct Bounds:
    int64_t start
    int64_t stop


cdef int64_t add_range(Bounds bounds) noexcept nogil:
    cdef int64_t total = 0
    cdef int64_t i = bounds.start
    while i < bounds.stop:
        total += i
        make_opaque(total)
        i += 1
    return total


cdef Bounds checked(object start, object stop) except *:
    """Both bounds as int64, once it is certain that no partial sum leaves int64."""
    cdef object first = PyNumber_Index(start)
    cdef object last = PyNumber_Index(stop)
    cdef Bounds bounds = Bounds(0, 0)
    if first >= last:
        return bounds
    # The partial sums fall while i < 0 and rise from then on: the lowest and the last one bound all others.
    lowest = exact(first, min(last, 0))
    total = exact(first, last)
    if min(lowest, total) < INT64_MIN or max(total, last) > INT64_MAX:
        raise OverflowError(
            f"expected bounds and partial sums of range({first}, {last}) within int64, found a sum of {total}: "
            f"split the range"
        )
    bounds.start = first
    bounds.stop = last
    return bounds


cdef object exact(object first, object last):
    """Sum of range(first, last) as a Python integer of any size."""
    return (last - first) * (first + last - 1) // 2 if first < last else 0


def sum_gil(start, stop):
    """Sum of range(start, stop) as int64, holding the GIL all the while.

    Empty and reversed ranges sum to 0. Raises TypeError for anything but integers, and OverflowError, before the
    first iteration, where bounds or sum leave int64 (from 0: a stop above about 4.29e9).
    """
    cdef Bounds bounds = checked(start, stop)
    cdef int64_t total
    total = add_range(bounds)
    return total


def sum_nogil(start, stop):
    """Sum of range(start, stop) as int64, with the GIL released during the loop.

    Empty and reversed ranges sum to 0. Raises TypeError for anything but integers, and OverflowError, before the
    first iteration, where bounds or sum leave int64 (from 0: a stop above about 4.29e9).
    """
    cdef Bounds bounds = checked(start, stop)
    cdef int64_t total
    with nogil:
        total = add_range(bounds)
    return total
