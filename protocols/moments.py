"""A time on a wire or in a file: never without its zone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from pydantic import AwareDatetime

Moment: TypeAlias = Annotated[datetime, AwareDatetime, msgspec.Meta(tz=True)]
"""Aware, for pydantic and for msgspec, which both refuse one without a zone."""
