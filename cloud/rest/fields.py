"""Field types of requests and answers, bounded so that no text or number reaches a database that cannot hold it."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

MAX_NAME_CHARS: Final = 255


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not hold a NUL character")
    return text


Name = Annotated[str, StringConstraints(max_length=MAX_NAME_CHARS), AfterValidator(_without_nul)]
GivenName = Annotated[Name, StringConstraints(min_length=1, strip_whitespace=True)]
EvseNumber = Annotated[int, Field(ge=0, le=2**31 - 1)]
Amount = Annotated[str, Field(description="An exact amount of money as decimal text.", examples=["12.40"])]


class Cost(BaseModel):
    """A sum before and after taxes (OCPI 2.2.1 Price)."""

    excl_vat: Amount
    incl_vat: Amount


AccountId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=36, pattern=r"^[!-.0-~]+$"),
    Field(description="Printable ASCII without spaces and slashes."),
]
"""Of a customer or a contract."""
