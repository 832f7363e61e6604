"""What the tables are made of: one collection of them all, and the columns that name a row."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, MetaData, SmallInteger, String

METADATA: Final = MetaData()


def domain() -> Column[int]:
    return Column("domain", SmallInteger, primary_key=True, autoincrement=False)


def key(name: str) -> Column[str]:
    return Column(name, String, primary_key=True)
