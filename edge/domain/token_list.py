"""A list of tokens: every problem is named with its line, and a list with a problem is not taken at all.

A row has uid and contract_id, and as wanted type, valid, group_id, expires_at, visual_number, language, concurrent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from edge.domain.csv_rows import CsvRow, csv_rows, rounded_problem
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
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_tokens(text: str) -> tuple[tuple[Token, ...], tuple[str, ...]]:
    """The tokens of a CSV text, and its problems; with a problem the tokens are not to be used."""
    return tokens_of(*csv_rows(text, COLUMNS, REQUIRED))


def tokens_of(rows: Sequence[CsvRow], problems: Sequence[str] = ()) -> tuple[tuple[Token, ...], tuple[str, ...]]:
    """The tokens of all rows together, whatever file they stood in, and what is wrong with them."""
    tokens: dict[str, Token] = {}
    first_at: dict[str, int] = {}
    found = list(problems)
    for row in rows:
        token, wrong = _token(row.values)
        found += [f"line {row.line}: {problem}" for problem in wrong]
        if token is None:
            continue
        if (before := first_at.setdefault(token.key, row.line)) != row.line:
            found.append(f"line {row.line}: uid stands in line {before} already")
        tokens[token.key] = token
    if not rows and not found:
        found.append("there is no token in the list")
    return tuple(tokens.values()), tuple(found)


def _token(row: Mapping[str, str]) -> tuple[Token | None, list[str]]:
    problems = []
    uid, contract_id = row.get("uid", ""), row.get("contract_id", "")
    for name, told in (("uid", token_key(uid) and uid), ("contract_id", contract_id)):
        if not 1 <= len(told) <= MAX_UID or not told.isprintable():
            problems.append(f"{name} must be 1 to {MAX_UID} printable characters")
        elif problem := rounded_problem(name, told):
            problems.append(problem)
    for name, most in (("group_id", MAX_UID), ("visual_number", 64)):
        if len(row.get(name, "")) > most or not row.get(name, "").isprintable():
            problems.append(f"{name} must be up to {most} printable characters")
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
            contract_id=contract_id,
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
