"""What all tests share: hypothesis without deadlines, because no test may judge absolute time."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("local", deadline=None)
# A gate must say the same twice: in CI the examples are drawn from each test's name, not from the clock.
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")
