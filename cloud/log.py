"""Log lines: an event name and key=value, on stderr. Never an IdToken, key or password."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_log() -> None:
    """One line an event; what libraries have to say comes from WARNING on."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="level=%(levelname)s event=%(name)s %(message)s"
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
