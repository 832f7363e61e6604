"""What receipts and statements are made with, built from the settings."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from edge.config import EdgeConfig
from edge.ledger.receipt_records import Reading, ReceiptRecords
from edge.local.receipt_requests import ReceiptDesk
from edge.ports import Clock, Inbox
from edge.receipts.heads import Seller
from edge.receipts.printing import Printing
from edge.receipts.words import Language


def printing_of(config: EdgeConfig) -> Printing:
    chosen, place = config.receipts, config.location
    where = tuple(line for line in (place.address, f"{place.city} {place.country}".strip()) if line)
    return Printing(
        seller=Seller(
            name=chosen.seller or place.name,
            address=chosen.address or where,
            tax_id=chosen.tax_id,
            footer=chosen.footer,
        ),
        zone=ZoneInfo(place.time_zone),
        language=Language(chosen.language),
        columns=chosen.columns,
    )


def receipt_desk(config: EdgeConfig, ledger: Reading, inbox: Inbox, clock: Clock) -> ReceiptDesk:
    printing = printing_of(config)
    return ReceiptDesk(inbox, ReceiptRecords(ledger, printing.zone), printing, clock)
