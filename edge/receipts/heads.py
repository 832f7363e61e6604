"""What all printed pages share: who sells, what the page is, and how times and amounts are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from edge.receipts.blocks import Banner, Block, Centred, Field, Rule, Title, printable
from edge.receipts.words import WORDS, Language, Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """Who stands at the top of the page."""

    name: str
    address: tuple[str, ...] = ()
    tax_id: str = ""
    footer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A page's number, and how it is to be written. `zone` is the Location's."""

    seller: Seller
    number: str
    issued_at: datetime
    is_copy: bool
    language: Language
    zone: ZoneInfo

    @property
    def words(self) -> Words:
        return WORDS[self.language]

    def stamp(self, at: datetime) -> str:
        """Local time with its offset: an hour that comes twice is told apart."""
        local = at.astimezone(self.zone)
        return f"{local:%Y-%m-%d %H:%M:%S} {local:%z}"

    def day(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%Y-%m-%d}"


def top(head: Head, title: str) -> Iterator[Block]:
    """The seller, what the page is, its number and its time."""
    words = head.words
    yield Title(printable(head.seller.name))
    yield from (Centred(printable(line)) for line in head.seller.address)
    if head.seller.tax_id:
        yield Centred(f"{words.tax_id}: {printable(head.seller.tax_id)}")
    yield Rule()
    yield Title(title)
    if head.is_copy:
        yield Banner(words.copy)
    yield Field(words.number, head.number)
    yield Field(words.date, head.stamp(head.issued_at))


def foot(head: Head) -> Iterator[Block]:
    if head.seller.footer:
        yield Rule()
        yield from (Centred(printable(line)) for line in head.seller.footer)


def money(amount: Decimal, currency: str) -> str:
    return f"{amount:.2f} {currency}"


def plain_number(value: Decimal) -> str:
    """Without zeros that say nothing."""
    return f"{value.normalize():f}"


def unit_price(price: Decimal) -> str:
    """With two decimals at least, and all that it has."""
    return f"{price:.2f}" if price == round(price, 2) else plain_number(price)


def span(seconds: int) -> str:
    """Hours, minutes and seconds."""
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}"


def kwh(energy_wh: int) -> str:
    return f"{Decimal(energy_wh) / 1000:.3f} kWh"


def masked(uid: str) -> str:
    """A card as its owner knows it again, and nobody else can make it from that."""
    return f"****{printable(uid)[-4:]}" if len(uid) > 4 else "****"
