"""Sums of one-dimensional vectors of float64 or int64, read in place through the buffer protocol.

Accepts whatever exports such a buffer (array.array, memoryview, a numpy array, a multiprocessing RawArray, shared
memory cast to "d" or "q"), read-only or not, with any stride; numpy itself is not needed. The twins differ in one
line: who holds the GIL during the loop.

Thread-safety: the buffer stays exported, hence in place, during the call. Writing to it from another thread
meanwhile is not prevented and makes the sum that of a mixture.
"""

from cpython.buffer cimport PyBuffer_Release
from libc.stdint cimport int64_t, uint64_t

from buffers cimport Span, open_buffer, select


cdef double add_float64(Span span) noexcept nogil:
    """Four accumulators, because one would wait four cycles for each addition rather than for memory."""
    cdef double a = 0, b = 0, c = 0, d = 0
    cdef const char *at = span.first
    cdef Py_ssize_t stride = span.stride
    cdef Py_ssize_t _
    for _ in range(span.count // 4):
        a += (<const double *> at)[0]
        b += (<const double *> (at + stride))[0]
        c += (<const double *> (at + 2 * stride))[0]
        d += (<const double *> (at + 3 * stride))[0]
        at += 4 * stride
    for _ in range(span.count % 4):
        a += (<const double *> at)[0]
        at += stride
    return (a + b) + (c + d)


cdef struct Wide:
    int64_t high
    uint64_t low


cdef Wide add_int64(Span span) noexcept nogil:
    """A sum of 128 bits in two words, which no vector that fits in memory can overflow."""
    cdef Wide total = Wide(0, 0)
    cdef const char *at = span.first
    cdef int64_t value
    cdef Py_ssize_t _
    for _ in range(span.count):
        value = (<const int64_t *> at)[0]
        total.low += <uint64_t> value
        total.high += (total.low < <uint64_t> value) - (value < 0)
        at += span.stride
    return total


cdef object narrowed(Wide total):
    """The sum as a Python integer; OverflowError where it does not fit int64."""
    cdef object whole = ((<object> total.high) << 64) + <object> total.low
    if not -(1 << 63) <= whole < 1 << 63:
        raise OverflowError(f"expected a sum within int64, found {whole}: sum smaller parts")
    return whole


def sum_float64_gil(buffer, start=0, stop=None):
    """Sum of the float64 elements from start up to stop (None: the end), holding the GIL; 0.0 for none.

    Exact where all partial sums are. Raises TypeError without the buffer protocol or for bounds that are no integers,
    ValueError for another element type, rank or byte order or for stop < start, IndexError beyond the vector.
    """
    cdef Py_buffer view
    cdef Span span
    cdef double total
    open_buffer(buffer, &view, "d", sizeof(double), 0)
    try:
        span = select(&view, start, stop)
        total = add_float64(span)
    finally:
        PyBuffer_Release(&view)
    return total


def sum_float64_nogil(buffer, start=0, stop=None):
    """Sum of the float64 elements from start up to stop (None: the end), the GIL released; 0.0 for none.

    Exact where all partial sums are. Raises TypeError without the buffer protocol or for bounds that are no integers,
    ValueError for another element type, rank or byte order or for stop < start, IndexError beyond the vector.
    """
    cdef Py_buffer view
    cdef Span span
    cdef double total
    open_buffer(buffer, &view, "d", sizeof(double), 0)
    try:
        span = select(&view, start, stop)
        with nogil:
            total = add_float64(span)
    finally:
        PyBuffer_Release(&view)
    return total


def sum_int64_gil(buffer, start=0, stop=None):
    """Sum of the int64 elements from start up to stop (None: the end), holding the GIL; 0 for none.

    Always exact: OverflowError where the sum does not fit int64, whatever the partial sums did on the way. Raises
    TypeError without the buffer protocol or for bounds that are no integers, ValueError for another element type,
    rank or byte order or for stop < start, IndexError beyond the vector.
    """
    cdef Py_buffer view
    cdef Span span
    cdef Wide total
    open_buffer(buffer, &view, "ql", sizeof(int64_t), 0)
    try:
        span = select(&view, start, stop)
        total = add_int64(span)
    finally:
        PyBuffer_Release(&view)
    return narrowed(total)


def sum_int64_nogil(buffer, start=0, stop=None):
    """Sum of the int64 elements from start up to stop (None: the end), the GIL released; 0 for none.

    Always exact: OverflowError where the sum does not fit int64, whatever the partial sums did on the way. Raises
    TypeError without the buffer protocol or for bounds that are no integers, ValueError for another element type,
    rank or byte order or for stop < start, IndexError beyond the vector.
    """
    cdef Py_buffer view
    cdef Span span
    cdef Wide total
    open_buffer(buffer, &view, "ql", sizeof(int64_t), 0)
    try:
        span = select(&view, start, stop)
        with nogil:
            total = add_int64(span)
    finally:
        PyBuffer_Release(&view)
    return narrowed(total)
