"""The fields that operations share, with the bounds of the standard."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

EvseNumber = Annotated[int, Field(ge=1, le=999)]
EvseOrStation = Annotated[int, Field(ge=0, le=999)]
"""0 is the station itself."""
ConnectorNumber = Annotated[int, Field(ge=1, le=999)]
Text = Annotated[str, Field(min_length=1, max_length=255)]
LongText = Annotated[str, Field(min_length=1, max_length=2500)]
Url = Annotated[str, Field(min_length=1, max_length=512)]
Pem = Annotated[str, Field(min_length=1, max_length=10_000)]
TokenUid = Annotated[str, Field(min_length=1, max_length=36)]
TokenKind = Literal["Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress"]
"""OCPP 2.0.1 IdTokenEnumType; 1.6 has none."""
Number = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""OCPP 1.6's integers have 32 bits in most stations."""
RequestId = Number | None
"""Given by the site where it is None: stations name it in their reports."""
