"""What all tests share: hypothesis without deadlines, as no test may judge absolute time; no job to tell; Ctrl-C."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

settings.register_profile("local", deadline=None)
# A gate must say the same twice: in CI the examples are drawn from each test's name, not from the clock.
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")

# What tests check and duel is no news of the job that they run in: it would stand in its summary.
for name in ("GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
    os.environ.pop(name, None)

# What a shell starts in the background has Ctrl-C ignored, and so would the labs that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
