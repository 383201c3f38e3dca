"""What the hardware allows: a loop that only loads, and one that only adds.

A sum can be no faster than both. The twins differ in one line, who holds the GIL; the functions without a suffix hold
it for less than 32 KiB, or 2048 rounds, and release it for more.

Thread-safety: no state; any number of threads may call them. A running call can't be interrupted by Ctrl-C.
"""

from cpython.buffer cimport PyBuffer_Release
from cpython.number cimport PyNumber_Index
from cpython.unicode cimport PyUnicode_AsUTF8
from libc.stdint cimport uint64_t

from buffers cimport open_buffer, stride_of

from os import environ

cdef extern from "ceilings.h" nogil:
    struct span:
        const char *first
        Py_ssize_t stride
        Py_ssize_t count

    struct kernels:
        const char *name
        uint64_t (*load_only)(span) noexcept nogil
        double (*arithmetic)(uint64_t) noexcept nogil

    const kernels **level_found
    const kernels *level_chosen
    const int levels_found
    void find_levels() noexcept
    const kernels *level_named(const char *) noexcept
    void choose_level(const kernels *) noexcept

include "levels.pxi"


cdef enum:
    RELEASE_FROM = 4096     # words of 8 bytes
    RELEASE_ROUNDS = 2048


cdef int open_words(object buffer, Py_buffer *view, span *words) except -1:
    """Fill ``view``, which the caller releases, and ``words``, all that it shows."""
    open_buffer(buffer, view, "dqlQL", sizeof(uint64_t), 0)
    words.first = <const char *> view.buf
    words.stride = stride_of(view)
    words.count = view.shape[0]
    return 0


cdef uint64_t checked_rounds(object n) except? 0:
    cdef object rounds = PyNumber_Index(n)
    if not 0 <= rounds < 1 << 48:
        raise ValueError(f"expected from 0 to 2**48 - 1 rounds, found {rounds}")
    return rounds


def load_only(buffer, level=None):
    """The exclusive or of all elements of 8 bytes (float64, int64, uint64), each loaded once; an unsigned integer.

    One cheap operation a load, so that nothing but loading takes time; it can't be left out either, since the answer
    tells. Raises TypeError without the buffer protocol, ValueError for another element type, rank, byte order or
    alignment and for a level that is not there.
    """
    cdef Py_buffer view
    cdef span words
    cdef const kernels *kernel = table(level)
    cdef uint64_t found
    open_words(buffer, &view, &words)
    if words.count >= RELEASE_FROM:
        with nogil:
            found = kernel.load_only(words)
    else:
        found = kernel.load_only(words)
    PyBuffer_Release(&view)
    return found


def load_only_gil(buffer, level=None):
    """As load_only, always holding the GIL. Raises what it raises."""
    cdef Py_buffer view
    cdef span words
    cdef const kernels *kernel = table(level)
    cdef uint64_t found
    open_words(buffer, &view, &words)
    found = kernel.load_only(words)
    PyBuffer_Release(&view)
    return found


def load_only_nogil(buffer, level=None):
    """As load_only, always with the GIL released. Raises what it raises."""
    cdef Py_buffer view
    cdef span words
    cdef const kernels *kernel = table(level)
    cdef uint64_t found
    open_words(buffer, &view, &words)
    with nogil:
        found = kernel.load_only(words)
    PyBuffer_Release(&view)
    return found


def arithmetic(n, level=None):
    """n rounds of 16 additions of float64 vectors in twelve chains, without memory; how many numbers were added.

    Half of the additions may be fused multiply-adds, so that adders and multipliers are busy where they are apart.
    Raises TypeError for anything but an integer, ValueError beyond 2**48 rounds and for a level that is not there.
    """
    cdef const kernels *kernel = table(level)
    cdef uint64_t rounds = checked_rounds(n)
    cdef double added
    if rounds >= RELEASE_ROUNDS:
        with nogil:
            added = kernel.arithmetic(rounds)
    else:
        added = kernel.arithmetic(rounds)
    return added


def arithmetic_gil(n, level=None):
    """As arithmetic, always holding the GIL. Raises what it raises."""
    cdef const kernels *kernel = table(level)
    cdef uint64_t rounds = checked_rounds(n)
    cdef double added
    added = kernel.arithmetic(rounds)
    return added


def arithmetic_nogil(n, level=None):
    """As arithmetic, always with the GIL released. Raises what it raises."""
    cdef const kernels *kernel = table(level)
    cdef uint64_t rounds = checked_rounds(n)
    cdef double added
    with nogil:
        added = kernel.arithmetic(rounds)
    return added
