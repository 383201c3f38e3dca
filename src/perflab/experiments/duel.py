"""Times two functions of the user's own against each other; carried out by ``perflab duel``, never by a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from perflab.clock import monotonic_ns
from perflab.errors import CaseError
from perflab.model import STANDARD_QUANTITIES, Case, Design, Experiment, Observation, Quantity, Sample, Settings

SHOWN = 60
"""Characters of a returned value that are kept to tell people what differs."""


def design(settings: Settings) -> Design:
    """No cases of its own: the command brings them."""
    return Design(())


def probe(case: Case) -> Iterator[Sample]:
    """Load the target (a twin a second time), silence it, and time its calls; a sample also says what came back."""
    target = load(str(case.param("target")), twin=bool(case.param("twin")))
    with silenced():
        yield lambda count: timed(target, count)


def timed(target: Callable[[], Any], count: int) -> Mapping[str, Observation]:
    """``count`` calls; ns for one, ns for one call of an empty function in the same loop, and the last result."""
    started = monotonic_ns()
    for _ in range(count):
        result = target()
    took = monotonic_ns() - started
    started = monotonic_ns()
    for _ in range(min(count, 1000)):
        nothing()
    empty = (monotonic_ns() - started) / min(count, 1000)
    return {"wall_ns": took / count, "empty_ns": empty, "result": fingerprint(result)}


def nothing() -> None:
    """The least that a target can be."""


def load(name: str, twin: bool = False) -> Callable[[], Any]:
    """The callable that ``module:function`` names, the module executed once more for a twin.

    CaseError of kind "refused", in one line, for what cannot be a target: a name without a colon, a module that does
    not import, an attribute that is missing or not callable, a function that needs arguments.
    """
    from importlib import import_module

    module_name, colon, path = name.partition(":")
    if not (colon and module_name and path):
        raise _refused(f"target '{name}' is not of the form module:function, as in json:dumps")
    try:
        module = import_module(module_name)
        found: Any = again(module_name, module) if twin else module
    except BaseException as error:  # a module may raise anything while it is executed, also SystemExit
        raise _refused(f"module '{module_name}' does not import: {type(error).__name__}: {error}") from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise _refused(f"module '{module_name}' has no '{path}': name a callable that it has")
        found = getattr(found, part)
    if not callable(found):
        raise _refused(f"target '{name}' is a {type(found).__name__}, expected a callable without arguments")
    _refuse_arguments(name, found)
    target: Callable[[], Any] = found
    return target


def _refuse_arguments(name: str, target: Callable[..., Any]) -> None:
    import inspect

    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # compiled code may have none: its first call will tell
        return
    open_ended = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    asked = (one for one in signature.parameters.values() if one.kind not in open_ended)
    needed = [one.name for one in asked if one.default is one.empty]
    if needed:
        raise _refused(f"target '{name}' needs arguments ({', '.join(needed)}): wrap it in a function without any")


def again(name: str, module: Any) -> Any:
    """The module executed a second time from its file; a compiled one from a copy, since a file is loaded once."""
    import importlib.util
    import shutil
    import tempfile
    from pathlib import Path

    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None or not spec.origin:
        return module
    origin = spec.origin
    if origin.endswith((".so", ".pyd")):
        copy = Path(tempfile.mkdtemp()) / Path(origin).name
        shutil.copyfile(origin, copy)
        spec = importlib.util.spec_from_file_location(name, copy)
    elif not origin.endswith(".py"):
        return module
    assert spec is not None
    assert spec.loader is not None
    twin = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(twin)
    return twin


class silenced:
    """What the target writes to stdout and stderr goes nowhere while the block runs, by whatever means it writes."""

    def __enter__(self) -> None:
        import os

        self._kept = [(fd, os.dup(fd)) for fd in (1, 2)]
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for fd, _ in self._kept:
            os.dup2(nowhere, fd)
        os.close(nowhere)

    def __exit__(self, *error: object) -> None:
        import os

        for fd, kept in self._kept:
            os.dup2(kept, fd)
            os.close(kept)


def fingerprint(result: Any) -> str:
    """A text that is equal for equal results: floats to nine digits, the rest by pickle or repr."""
    import pickle
    from hashlib import sha256

    if isinstance(result, float):
        return f"{result:.9g}"
    try:
        data = pickle.dumps(result, protocol=4)
    except Exception:
        data = _repr_of(result).encode()
    shown = _repr_of(result)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}… #{sha256(data).hexdigest()[:12]}"


def _repr_of(result: Any) -> str:
    """The repr without addresses; of an object without one of its own only the type can be compared."""
    own: Any = type(result).__repr__
    plain = callable(result) or own is object.__repr__
    return f"a {type(result).__qualname__}" if plain else repr(result)


def _refused(message: str) -> CaseError:
    error = CaseError(message)
    error.kind = "refused"
    return error


EXPERIMENT = Experiment(
    name="duel",
    question="Is one function slower than another?",
    design=design,
    probe=probe,
    quantities=(
        *STANDARD_QUANTITIES,
        Quantity("empty_ns", "ns", "one call of an empty function in the same loop"),
        Quantity("result", "", "what the last call returned"),
    ),
    listed=False,
)
