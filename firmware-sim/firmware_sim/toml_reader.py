"""Reads TOML tables key by key and remembers every problem instead of stopping at the first. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

_T = TypeVar("_T")
_MISSING: Any = object()


class Table:
    """A TOML table at a place such as `stations[2]`; keys that nobody took are problems too."""

    def __init__(self, raw: Mapping[str, Any], place: str, problems: list[str]) -> None:
        self._raw = raw
        self._place = place
        self._problems = problems
        self._taken: set[str] = set()
        self._marks: tuple[set[str], ...] = (self._taken,)
        self._children: dict[str, list[Table]] = {}

    def __bool__(self) -> bool:
        return bool(self._raw)

    def problem(self, key: str, what: str) -> None:
        """Note a problem with a key."""
        place = f"{self._place}.{key}" if self._place else key
        self._problems.append(f"{place}: {what}")

    def take(self, key: str, kind: type[_T], default: Any = _MISSING) -> Any:
        """The value of a key when it is of that kind, else the default; None after a problem."""
        self._mark(key)
        if key not in self._raw:
            if default is _MISSING:
                self.problem(key, "is missing")
                return kind() if kind in (str, int, bool) else None
            return default
        value = self._raw[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.problem(key, f"should be {kind.__name__}, is {type(value).__name__}")
            return kind() if kind in (str, int, bool) else None
        return value

    def text(self, key: str, default: Any = _MISSING) -> str:
        """Text; without a default it may not be empty."""
        value: str = self.take(key, str, default)
        if value == "" and default is _MISSING and self._raw.get(key) == "":
            self.problem(key, "is empty")
        return value

    def texts(self, key: str, default: Any = _MISSING) -> tuple[str, ...]:
        """A list of text that is not empty."""
        value = self.take(key, list, default) or ()
        if not value or not all(isinstance(each, str) and each for each in value):
            self.problem(key, "should be a list of text")
            return ()
        return tuple(value)

    def words(self, key: str) -> tuple[str, ...]:
        """A list of text that may be missing or empty."""
        value = self.take(key, list, []) or ()
        if not all(isinstance(each, str) for each in value):
            self.problem(key, "should be a list of text")
            return ()
        return tuple(value)

    def number(self, key: str, default: Any = _MISSING, *, minimum: int, maximum: int | None = None) -> int:
        """A whole number within bounds."""
        value: int = self.take(key, int, default)
        if (
            key in self._raw
            and isinstance(value, int)
            and (value < minimum or (maximum is not None and value > maximum))
        ):
            upper = "" if maximum is None else f" and at most {maximum}"
            self.problem(key, f"should be at least {minimum}{upper}, is {value}")
            return minimum
        return value

    def choice(self, key: str, choices: Collection[_T], default: Any = _MISSING) -> _T:
        """One of the choices; the first of them after a problem."""
        self._mark(key)
        value = self._raw.get(key, default)
        if value is _MISSING:
            self.problem(key, "is missing")
        elif value not in choices:
            self.problem(key, f"should be one of {', '.join(map(str, choices))}, is {value!r}")
        else:
            return next(each for each in choices if each == value)
        return next(iter(choices))

    def table(self, key: str) -> Table:
        """A table below; empty when it is not there."""
        if key not in self._children:
            self._children[key] = [Table(self.take(key, dict, {}) or {}, self._at(key), self._problems)]
        return self._children[key][0]

    def tables(self, key: str, *, required: bool = False) -> list[Table]:
        """An array of tables below."""
        if key not in self._children:
            raw = self.take(key, list, _MISSING if required else []) or []
            good = [each for each in raw if isinstance(each, dict)]
            if len(good) < len(raw) or (required and key in self._raw and not raw):
                self.problem(key, f"should be tables, [[{key}]]")
            self._children[key] = [
                Table(each, f"{self._at(key)}[{number}]", self._problems) for number, each in enumerate(good)
            ]
        return self._children[key]

    def over(self, defaults: Table) -> Table:
        """This table with the defaults behind it; what is taken from it is taken from both."""
        both = Table({**defaults._raw, **self._raw}, self._place, self._problems)
        both._marks = (self._taken, defaults._taken)
        return both

    def finish(self) -> None:
        """Note the keys that nobody took, here and below."""
        for key in self._raw:
            if key not in self._taken:
                self.problem(key, "is not known here")
        for children in self._children.values():
            for child in children:
                child.finish()

    def _mark(self, key: str) -> None:
        for taken in self._marks:
            taken.add(key)

    def _at(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key
