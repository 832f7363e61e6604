"""CSV as spreadsheets of several countries write it; every problem has the line at which its row begins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.csv_rows import csv_rows, rounded_problem

KNOWN = ("id", "name", "note")


def read(text: str) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    rows, problems = csv_rows(text, KNOWN, ("id",))
    return [(row.line, dict(row.values)) for row in rows], problems


@pytest.mark.parametrize(
    "text",
    [
        "id,name\nA,Anna\nB,Bert\n",
        "\ufeffid;name\r\nA;Anna\r\nB;Bert\r\n",
        "ID\tName\nA\tAnna\nB\tBert",
        "sep=|\nid|name\nA|Anna\nB|Bert\n",
        '"id","name"\n"A","Anna"\n\n , \n"B","Bert"\n',
        "\n\nid, name,\nA,\u00a0Anna ,\nB,Bert,,,\n",
    ],
)
def test_however_values_are_parted(text: str) -> None:
    rows, problems = read(text)
    assert problems == []
    assert [(row["id"], row["name"]) for _, row in rows] == [("A", "Anna"), ("B", "Bert")]


def test_a_row_of_several_lines_has_the_line_at_which_it_begins() -> None:
    rows, problems = read('sep=,\nid,note\n\nA,"one\ntwo"\nB,"three\nfour"\nC,=1\n')
    assert [(line, row["id"]) for line, row in rows] == [(4, "A"), (6, "B"), (8, "C")]
    assert problems == ["line 8: note '=1' is a formula: put what it comes to, or a ' before what is text"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1: there is no column 'id'"),
        ("name\nAnna\n", "line 1: there is no column 'id'"),
        ("id,id\n", "line 1: column 'id' stands there twice"),
        ("id,shoe\n", "line 1: column 'shoe' is not known; known are id, name, note"),
        ("id,name\nA,Anna,more\n", "line 2: more values than columns (3 for 2)"),
        ("id,name\nA,#REF!\n", "line 2: name #REF! is an error of the spreadsheet"),
        ("id,\nA,Anna\n", "line 2: 'Anna' stands in a column without a name"),
        ("id,name\nA,An\x00na\n", "line 2: name has the control character U+0000"),
        ('id,name\nA,B\nB,"Anna\nC,Carl\n', "line 3: a value that begins in quotes here, or below, has no end"),
        ('id,name\nA,"Anna" M.\n', 'line 2: a quote within a value in quotes is to be doubled: ""'),
        ('id,name\nA,"' + "x" * 200_000, "line 2: a value that begins in quotes here, or below, has no end"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, expected: str) -> None:
    assert expected in read(text)[1]


def test_what_is_text_for_a_spreadsheet_is_read_without_its_mark() -> None:
    rows, problems = read("id,name,note\n'=A,'+49 30,'tis fine\n-1,+1,@home\n")
    assert problems == []
    assert [list(row.values()) for _, row in rows] == [["=A", "+49 30", "'tis fine"], ["-1", "+1", "@home"]]


def test_long_numbers_that_a_spreadsheet_rounded_are_found() -> None:
    assert rounded_problem("uid", "1.23457E+11") is not None
    assert rounded_problem("uid", "1,23457E+11") is not None
    assert rounded_problem("uid", "04E11A") is None


@given(st.text(max_size=200), st.sampled_from(["", "id,name\n", "id;name\n", "sep=;\nid;name\n"]))
def test_no_text_breaks_it(text: str, before: str) -> None:
    rows, problems = csv_rows(before + text, KNOWN, ("id",))
    assert all(row.line >= 1 for row in rows)
    assert all(problem.startswith("line ") for problem in problems)
