"""A token list is taken whole or not at all, with every problem named."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.token_list import parse_tokens
from edge.token_toml import parse_toml
from protocols.ocpi.token import Token, TokenType


def test_all_columns() -> None:
    text = (
        "\ufeffuid, contract_id,type,valid,group_id,expires_at,visual_number,language,concurrent\n"
        "04A1 , C-1,APP_USER,no,G,2027-01-01T00:00:00Z,N 1,de,yes\n"
        "04A2,C-2,,,,,,,\n"
    )
    first, second = parse_tokens(text)[0]
    assert first == Token(
        uid="04A1",
        contract_id="C-1",
        type=TokenType.APP_USER,
        valid=False,
        group_id="G",
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
        visual_number="N 1",
        language="de",
        concurrent=True,
    )
    assert second == Token(uid="04A2", contract_id="C-2")


def test_toml_says_the_same() -> None:
    found, problems = parse_toml(
        """
[[tokens]]
uid = "04A1"
contract_id = "C-1"
valid = false
expires_at = 2027-01-01T00:00:00Z

[[tokens]]
uid = "04A2"
contract_id = "C-2"
"""
    )
    text = "uid;contract_id;valid;expires_at\n04A1;C-1;no;2027-01-01T00:00:00Z\n04A2;C-2;;\n"
    assert (found, problems) == (parse_tokens(text)[0], ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "there is no token in the list"),
        ("[[tokens]\n", "line 1: not TOML: "),
        ("[[tokens]]\nuid = 1" + "0" * 5000, "not TOML: "),
        ("a = " + "[" * 5000, "not TOML: "),
        ("tokens = 1\n", "line 1: tokens must be a list of tables: [[tokens]]"),
        ("[[cards]]\n", "line 1: 'cards' is not known: expected [[tokens]]"),
        ("[[tokens]]\nuid = 'A'\n\n[[tokens]]\nuid = 'B'\ncolour = 1\n", "line 6: 'colour' is not known"),
        ("[[tokens]]\nuid = 'A'\n", "line 1: contract_id must be 1 to 36"),
        (
            "[[tokens]]\nuid = 'A'\ncontract_id='C'\n[[tokens]]\nuid='a'\ncontract_id='C'\n",
            "line 4: uid stands in line 1",
        ),
    ],
)
def test_every_problem_of_a_toml_list_has_its_line(text: str, problem: str) -> None:
    _, problems = parse_toml(text)
    assert any(found.startswith(problem) for found in problems), problems


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: there is no column 'uid'"),
        ("uid,contract_id,colour\nA,B,red\n", "line 1: column 'colour' is not known"),
        ("uid,contract_id\n", "there is no token in the list"),
        ("uid,contract_id\nA\n", "line 2: contract_id must be"),
        ("uid,contract_id\n" + "A" * 37 + ",B\n", "line 2: uid must be 1 to 36 printable characters"),
        ("uid,contract_id\n\x1b[2J,B\n", "line 2: uid has the control character U+001B"),
        ("uid,contract_id\n1.23457E+11,B\n", "line 2: uid 1.23457E+11 is what a spreadsheet made of a long number"),
        ("uid,contract_id,group_id\nA,B," + "G" * 37, "line 2: group_id must be up to 36"),
        ("uid,contract_id\nA,B\na ,B\n", "line 3: uid stands in line 2 already"),
        ("uid,contract_id,type\nA,B,CARD\n", "line 2: type 'CARD' is not one of"),
        ("uid,contract_id,expires_at\nA,B,2027-01-01\n", "has no time zone"),
        ("uid,contract_id,expires_at\nA,B,soon\n", "is not an ISO 8601 time"),
    ],
)
def test_every_problem_has_its_line(text: str, problem: str) -> None:
    _, problems = parse_tokens(text)
    assert any(found.startswith(problem) or problem in found for found in problems), problems


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    for body in (text, "uid,contract_id,valid,expires_at\n" + text):
        tokens, problems = parse_tokens(body)
        assert problems or all(token.uid.isprintable() for token in tokens)
