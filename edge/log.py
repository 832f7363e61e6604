"""Log lines: an event name plus key=value, to standard error. Never an IdToken, key or password in clear."""

from __future__ import annotations

import logging
import sys
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import structlog

from edge.ports import Clock


def set_up(level: str, form: Literal["text", "json"], clock: Clock) -> None:
    """Configure structlog once, for this process; lines carry site time."""

    def stamp(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        now: datetime = clock()
        words = {key: str(value) if isinstance(value, StrEnum) else value for key, value in event.items()}
        return {"at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"), **words}

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            stamp,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer()
            if form == "json"
            else structlog.processors.KeyValueRenderer(key_order=["at", "level", "event"], drop_missing=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries speak through logging; only what is wrong with them is of interest here.
    logging.basicConfig(
        stream=sys.stderr, level=logging.ERROR, format="level='error' event='%(name)s' text='%(message)s'"
    )
