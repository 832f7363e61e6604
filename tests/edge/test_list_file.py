"""What people bring in as a list, and what it may be in truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.list_file import read_list
from protocols.errors import BadText

TEXT = "uid,name\nA,Müller 王\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_of_spreadsheets_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "list.csv").write_text(TEXT, encoding=encoding, newline="")
    assert read_list(tmp_path / "list.csv").removeprefix("\ufeff") == TEXT


@pytest.mark.parametrize(
    ("raw", "problems"),
    [
        ("uid\nMüller\n".encode("cp1252"), ["line 2: is not UTF-8 text (at the bytes fc 6c): save it as CSV UTF-8"]),
        ("uid\n\n王\n".encode("gbk"), ["line 3: is not UTF-8 text (at the bytes cd f5): save it as CSV UTF-8"]),
        (b"PK\x03\x04....", ["is a spreadsheet itself and no text: save it as CSV UTF-8"]),
        (b"\xff\xfeA", ["line 1: is not UTF-8 text (at the bytes ff fe): save it as CSV UTF-8"]),
    ],
)
def test_what_is_no_text_is_said_with_its_lines(tmp_path: Path, raw: bytes, problems: list[str]) -> None:
    (tmp_path / "list.csv").write_bytes(raw)
    with pytest.raises(BadText) as raised:
        read_list(tmp_path / "list.csv")
    assert str(raised.value).splitlines() == problems


def test_many_lines_that_are_no_text_are_counted(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"uid\n" + b"\xe4\n" * 20)
    with pytest.raises(BadText) as raised:
        read_list(tmp_path / "list.csv")
    assert str(raised.value).splitlines()[4:] == [
        "line 6: is not UTF-8 text (at the bytes e4): save it as CSV UTF-8",
        "and 15 more lines that are not",
    ]


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path: Path) -> None:
    for path, problem in ((tmp_path / "none.csv", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(BadText, match=f"cannot be read: {problem}"):
            read_list(path)
