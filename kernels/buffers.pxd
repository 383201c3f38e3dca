"""Inline code shared by the kernels: one-dimensional buffers and bounds, checked before any C loop runs.

Nothing here may be a non-inline function or an extension type: those would be imported at run time from a module
that does not exist. ``Py_buffer`` rather than typed memoryviews: the messages are ours, and the generated C is a tenth.
"""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDED_RO, PyBuffer_Release, PyObject_CheckBuffer, PyObject_GetBuffer
from cpython.number cimport PyNumber_Index
from libc.stdint cimport uintptr_t

cdef struct Span:
    const char *first
    Py_ssize_t stride   # in bytes, negative for a reversed view
    Py_ssize_t count


cdef inline int open_buffer(object buffer, Py_buffer *view, str codes, Py_ssize_t itemsize, int flags) except -1:
    """Fill ``view`` with a 1-D buffer of native, aligned elements whose format is one of ``codes``.

    The caller releases it. TypeError without the buffer protocol, ValueError for another format, rank or alignment.
    """
    if not PyObject_CheckBuffer(buffer):
        raise TypeError(
            f"expected an object with the buffer protocol (array, memoryview, numpy array), found "
            f"{type(buffer).__name__}: wrap its numbers in array.array({codes[0]!r}, ...)"
        )
    PyObject_GetBuffer(buffer, view, PyBUF_STRIDED_RO | PyBUF_FORMAT | flags)
    try:
        check_elements(view, codes, itemsize)
    except ValueError:
        PyBuffer_Release(view)
        raise
    return 0


cdef inline int check_elements(const Py_buffer *view, str codes, Py_ssize_t itemsize) except -1:
    cdef str found = "B" if view.format == NULL else view.format.decode("latin-1")
    cdef str code = found[1:] if found[:1] in ("@", "=", native_order()) else found
    if view.itemsize != itemsize or len(code) != 1 or code not in codes:
        raise ValueError(
            f"expected elements of {itemsize} bytes with format {codes[0]!r} in native byte order, found format "
            f"{found!r} of {view.itemsize} bytes: convert them first"
        )
    if view.ndim != 1:
        raise ValueError(f"expected one dimension, found {view.ndim}: pass a 1-D view such as array.reshape(-1)")
    # An empty buffer may point anywhere, and the stride of a single element is never used.
    if view.shape[0] and (<uintptr_t> view.buf % itemsize or (view.shape[0] > 1 and stride_of(view) % itemsize)):
        raise ValueError(f"expected elements aligned to {itemsize} bytes, found them in between: copy them first")
    return 0


cdef inline Py_ssize_t stride_of(const Py_buffer *view) noexcept:
    """In bytes. ctypes, hence RawArray, leaves strides NULL for contiguous arrays even where strides are asked for."""
    return view.itemsize if view.strides == NULL else view.strides[0]


cdef inline str native_order():
    """Struct's sign for this machine's byte order."""
    cdef int one = 1
    return "<" if (<char *> &one)[0] else ">"


cdef inline Span select(const Py_buffer *view, object start, object stop) except *:
    """The elements from ``start`` up to ``stop`` (None: the end).

    IndexError where they reach beyond the buffer, ValueError where stop lies before start; neither is clipped,
    because a part that was silently shortened would be timed as if it were whole.
    """
    cdef Py_ssize_t length = view.shape[0]
    cdef object first = PyNumber_Index(start)
    cdef object last = length if stop is None else PyNumber_Index(stop)
    cdef Span span
    if first < 0 or last < 0 or first > length or last > length:
        raise IndexError(f"expected 0 <= start <= stop <= {length}, found start={first}, stop={last}")
    if last < first:
        raise ValueError(f"expected start <= stop, found start={first}, stop={last}")
    span.stride = stride_of(view)
    span.first = <const char *> view.buf + <Py_ssize_t> first * span.stride
    span.count = <Py_ssize_t> last - <Py_ssize_t> first
    return span
