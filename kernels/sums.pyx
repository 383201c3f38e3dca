"""Sums of vectors at the speed of the hardware: plain, compensated, reproducible, and by several threads.

Accepts what ``vector_sum`` accepts: whatever exports a one-dimensional buffer of native, aligned elements, read-only or
not, with any stride. Each sum runs at the best level that the processor has, or at the one given as ``level``.
``docs/kernels.md`` explains how they work and how far they err.

The functions without a suffix hold the GIL for less than 32 KiB of elements, which take less time than releasing it,
and release it for more. Their ``_gil`` and ``_nogil`` twins always do the one or the other.

The sum of nothing is 0.0, of negative zeros alone -0.0; an infinity, NaN, or a sum beyond the largest number comes
out as IEEE 754's additions have it.

Thread-safety: any number of threads may call them. The buffer stays exported, hence in place, during the call; writing
to it from another thread meanwhile is not prevented and makes the sum that of a mixture. A running call can't be
interrupted by Ctrl-C.
"""

from cpython.buffer cimport PyBuffer_Release
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.number cimport PyNumber_Index
from cpython.unicode cimport PyUnicode_AsUTF8
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from buffers cimport Span, open_buffer, select, stride_of

from os import environ

cdef extern from "sums_parallel.h" nogil:
    struct span:
        const char *first
        Py_ssize_t stride
        Py_ssize_t count

    struct wide:
        int64_t high
        uint64_t low

    struct binned:
        pass

    struct kernels:
        const char *name
        double (*float64)(span) noexcept nogil
        float (*float32)(span) noexcept nogil
        wide (*int64)(span) noexcept nogil
        double (*compensated)(span) noexcept nogil
        void (*deposit)(binned *, span) noexcept nogil

    const kernels **level_found
    const kernels *level_chosen
    const int levels_found
    void find_levels() noexcept
    const kernels *level_named(const char *) noexcept
    void choose_level(const kernels *) noexcept

    binned binned_nothing() noexcept
    void binned_merge(binned *, binned) noexcept
    double binned_value(const binned *) noexcept
    int binned_is_sound(const binned *) noexcept
    double binned_sum(const kernels *, span) noexcept
    double parallel_sum(const kernels *, span, int) noexcept

include "levels.pxi"


cdef enum:
    RELEASE_FROM = 32768    # bytes


cdef int open_vector(object buffer, Py_buffer *view, str codes, Py_ssize_t itemsize, span *elements) except -1:
    """Fill ``view``, which the caller releases, and ``elements``, all that it shows."""
    open_buffer(buffer, view, codes, itemsize, 0)
    elements.first = <const char *> view.buf
    elements.stride = stride_of(view)
    elements.count = view.shape[0]
    return 0


cdef inline bint is_long(const span *elements, Py_ssize_t itemsize) noexcept:
    """Whether the GIL is worth releasing."""
    return elements.count * itemsize >= RELEASE_FROM


cdef object narrowed(wide total):
    """The sum as a Python integer; OverflowError where it does not fit int64."""
    if total.high == (<int64_t> total.low) >> 63:
        return <int64_t> total.low
    whole = ((<object> total.high) << 64) + <object> total.low
    raise OverflowError(f"expected a sum within int64, found {whole}: sum smaller parts")


def sum_float64(buffer, level=None):
    """Sum of float64 elements, in float64; no less accurate than numpy's pairwise sum.

    The order of additions depends on the level and on where in a cache line the vector begins, so the last bits may.
    Raises TypeError without the buffer protocol, ValueError for another element type, rank, byte order or alignment and
    for a level that is not there.
    """
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef double total
    open_vector(buffer, &view, "d", sizeof(double), &elements)
    if is_long(&elements, sizeof(double)):
        with nogil:
            total = kernel.float64(elements)
    else:
        total = kernel.float64(elements)
    PyBuffer_Release(&view)
    return total


def sum_float64_gil(buffer, level=None):
    """As sum_float64, always holding the GIL. Raises what it raises."""
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef double total
    open_vector(buffer, &view, "d", sizeof(double), &elements)
    total = kernel.float64(elements)
    PyBuffer_Release(&view)
    return total


def sum_float64_nogil(buffer, level=None):
    """As sum_float64, always with the GIL released. Raises what it raises."""
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef double total
    open_vector(buffer, &view, "d", sizeof(double), &elements)
    with nogil:
        total = kernel.float64(elements)
    PyBuffer_Release(&view)
    return total


cdef double add_repeatedly(const kernels *kernel, span elements, int64_t repeat) noexcept nogil:
    cdef double total = 0
    while repeat > 0:
        total += kernel.float64(elements)   # through a pointer: no compiler knows that the answer is the same again
        repeat -= 1
    return total


cdef int64_t checked_repeat(object repeat) except -1:
    cdef object times = PyNumber_Index(repeat)
    if not 0 <= times < 1 << 48:
        raise ValueError(f"expected from 0 to 2**48 - 1 repeats, found {times}")
    return times


