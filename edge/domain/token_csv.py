"""A token list as CSV: every problem is named with its line, and a list with a problem is not taken at all.

The first line names the columns: uid and contract_id, and as wanted type, valid, group_id, expires_at, visual_number,
language, concurrent.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Protocol

from protocols.ocpi.token import Token, TokenType, token_key

COLUMNS = (
    "uid",
    "contract_id",
    "type",
    "valid",
    "group_id",
    "expires_at",
    "visual_number",
    "language",
    "concurrent",
)
REQUIRED = ("uid", "contract_id")
MAX_UID = 36


class _Reader(Protocol):
    """csv.reader, whose type cannot be named."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_tokens(text: str) -> tuple[tuple[Token, ...], tuple[str, ...]]:
    """The tokens of a CSV text, and its problems; with a problem the tokens are not to be used."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=None), skipinitialspace=True, strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        problems = _column_problems(columns)
        tokens, found = ({}, []) if problems else _rows(reader, columns)
    except csv.Error as error:
        return (), (f"line {reader.line_num}: {error}",)
    problems += found
    if not tokens and not problems:
        problems.append("there is no token in the list")
    return tuple(tokens.values()), tuple(problems)


def _column_problems(columns: list[str]) -> list[str]:
    problems = [f"line 1: there is no column {name!r}" for name in REQUIRED if name not in columns]
    for name in columns:
        if name not in COLUMNS:
            problems.append(f"line 1: column {name!r} is not known; known are {', '.join(COLUMNS)}")
        elif columns.count(name) > 1:
            problems.append(f"line 1: column {name!r} stands there twice")
    return problems


def _rows(reader: _Reader, columns: list[str]) -> tuple[dict[str, Token], list[str]]:
    tokens: dict[str, Token] = {}
    first_at: dict[str, int] = {}
    problems: list[str] = []
    for values in reader:
        if not values:
            continue
        line = reader.line_num
        if len(values) > len(columns):
            problems.append(f"line {line}: more values than columns")
        padded = [*values, *[""] * len(columns)]
        token, found = _token({name: value.strip() for name, value in zip(columns, padded, strict=False)})
        problems += [f"line {line}: {problem}" for problem in found]
        if token is None:
            continue
        if (before := first_at.setdefault(token.key, line)) != line:
            problems.append(f"line {line}: uid stands in line {before} already")
        tokens[token.key] = token
    return tokens, problems


def _token(row: Mapping[str, str]) -> tuple[Token | None, list[str]]:
    problems = []
    uid = row["uid"]
    if not token_key(uid) or len(uid) > MAX_UID or not uid.isprintable():
        problems.append(f"uid must be 1 to {MAX_UID} printable characters")
    if not row["contract_id"] or len(row["contract_id"]) > MAX_UID:
        problems.append(f"contract_id must be 1 to {MAX_UID} characters")
    kind = row.get("type") or TokenType.RFID
    if kind not in list(TokenType):
        problems.append(f"type {kind!r} is not one of {', '.join(TokenType)}")
    flags = {}
    for name, default in (("valid", "true"), ("concurrent", "false")):
        word = (row.get(name) or default).lower()
        if word not in _WORDS:
            problems.append(f"{name} must be true or false, not {word!r}")
        flags[name] = _WORDS.get(word, False)
    expires_at = None
    if stamp := row.get("expires_at"):
        try:
            expires_at = datetime.fromisoformat(stamp)
        except ValueError:
            problems.append(f"expires_at {stamp!r} is not an ISO 8601 time")
        if expires_at is not None and expires_at.tzinfo is None:
            problems.append(f"expires_at {stamp!r} has no time zone; add Z or an offset")
    if problems:
        return None, problems
    return (
        Token(
            uid=uid,
            contract_id=row["contract_id"],
            type=TokenType(kind),
            valid=flags["valid"],
            concurrent=flags["concurrent"],
            group_id=row.get("group_id") or None,
            expires_at=expires_at,
            visual_number=row.get("visual_number") or None,
            language=row.get("language") or None,
        ),
        problems,
    )
