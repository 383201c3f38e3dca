"""The command line's way in and out: arguments to a command, and whatever happens to an exit status and one line.

    0    done                                    130  interrupted
    2    usage or bad input                      141  whoever read the output has left
    3    an experiment or case failed

click would exit with 1 on Ctrl-C and on a closed pipe, where 1 has a meaning of its own here; hence this driver.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from perflab.errors import BadInput, PerflabError

DONE, BAD_INPUT, FAILED, INTERRUPTED, READER_LEFT = 0, 2, 3, 130, 141
_COMPLETE = "_PERFLAB_COMPLETE"


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command line (``sys.argv`` by default), return its exit status; a defect of perflab raises."""
    from perflab.cli.commands import perflab

    if _COMPLETE in os.environ:
        from click.shell_completion import shell_complete

        return shell_complete(perflab, {}, "perflab", _COMPLETE, os.environ[_COMPLETE])
    _write_what_can_be_written()
    try:
        return _invoke(perflab, list(sys.argv[1:] if argv is None else argv))
    except BrokenPipeError:
        _forget_output()
        return READER_LEFT


def _invoke(command: click.Command, arguments: list[str]) -> int:
    try:
        with command.make_context("perflab", arguments) as context:
            status = command.invoke(context)
            return status if isinstance(status, int) else DONE
    except click.exceptions.Exit as exit:
        return exit.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _complain("interrupted", INTERRUPTED)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "perflab"
        return _complain(f"{error.format_message().rstrip('.')} (see '{where} --help')", BAD_INPUT)
    except click.ClickException as error:
        return _complain(error.format_message(), BAD_INPUT)
    except PerflabError as error:
        return _complain(str(error), BAD_INPUT if isinstance(error, BadInput) else FAILED)


def _complain(message: str, status: int) -> int:
    """One line on stderr, whatever the message was made of."""
    click.echo(f"perflab: {' '.join(message.split())}", err=True)
    return status


def _write_what_can_be_written() -> None:
    """A ✔ becomes a ? on a terminal that has no such letter, instead of an error after all the measuring."""
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, "errors", "") == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _forget_output() -> None:
    """Let the interpreter's last flush go nowhere, instead of complaining about the closed pipe again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(nowhere, stream.fileno())
        except (OSError, ValueError):  # a stream of a test's or an embedding program's own
            continue
    os.close(nowhere)
