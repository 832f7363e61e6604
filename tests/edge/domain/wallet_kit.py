"""Plays with customers: contracts, and money that is paid in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from edge.domain.customer_events import CustomersImported
from edge.domain.decision import Decision
from edge.domain.events import Done
from protocols.money import ZERO
from protocols.ocpi.customer import Billing, Contract, Customer
from protocols.ocpi.token import Token
from protocols.sync.up import PostingLeg, PostingMade, PostingReason
from tests.edge.domain.site_kit import Play

CUSTOMER = Customer(id="K1", name="Anna Müller")


def prepaid(contract_id: str = "C-GOOD", **more: Any) -> Contract:
    return Contract(id=contract_id, customer_id="K1", billing=Billing.PREPAID, currency="EUR", **more)


def postpaid(contract_id: str = "C-GOOD", **more: Any) -> Contract:
    return Contract(id=contract_id, customer_id="K1", billing=Billing.POSTPAID, currency="EUR", **more)


def sign(play: Play, *contracts: Contract, tokens: tuple[Token, ...] = ()) -> None:
    event = CustomersImported(by="operator", customers=(CUSTOMER,), contracts=contracts, tokens=tokens)
    assert isinstance(play.tell(event).reply, Done)


def posted(play: Play, contract_id: str, amount: Decimal, key: str) -> Decision:
    """A payment (positive), or one that goes back, as the till makes it: kept where the play keeps its decisions."""
    decision = Decision()
    legs = (
        PostingLeg(account="cash:till-1", amount=amount),
        PostingLeg(account=f"customer:{contract_id}", amount=-amount),
    )
    posting = PostingMade(
        posting_id=f"p-{key}", key=key, currency="EUR", legs=legs, reason=PostingReason.PAYMENT, by="operator"
    )
    decision.journal(play.site, play.now, posting)
    play.entries += decision.entries
    keep = getattr(play, "keep", None)
    if keep is not None:
        keep(decision)
    return decision


def top_up(play: Play, amount: str, contract_id: str = "C-GOOD") -> None:
    posted(play, contract_id, Decimal(amount), f"top-up-{len(play.entries)}")


def balances(play: Play) -> dict[str, Decimal]:
    """What all postings of the play come to, by account, without what is zero."""
    sums: dict[str, Decimal] = {}
    for posting in play.found(PostingMade):
        assert sum((leg.amount for leg in posting.legs), ZERO) == 0
        for leg in posting.legs:
            sums[leg.account] = sums.get(leg.account, ZERO) + leg.amount
    return {account: amount for account, amount in sums.items() if amount}
