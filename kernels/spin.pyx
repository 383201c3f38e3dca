"""Spin until another thread sets a flag: the proof, without a clock, of who can run meanwhile.

A flag is a writable one-element int32 buffer, such as ``array.array("i", [0])``; set means not zero. While
``wait_nogil`` spins another Python thread can set it. While ``wait_gil`` spins none can, on an interpreter with a GIL:
without a limit on its spins it never returns.

Thread-safety: the flag is read atomically; any number of threads may wait for it.
"""

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release
from cpython.number cimport PyNumber_Index
from libc.stdint cimport INT64_MAX, int32_t, int64_t

from buffers cimport open_buffer

cdef extern from "opaque.h":
    int32_t load_flag(const int32_t *pointer) noexcept nogil


cdef bint spin(const int32_t *flag, int64_t most) noexcept nogil:
    cdef int64_t _
    for _ in range(most):
        if load_flag(flag):
            return True
    return load_flag(flag) != 0


cdef int64_t checked_spins(object most) except -1:
    """As many spins as ``most`` says; None says 2**63 - 1, which is centuries."""
    cdef object spins = INT64_MAX if most is None else PyNumber_Index(most)
    if not 0 <= spins <= INT64_MAX:
        raise ValueError(f"expected max_spins from 0 to 2**63 - 1 or None, found {spins}")
    return spins


cdef int open_flag(object flag, Py_buffer *view) except -1:
    open_buffer(flag, view, "il", sizeof(int32_t), PyBUF_WRITABLE)
    if view.shape[0] != 1:
        found = view.shape[0]
        PyBuffer_Release(view)
        raise ValueError(f"expected a flag of one int32, found {found} elements: pass array('i', [0])")
    return 0


def wait_gil(flag, max_spins=None):
    """Spin, holding the GIL, until ``flag[0]`` is not zero: True; or False after ``max_spins`` looks in vain.

    Raises TypeError without the buffer protocol, ValueError for anything but one int32 or for a negative limit,
    BufferError for a read-only flag.
    """
    cdef Py_buffer view
    cdef int64_t most = checked_spins(max_spins)
    cdef bint seen
    open_flag(flag, &view)
    try:
        seen = spin(<const int32_t *> view.buf, most)
    finally:
        PyBuffer_Release(&view)
    return seen


def wait_nogil(flag, max_spins=None):
    """Spin, with the GIL released, until ``flag[0]`` is not zero: True; or False after ``max_spins`` looks in vain.

    Raises TypeError without the buffer protocol, ValueError for anything but one int32 or for a negative limit,
    BufferError for a read-only flag.
    """
    cdef Py_buffer view
    cdef int64_t most = checked_spins(max_spins)
    cdef bint seen
    open_flag(flag, &view)
    try:
        with nogil:
            seen = spin(<const int32_t *> view.buf, most)
    finally:
        PyBuffer_Release(&view)
    return seen
