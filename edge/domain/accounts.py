"""Double-entry postings: what a bill moves between accounts. The legs of a posting always sum to zero."""

from __future__ import annotations

from decimal import Decimal

from protocols.ocpi.cdr import Cdr
from protocols.sync.up import PostingLeg, PostingMade

REVENUE = "revenue:charging"
SUSPENSE_CONTRACT = "suspense"
"""The contract of energy that was delivered without a known token: somebody owes it, a person finds out who."""


def customer_account(contract_id: str) -> str:
    """The postpaid account of a contract: its balance is what the customer owes."""
    return f"customer:{contract_id}"


def post_cdr(cdr: Cdr, posting_id: str) -> PostingMade:
    """The posting of an issued bill: the customer owes the total, revenue and each VAT rate earn their share."""
    vat: dict[str, Decimal] = {}
    for line in cdr.lines:
        if tax := line.cost.incl_vat - line.cost.excl_vat:
            account = f"vat:{line.vat}"
            vat[account] = vat[account] + tax if account in vat else tax
    legs = [
        PostingLeg(account=customer_account(cdr.contract_id), amount=cdr.total_cost.incl_vat),
        PostingLeg(account=REVENUE, amount=-cdr.total_cost.excl_vat),
    ]
    legs += [PostingLeg(account=account, amount=-vat[account]) for account in sorted(vat)]
    return PostingMade(
        posting_id=posting_id, key=f"cdr:{cdr.id}", cdr_id=cdr.id, currency=cdr.currency, legs=tuple(legs)
    )
