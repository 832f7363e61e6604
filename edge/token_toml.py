"""A list of tokens as TOML: [[tokens]] with the columns of the CSV list as keys, and read as it is."""

from __future__ import annotations

from edge.domain.csv_rows import CsvRow
from edge.domain.token_list import COLUMNS, tokens_of
from edge.toml_lines import cell_text, key_lines, line_of, read_toml
from protocols.errors import BadText
from protocols.ocpi.token import Token


def parse_toml(text: str) -> tuple[tuple[Token, ...], tuple[str, ...]]:
    """The tokens, and the problems; with a problem the tokens are not to be used."""
    try:
        document = read_toml(text)
    except BadText as error:
        return (), (str(error),)
    lines = key_lines(text)
    problems = [
        f"line {line_of(lines, (key,)) or 1}: {key!r} is not known: expected [[tokens]]"
        for key in document
        if key != "tokens"
    ]
    listed = document.get("tokens", [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        return (), (*problems, f"line {line_of(lines, ('tokens',)) or 1}: tokens must be a list of tables: [[tokens]]")
    rows = []
    for number, told in enumerate(listed):
        place = ("tokens", number)
        problems += [
            f"line {line_of(lines, (*place, key)) or 1}: {key!r} is not known; known are {', '.join(COLUMNS)}"
            for key in told
            if key not in COLUMNS
        ]
        rows.append(
            CsvRow(line=line_of(lines, place) or 1, values={key: cell_text(each) for key, each in told.items()})
        )
    return tokens_of(rows, problems)
