"""Every word that the standard itself has: names of actions and fields, and the values of its lists, of all versions.

Like `schema`, this reads the files of the `ocpp` package, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson

_FOLDERS: Final = ("v16", "v201", "v21")


@cache
def words() -> frozenset[str]:
    """Takes some 50 ms the first time."""
    return frozenset(word for folder in _FOLDERS for word in _words_in(folder))


def _words_in(folder: str) -> Iterator[str]:
    for file in files("ocpp").joinpath(folder, "schemas").iterdir():
        if file.name.endswith(".json"):
            yield file.name.removesuffix(".json").removesuffix("Request").removesuffix("Response")
            yield from _words_of(orjson.loads(file.read_text("utf-8-sig")))


def _words_of(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for inner in schema:
            yield from _words_of(inner)
    if not isinstance(schema, dict):
        return
    properties = schema.get("properties")
    if isinstance(properties, dict):
        yield from properties
    values = schema.get("enum")
    if isinstance(values, list):
        yield from (value for value in values if isinstance(value, str))
    for inner in schema.values():
        yield from _words_of(inner)