def sum_repeatedly_gil(buffer, repeat, level=None):
    """0.0 and ``repeat`` times the sum of float64 elements, gone through anew each time, holding the GIL.

    Many sums of little data without a call for each. Raises what sum_float64 raises, TypeError for a repeat that is no
    integer, ValueError for one outside 0..2**48 - 1.
    """
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef int64_t times = checked_repeat(repeat)
    cdef double total
    open_vector(buffer, &view, "d", sizeof(double), &elements)
    total = add_repeatedly(kernel, elements, times)
    PyBuffer_Release(&view)
    return total


def sum_repeatedly_nogil(buffer, repeat, level=None):
    """As sum_repeatedly_gil, with the GIL released once for all sums. Raises what it raises."""
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef int64_t times = checked_repeat(repeat)
    cdef double total
    open_vector(buffer, &view, "d", sizeof(double), &elements)
    with nogil:
        total = add_repeatedly(kernel, elements, times)
    PyBuffer_Release(&view)
    return total


def sum_float32(buffer, level=None):
    """Sum of float32 elements, in float32; no less accurate than numpy's pairwise sum.

    Returned as a Python float, which holds it exactly. The order of additions depends as sum_float64's does. Raises
    TypeError without the buffer protocol, ValueError for another element type, rank, byte order or alignment and for a
    level that is not there.
    """
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef float total
    open_vector(buffer, &view, "f", sizeof(float), &elements)
    if is_long(&elements, sizeof(float)):
        with nogil:
            total = kernel.float32(elements)
    else:
        total = kernel.float32(elements)
    PyBuffer_Release(&view)
    return total


def sum_float32_gil(buffer, level=None):
    """As sum_float32, always holding the GIL. Raises what it raises."""
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef float total
    open_vector(buffer, &view, "f", sizeof(float), &elements)
    total = kernel.float32(elements)
    PyBuffer_Release(&view)
    return total


def sum_float32_nogil(buffer, level=None):
    """As sum_float32, always with the GIL released. Raises what it raises."""
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef float total
    open_vector(buffer, &view, "f", sizeof(float), &elements)
    with nogil:
        total = kernel.float32(elements)
    PyBuffer_Release(&view)
    return total


def sum_int64(buffer, level=None):
    """Sum of int64 elements, exact.

    Raises OverflowError where the sum does not fit int64, whatever the partial sums did on the way; TypeError without
    the buffer protocol, ValueError for another element type, rank, byte order or alignment and for a level that is not
    there.
    """
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef wide total
    open_vector(buffer, &view, "ql", sizeof(int64_t), &elements)
    if is_long(&elements, sizeof(int64_t)):
        with nogil:
            total = kernel.int64(elements)
    else:
        total = kernel.int64(elements)
    PyBuffer_Release(&view)
    return narrowed(total)


def sum_int64_gil(buffer, level=None):
    """As sum_int64, always holding the GIL. Raises what it raises."""
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef wide total
    open_vector(buffer, &view, "ql", sizeof(int64_t), &elements)
    total = kernel.int64(elements)
    PyBuffer_Release(&view)
    return narrowed(total)


def sum_int64_nogil(buffer, level=None):
    """As sum_int64, always with the GIL released. Raises what it raises."""
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef wide total
    open_vector(buffer, &view, "ql", sizeof(int64_t), &elements)
    with nogil:
        total = kernel.int64(elements)
    PyBuffer_Release(&view)
    return narrowed(total)


def sum_compensated(buffer, level=None):
    """Sum of float64 elements, within a unit in the last place of the correctly rounded sum.

    With u = 2**-53: the error is at most u * |sum|, and 2**-55 * |sum| or 2**-111 * sum(|x|) besides, whichever is
    larger, for vectors of any length (Ogita, Rump, Oishi 2005, in blocks; docs/kernels.md). That is within one unit
    up to a condition number sum(|x|) / |sum| of 7e16. Where partial sums pass 2**1000 the error is that of
    sum_reproducible. One pass where its own error bound suffices, which is up to a condition number of some 1e12;
    otherwise a second. Raises TypeError without the buffer protocol, ValueError for another element type, rank, byte
    order or alignment and for a level that is not there.
    """
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef double total
    open_vector(buffer, &view, "d", sizeof(double), &elements)
    if is_long(&elements, sizeof(double)):
        with nogil:
            total = kernel.compensated(elements)
    else:
        total = kernel.compensated(elements)
    PyBuffer_Release(&view)
    return total


def sum_compensated_gil(buffer, level=None):
    """As sum_compensated, always holding the GIL. Raises what it raises."""
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef double total
    open_vector(buffer, &view, "d", sizeof(double), &elements)
    total = kernel.compensated(elements)
    PyBuffer_Release(&view)
    return total


