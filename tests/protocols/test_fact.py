"""Structs that pydantic reads and writes, beside dataclasses in one union."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
import pytest
from pydantic import AwareDatetime, Discriminator, TypeAdapter, ValidationError

from protocols.fact import Fact


class Part(Fact, frozen=True, kw_only=True):
    amount: Decimal
    at: AwareDatetime | None = None


class Whole(Fact, frozen=True, kw_only=True):
    parts: tuple[Part, ...]
    note: str = ""
    kind: Literal["whole"] = "whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    part: Part
    kind: Literal["other"] = "other"


READER: TypeAdapter[Whole | Other] = TypeAdapter(Annotated[Whole | Other, Discriminator("kind")])
AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
WHOLE = Whole(parts=(Part(amount=Decimal("0.10"), at=AT), Part(amount=Decimal("-2"))))


@pytest.mark.parametrize("value", [WHOLE, Other(part=WHOLE.parts[0])], ids=["a fact", "a dataclass that holds one"])
def test_what_either_writes_is_read_back(value: Whole | Other) -> None:
    written = READER.dump_json(value)
    assert READER.validate_json(written) == value
    assert written == msgspec.json.Encoder(decimal_format="string").encode(value)
    assert READER.validate_python(READER.dump_python(value, mode="json")) == value


def test_fields_that_are_not_known_are_left_out_and_missing_ones_have_their_defaults() -> None:
    assert READER.validate_json('{"kind": "whole", "parts": [{"amount": "1", "more": 2}], "new": {}}') == Whole(
        parts=(Part(amount=Decimal(1)),)
    )


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ('{"kind": "whole"}', ("whole", "parts")),
        ('{"kind": "whole", "parts": [{"amount": "much"}]}', ("whole", "parts", 0, "amount")),
        ('{"kind": "whole", "parts": [{"amount": "1", "at": "2026-03-02T08:00:00"}]}', ("whole", "parts", 0, "at")),
    ],
)
def test_what_is_wrong_is_refused_and_says_where(said: str, where: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as problem:
        READER.validate_json(said)
    assert problem.value.errors()[0]["loc"] == where


def test_nobody_changes_a_fact() -> None:
    with pytest.raises(AttributeError):
        WHOLE.note = "otherwise"  # type: ignore[misc]
