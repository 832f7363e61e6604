"""Which part of a file a request wants (RFC 9110 §14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_ONE: Final = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes from `start` to before `stop`, at least one."""

    start: int
    stop: int


class Unsatisfiable(Exception):
    """No byte of the file is in the range: 416."""


def wanted_part(header: str | None, size_bytes: int) -> Part | None:
    """The part that a Range header names, None for the whole file. Raises Unsatisfiable.

    What is no single range of bytes is ignored, as a server may: the whole file is right for everyone.
    """
    match = _ONE.fullmatch(header) if header is not None else None
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        suffix_bytes = int(match[2])
        if suffix_bytes == 0 or size_bytes == 0:
            raise Unsatisfiable
        return Part(max(0, size_bytes - suffix_bytes), size_bytes)
    first = int(match[1])
    last = int(match[2]) if match[2] else size_bytes - 1
    if match[2] and last < first:
        return None  # no range at all, says the RFC
    if first >= size_bytes:
        raise Unsatisfiable
    return Part(first, min(last, size_bytes - 1) + 1)
