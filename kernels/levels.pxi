# Which level a module's kernels run at; included where `kernels` and the functions of dispatch.h have been declared.


def level():
    """The name of the instruction set in use: "v4" (AVX-512), "v3" (AVX2), "baseline" or "scalar" (no vectors).

    Chosen at import: the best that this processor has, or what the environment variable PERFLAB_KERNELS says. Raises
    nothing; it was the import that raised ImportError where the variable names a level that is not there.
    """
    return level_chosen.name.decode()


def levels():
    """The names of all levels that can run here, best first; the functions take them as ``level``. Raises nothing."""
    return tuple([level_found[i].name.decode() for i in range(levels_found)])


cdef const kernels *table(object name) except NULL:
    """The kernels of a level; of the one chosen at import for None."""
    cdef const kernels *found
    if name is None:
        return level_chosen
    if not isinstance(name, str):
        raise TypeError(f"expected the name of a level or None, found {type(name).__name__}: pass one of {levels()}")
    found = level_named(PyUnicode_AsUTF8(name))
    if found == NULL:
        raise ValueError(f"expected a level that can run here, one of {', '.join(levels())}, found {name!r}")
    return found


cdef int choose() except -1:
    """Once, at import."""
    find_levels()
    forced = environ.get("PERFLAB_KERNELS")
    if forced:
        try:
            choose_level(table(forced))
        except ValueError as error:
            raise ImportError(f"PERFLAB_KERNELS: {error}: set another or none") from None
    return 0


choose()
