"""Fails where a test was skipped in every job that has it: such a test guards nothing, whatever its file promises.

    python .ci/skipped.py JOB.xml...

Each file is what ``pytest --junit-xml`` wrote in one job. A test runs if any job ran it. Exit status 1 names those that
none ran, each with the reason that it gave; a reason in :data:`ALLOWED` is a machine's, not an omission of the gate.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

ALLOWED = {
    r"AVX2 is x86-64's": "the machine of the gate may be an ARM",
    r"one processor: one thread is always as good": "the machine of the gate may have a single core",
    r"needs two cores": "likewise",
    r"\w+ is not installed: pip install perflab\[peers\]": "packages to compare with, not perflab's own",
    r".* is stripped of its symbols": "an installation may strip what it compiles; the loop's time is judged instead",
}
"""Patterns of whole reasons, and why no job of the gate can be asked to run what gives them."""

Test = tuple[str, str]
"""The class or module that pytest names, and the test; "" and a module's name where all of it was skipped."""


def tests_of(job: Path) -> Iterator[tuple[Test, str | None]]:
    """Each test of a job with the reason for which it was skipped, None for one that ran."""
    for case in ElementTree.parse(job).iter("testcase"):
        skipped = case.find("skipped")
        reason = None if skipped is None else re.sub(r"^Skipped: ", "", reason_of(skipped))
        yield (case.get("classname", ""), case.get("name", "")), reason


def reason_of(skipped: ElementTree.Element) -> str:
    """What a test said; a module that was skipped as a whole keeps that in the element's text."""
    message = skipped.get("message", "")
    text = re.search(r"'Skipped: (.*)'\)$", skipped.text or "")
    return text[1] if message == "collection skipped" and text else message


def never_run(jobs: Iterable[Path]) -> dict[Test, str]:
    """The tests that no job ran, each with its last reason."""
    ran, skipped = set[Test](), dict[Test, str]()
    for test, reason in (found for job in jobs for found in tests_of(job)):
        if reason is None:
            ran |= {test, ("", test[0])}
        else:
            skipped[test] = reason
    return {test: reason for test, reason in skipped.items() if test not in ran}


def allowed(reason: str) -> bool:
    """Whether the reason is a machine's."""
    return any(re.fullmatch(f"{pattern}.*", reason) for pattern in ALLOWED)


def main(jobs: list[Path]) -> int:
    """Print what no job ran; 1 if that is not allowed, or if a job has no tests to speak of."""
    empty = [job for job in jobs if not any(True for _ in tests_of(job))]
    guards_nothing = {test: reason for test, reason in never_run(jobs).items() if not allowed(reason)}
    for job in empty:
        print(f"{job} names no test: expected what pytest --junit-xml writes")
    for (place, name), reason in sorted(guards_nothing.items()):
        print(f"no job ran {'::'.join(filter(None, (place, name)))}: {reason}")
    return 1 if empty or guards_nothing or not jobs else 0


if __name__ == "__main__":
    sys.exit(main([Path(job) for job in sys.argv[1:]]))
