"""Everything the lab raises on purpose.

PerflabError             one line: what was found, what was expected, what to do
├── BadInput             usage, sizes, names, files: exit status 2
│   └── BadRun           a stored run that cannot be read: corrupt, foreign, newer
└── CaseError            costs one case, never the run
    ├── WrongAnswer      the answer is not the oracle's
    ├── HostDied         the process ended before it answered
    └── HostHung         no answer within the hard limit
"""

from __future__ import annotations

from typing import Literal

FailureKind = Literal["raised", "wrong", "hung", "died", "refused"]


class PerflabError(Exception):
    """The root of what is raised on purpose; its text is fit to be shown to a user."""


class BadInput(PerflabError):
    """Something given to the lab cannot be used."""


class BadRun(BadInput):
    """A stored run is corrupt, foreign, or from a newer perflab."""


class CaseError(PerflabError):
    """One case cannot be measured; ``detail`` carries a traceback or a stack dump."""

    kind: FailureKind = "raised"

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class WrongAnswer(CaseError):
    """A sample's answer differs from the oracle's."""

    kind: FailureKind = "wrong"


class HostDied(CaseError):
    """A host ended before it answered."""

    kind: FailureKind = "died"


class HostHung(CaseError):
    """A host gave no answer within the hard limit; ``detail`` holds the stacks."""

    kind: FailureKind = "hung"
