"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# A loaded machine is no finding, and the same inputs are tried at every run.
settings.register_profile("ohmstead", deadline=None, derandomize=True)
settings.load_profile("ohmstead")
