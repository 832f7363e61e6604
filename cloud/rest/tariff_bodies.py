"""A tariff in a request's body, for every resource that takes one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cloud.rest.problems import Problem
from cloud.store.tariffs import TARIFF
from protocols.ocpi.tariff import Tariff
from protocols.ocpi.tariff_document import BadTariff, read_tariff


def read(document: dict[str, Any], now: datetime) -> Tariff:
    """`now` is its `last_updated` where it says none. Raises Problem 422 with every problem of the document."""
    try:
        tariff = read_tariff({"last_updated": now, **document})
    except BadTariff as error:
        raise _bad(error.problems) from error
    if not all(character.isprintable() for character in tariff.id) or "/" in tariff.id:
        raise _bad([f"id {tariff.id!r} has a character that no path can hold"])
    if b"\\u0000" in TARIFF.dump_json(tariff):
        raise _bad(["a NUL character is no part of any text"])
    return tariff


def _bad(problems: Sequence[str]) -> Problem:
    errors = [{"field": "body", "message": problem} for problem in problems]
    return Problem(422, "bad_tariff", "No tariff can be made of this document.", errors=errors)
