"""By which words a customer is found, folded alike when they are kept and when they are asked for."""

from __future__ import annotations

import unicodedata

from protocols.ocpi.customer import Customer


def words_of(customer: Customer) -> str:
    """A line for each thing that somebody may know of a customer; plates also without what stands between."""
    known = [customer.id, customer.name, customer.email, customer.phone]
    for vehicle in customer.vehicles:
        known += [vehicle.plate, _compact(vehicle.plate), vehicle.name]
    return "\n".join(folded for each in known if (folded := fold(each)))


def fold(text: str) -> str:
    """Without regard to case, width, accents and needless blanks: "Jürgen  ß" is "jurgen ss"."""
    parted = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in parted if not unicodedata.combining(c)).split())


def _compact(plate: str) -> str:
    return "".join(c for c in plate if c.isalnum())
