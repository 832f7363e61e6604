"""Ranges never leave the file, and together are the file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.files.ranges import Part, Unsatisfiable, wanted_part

SIZES = st.integers(0, 2**40)


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-0", Part(0, 1)),
        ("bytes=5-", Part(5, 10)),
        ("bytes=-3", Part(7, 10)),
        ("bytes=-99", Part(0, 10)),
        ("bytes=2-99", Part(2, 10)),
        ("Bytes = 2-3", None),
        ("bytes= 2 - 3 ", Part(2, 4)),
        ("bytes=-", None),
        ("bytes=3-2", None),
        ("bytes=0-1,4-5", None),
        ("lines=1-2", None),
        ("bytes=a-b", None),
        ("bytes=٣-٤", None),
    ],
)
def test_of_ten_bytes(header: str | None, part: Part | None) -> None:
    assert wanted_part(header, 10) == part


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)])
def test_no_byte_is_there(header: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        wanted_part(header, size)


@given(st.text(max_size=60) | st.from_regex(r"bytes=\d*-\d*", fullmatch=True), SIZES)
def test_whatever_is_asked_for_a_part_is_within_the_file(header: str, size: int) -> None:
    try:
        part = wanted_part(header, size)
    except Unsatisfiable:
        return
    assert part is None or 0 <= part.start < part.stop <= size


@given(st.integers(1, 10_000), st.integers(1, 3_000))
def test_parts_one_after_the_other_are_the_file(size: int, step: int) -> None:
    content = bytes(number % 251 for number in range(size))
    together = b""
    while len(together) < size:
        part = wanted_part(f"bytes={len(together)}-{len(together) + step - 1}", size)
        assert part is not None
        together += content[part.start : part.stop]
    assert together == content
