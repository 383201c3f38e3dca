"""What sharing costs: counters in one cache line or apart, the GIL taken often, held by mistake, or for nothing.

The loops that count are those of ``range_sum``: one addition an iteration, behind a barrier, so that a call here
differs from ``range_sum.sum_nogil`` in what its name says and in nothing else.

Thread-safety: any number of threads may call them. ``add_atomic`` loses nothing on a counter that others increment too,
``add_plain`` may. A running call can't be interrupted by Ctrl-C, except where ``reacquire`` has the GIL.
"""

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release
from cpython.number cimport PyNumber_Index
from libc.stdint cimport int64_t

from buffers cimport open_buffer, stride_of

cdef extern from "sharing.h" nogil:
    void make_opaque(int64_t value) noexcept
    void increment_plainly(int64_t *counter, int64_t n) noexcept
    void increment_in_turn(int64_t *counter, int64_t n) noexcept
    int64_t add_in_a_chain(int64_t n) noexcept


cdef int64_t add_up(int64_t n) noexcept nogil:
    cdef int64_t total = 0, i = 0
    while i < n:
        total += i
        make_opaque(total)
        i += 1
    return total


cdef int64_t nothing() noexcept nogil:
    return 1


cdef int64_t checked_count(object n, str name, int64_t least) except -1:
    """``n`` as an int64 whose triangular number is one too."""
    cdef object count = PyNumber_Index(n)
    if not least <= count <= 1 << 32:
        raise ValueError(f"expected {name} from {least} to 2**32, found {count}")
    return count


cdef int64_t *open_counter(object buffer, object index, Py_buffer *view) except NULL:
    """The counter's address, in a ``view`` that the caller releases."""
    cdef object place = PyNumber_Index(index)
    open_buffer(buffer, view, "ql", sizeof(int64_t), PyBUF_WRITABLE)
    if not 0 <= place < view.shape[0]:
        found = view.shape[0]
        PyBuffer_Release(view)
        raise IndexError(f"expected an index from 0 to {found - 1}, found {place}")
    return <int64_t *> (<char *> view.buf + <Py_ssize_t> place * stride_of(view))


def add_atomic(buffer, index, n):
    """Increment an int64 counter n times, each time by one atomic instruction, the GIL released; its last value.

    Raises TypeError without the buffer protocol or for what is no integer, BufferError for a read-only buffer,
    ValueError for anything but one dimension of int64 or n outside 0..2**32, IndexError for an index beyond the
    buffer.
    """
    cdef Py_buffer view
    cdef int64_t times = checked_count(n, "n", 0), last
    cdef int64_t *counter = open_counter(buffer, index, &view)
    with nogil:
        increment_in_turn(counter, times)
        last = counter[0]
    PyBuffer_Release(&view)
    return last


def add_plain(buffer, index, n):
    """Increment an int64 counter n times, each time by a load and a store, the GIL released; its last value.

    Increments by other threads meanwhile may be lost, on either side. Raises TypeError without the buffer protocol or
    for what is no integer, BufferError for a read-only buffer, ValueError for anything but one dimension of int64 or
    n outside 0..2**32, IndexError for an index beyond the buffer.
    """
    cdef Py_buffer view
    cdef int64_t times = checked_count(n, "n", 0), last
    cdef int64_t *counter = open_counter(buffer, index, &view)
    with nogil:
        increment_plainly(counter, times)
        last = counter[0]
    PyBuffer_Release(&view)
    return last


def signature_only(n):
    """Sum of range(n) by a function declared ``nogil``, called without releasing the GIL: the declaration does not.

    Raises TypeError for what is no integer, ValueError for n outside 0..2**32.
    """
    cdef int64_t times = checked_count(n, "n", 0), total
    total = add_up(times)
    return total


def reacquire(n, every):
    """Sum of range(n) with the GIL released, but taken and released again after every ``every`` iterations.

    Raises TypeError for what is no integer, ValueError for n outside 0..2**32 or every outside 1..2**32.
    """
    cdef int64_t times = checked_count(n, "n", 0), period = checked_count(every, "every", 1)
    cdef int64_t total = 0, i = 0, left = period
    with nogil:
        while i < times:
            total += i
            make_opaque(total)
            i += 1
            left -= 1
            if left == 0:
                with gil:
                    pass
                left = period
    return total


def tiny_gil():
    """A call that does next to nothing, holding the GIL; 1. Raises nothing."""
    cdef int64_t done
    done = nothing()
    return done


def tiny_nogil():
    """A call that does next to nothing, with the GIL released; 1. Raises nothing."""
    cdef int64_t done
    with nogil:
        done = nothing()
    return done


def dependent_adds(n):
    """n additions in a register, each waiting for the one before, 16 a turn of the loop, the GIL released; n.

    Raises TypeError for what is no integer, ValueError for n outside 0..2**32.
    """
    cdef int64_t times = checked_count(n, "n", 0), total
    with nogil:
        total = add_in_a_chain(times)
    return total