def sum_compensated_nogil(buffer, level=None):
    """As sum_compensated, always with the GIL released. Raises what it raises."""
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef double total
    open_vector(buffer, &view, "d", sizeof(double), &elements)
    with nogil:
        total = kernel.compensated(elements)
    PyBuffer_Release(&view)
    return total


def sum_reproducible(buffer, level=None):
    """Sum of float64 elements that depends on nothing but them: not on order, parts, threads, level or machine.

    The error is at most n * 2**-80 * max(|x|), and half a unit in the last place. No partial sum overflows. Raises
    TypeError without the buffer protocol, ValueError for another element type, rank, byte order or alignment and for a
    level that is not there.
    """
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef double total
    open_vector(buffer, &view, "d", sizeof(double), &elements)
    if is_long(&elements, sizeof(double)):
        with nogil:
            total = binned_sum(kernel, elements)
    else:
        total = binned_sum(kernel, elements)
    PyBuffer_Release(&view)
    return total


def sum_reproducible_gil(buffer, level=None):
    """As sum_reproducible, always holding the GIL. Raises what it raises."""
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef double total
    open_vector(buffer, &view, "d", sizeof(double), &elements)
    total = binned_sum(kernel, elements)
    PyBuffer_Release(&view)
    return total


def sum_reproducible_nogil(buffer, level=None):
    """As sum_reproducible, always with the GIL released. Raises what it raises."""
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef double total
    open_vector(buffer, &view, "d", sizeof(double), &elements)
    with nogil:
        total = binned_sum(kernel, elements)
    PyBuffer_Release(&view)
    return total


cdef object packed(const binned *state):
    return PyBytes_FromStringAndSize(<const char *> state, sizeof(binned))


cdef binned unpacked(object partial) except *:
    cdef binned state
    if not isinstance(partial, bytes):
        raise TypeError(f"expected the bytes of a partial sum, found {type(partial).__name__}")
    if len(partial) == sizeof(binned):
        memcpy(&state, <const char *> partial, sizeof(binned))
        if binned_is_sound(&state):
            return state
    raise ValueError(
        f"expected the {sizeof(binned)} bytes that reproducible_partial gives, found {len(partial)} others"
    )


def reproducible_partial(buffer, start=0, stop=None, level=None):
    """What the float64 elements from start up to stop (None: the end) add to a reproducible sum, as 64 bytes.

    Equal elements, in whatever order, give equal bytes, on machines of one byte order; merge them with
    reproducible_merge. Releases the GIL from 32 KiB on. Raises TypeError and ValueError as sum_reproducible does and
    for bounds that are no integers or reversed, IndexError for bounds beyond the vector.
    """
    cdef Py_buffer view
    cdef Span chosen
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef binned state = binned_nothing()
    open_buffer(buffer, &view, "d", sizeof(double), 0)
    try:
        chosen = select(&view, start, stop)
        elements.first, elements.stride, elements.count = chosen.first, chosen.stride, chosen.count
        if is_long(&elements, sizeof(double)):
            with nogil:
                kernel.deposit(&state, elements)
        else:
            kernel.deposit(&state, elements)
    finally:
        PyBuffer_Release(&view)
    return packed(&state)


def reproducible_merge(one, other):
    """The partial sum of both parts' elements; in whatever order and tree parts are merged, the bytes are the same.

    Raises TypeError for anything but bytes, ValueError for bytes that are no partial sum.
    """
    cdef binned state = unpacked(one)
    binned_merge(&state, unpacked(other))
    return packed(&state)


def reproducible_value(partial):
    """The sum that a partial sum stands for: what sum_reproducible gives for all its elements.

    Raises TypeError for anything but bytes, ValueError for bytes that are no partial sum.
    """
    cdef binned state = unpacked(partial)
    return binned_value(&state)


def sum_parallel(buffer, int threads=0, level=None):
    """Sum of float64 elements by up to ``threads`` threads (0: one for each processor allowed); bits as sum_float64's.

    One thread does it where several would not be sooner, which the first call measures, or while another thread has
    the pool. Always releases the GIL from 32 KiB on. The pool's threads look for work for 50 us, then sleep; a forked
    child starts its own. Without POSIX threads it is sum_float64. Raises TypeError without the buffer protocol,
    ValueError for another element type, rank, byte order or alignment, for a level that is not there and for threads
    below 0, OverflowError for more threads than an int counts.
    """
    cdef Py_buffer view
    cdef span elements
    cdef const kernels *kernel = table(level)
    cdef double total
    if threads < 0:
        raise ValueError(f"expected a number of threads or 0, found {threads}")
    open_vector(buffer, &view, "d", sizeof(double), &elements)
    if is_long(&elements, sizeof(double)):
        with nogil:
            total = parallel_sum(kernel, elements, threads)
    else:
        total = kernel.float64(elements)
    PyBuffer_Release(&view)
    return total
