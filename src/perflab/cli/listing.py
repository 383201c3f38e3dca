"""What there is, for ``list`` and ``--version``: nothing heavy is imported to say it."""

from __future__ import annotations

import textwrap
from typing import Any

from perflab.errors import BadInput

WIDTH = 80


def catalogue() -> dict[str, Any]:
    """The document of ``list --json``: claims are those of the default plan on this machine."""
    from perflab import registry

    return {
        "schema": "perflab.list/1",
        "experiments": _experiments(),
        "strategies": [
            {"name": one.name, "summary": one.summary, "workers": one.workers, "memory": one.memory}
            for one in registry.strategies().values()
        ],
        "workloads": [
            {"name": one.name, "summary": one.summary, "implementations": list(one.implementations)}
            for one in registry.workloads().values()
        ],
        "kernels": [{"name": name} for name in registry.kernels()],
    }


def as_text(found: dict[str, Any]) -> str:
    """The catalogue for people, within 80 columns."""
    lines = [f"Experiments ({len(found['experiments'])}): perflab run NAME"]
    for experiment in found["experiments"]:
        lines += ["", f"  {experiment['name']}: {experiment['question']}"]
        lines += [line for claim in experiment["claims"] for line in _claim_lines(claim)]
    for kind in ("strategies", "workloads", "kernels"):
        lines += ["", f"{kind.capitalize()} ({len(found[kind])})"]
        lines += [line for one in found[kind] for line in _wrapped(_named(one), "  ", "      ")]
    return "\n".join(line for long in lines for line in (_wrapped(long, "", "    ") if long else [""]))


def versions() -> str:
    """The line that people paste into issues: perflab, Python with the state of its GIL, system, kernels, numpy."""
    import platform

    from perflab import __version__, environment

    gil = environment.gil()
    state = "with the GIL" if gil["enabled"] else "GIL off"
    build = ", free-threaded build" if gil["disabled_build"] else ""
    return (
        f"perflab {__version__}, {platform.python_implementation()} {platform.python_version()} ({state}{build}), "
        f"{platform.system()} {platform.machine()}, kernels {_level()}, "
        f"numpy {environment.version_of('numpy') or 'missing'}"
    )


def _level() -> str:
    """The instruction set that the sums run at; BadInput where PERFLAB_KERNELS asks for one that is not there."""
    try:
        from perflab.kernels import sums
    except ImportError as error:
        raise BadInput(str(error)) from None
    return sums.level()


def _experiments() -> list[dict[str, Any]]:
    from perflab import registry
    from perflab.cli.settings import of_this_machine

    settings = of_this_machine("default")
    return [
        {
            "name": experiment.name,
            "question": experiment.question,
            "claims": [
                {"id": claim.id, "sentence": claim.sentence, "seed": list(claim.seed)}
                for claim in experiment.design(settings).claims
            ],
        }
        for experiment in registry.experiments().values()
    ]


def _claim_lines(claim: dict[str, Any]) -> list[str]:
    seed = f" [{', '.join(claim['seed'])}]" if claim["seed"] else ""
    return _wrapped(f"{claim['id']}: {claim['sentence']}{seed}", "    - ", "      ")


def _named(one: dict[str, Any]) -> str:
    return f"{one['name']}: {one['summary']}" if one.get("summary") else str(one["name"])


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    indent = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(
        text.lstrip(),
        WIDTH,
        initial_indent=indent + first,
        subsequent_indent=indent + rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
