"""Double-entry postings: what a bill moves between accounts. The legs of a posting always sum to zero."""

from __future__ import annotations

from decimal import Decimal

from edge.domain.account_book import CUSTOMER
from edge.domain.site import Site
from protocols.ocpi.cdr import Cdr
from protocols.sync.topics import Stream
from protocols.sync.up import PostingLeg, PostingMade

REVENUE = "revenue:charging"
MIXED_VAT = "vat:mixed"
"""What a minimum or maximum price changes in the taxes of a bill with several rates: of no one of them."""
SUSPENSE_CONTRACT = "suspense"
"""The contract of energy that was delivered without a known token: somebody owes it, a person finds out who."""


def customer_account(contract_id: str) -> str:
    """The account of a contract: positive is what the customer owes, negative what we hold of the customer's money."""
    return CUSTOMER + contract_id


def money_id(site: Site, ahead: int = 0) -> str:
    """The id for what is journaled next in the money stream, or so many entries after it: derived, so that it is the
    same at every replay."""
    return f"{site.rules.edge_id}-{site.epoch[:8]}-{site.last_seq[Stream.MONEY] + 1 + ahead}"


def post_cdr(cdr: Cdr, posting_id: str) -> PostingMade:
    """The posting of an issued bill: the customer owes the total, revenue and each VAT rate earn their share."""
    vat: dict[str, Decimal] = {}
    for line in cdr.lines:
        if tax := line.cost.incl_vat - line.cost.excl_vat:
            account = f"vat:{line.vat}" if line.vat is not None else MIXED_VAT
            vat[account] = vat[account] + tax if account in vat else tax
    legs = [
        PostingLeg(account=customer_account(cdr.contract_id), amount=cdr.total_cost.incl_vat),
        PostingLeg(account=REVENUE, amount=-cdr.total_cost.excl_vat),
    ]
    legs += [PostingLeg(account=account, amount=-vat[account]) for account in sorted(vat)]
    return PostingMade(
        posting_id=posting_id, key=f"cdr:{cdr.id}", cdr_id=cdr.id, currency=cdr.currency, legs=tuple(legs)
    )
