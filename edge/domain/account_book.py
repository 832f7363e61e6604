"""What decisions need of contracts and their money, in memory: terms, balances, and the wallets of what runs now.

No balance here is the truth: each is the sum of the postings of this agent's own journal, which keep it as they are
journaled, and what the hub told of the other sites. Names, plates and notes are in the ledger alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from edge.domain.dues import Dues
from edge.domain.rules import SiteRules
from protocols.money import ZERO
from protocols.ocpi.customer import Billing, Contract
from protocols.sync.up import PostingMade, PostingReason

CUSTOMER: Final = "customer:"
HELD: Final = "held:"
SET_ASIDE: Final = frozenset({PostingReason.HOLD, PostingReason.RELEASE})
"""What these move is spoken for, and not owed: it is no debt, and on no statement."""


@dataclass(slots=True, kw_only=True)
class Wallet:
    """A transaction of a contract whose money can come to an end: what is set aside for it, in so many postings. The
    register when it was looked at last, and how fast it had risen. `told_at`: it was told to end, `times` by now."""

    contract_id: str
    held: Decimal = ZERO
    holds: int = 0
    looked_at: datetime | None = None
    read_at: datetime | None = None
    read_wh: int = 0
    risen_w: int | None = None
    told_at: datetime | None = None
    times: int = 0


@dataclass(slots=True)
class AccountBook:
    """Contracts of both sources, as tokens are: where both know one the hub's terms hold, but either's block blocks."""

    site: dict[str, Contract] = field(default_factory=dict)
    hub: dict[str, Contract] = field(default_factory=dict)
    balances: dict[str, Decimal] = field(default_factory=dict)
    """By contract: what it owes by the postings of this agent; negative where we hold its money."""
    elsewhere: dict[str, Decimal] = field(default_factory=dict)
    """By contract: the same by the postings of all others, as the hub told it last."""
    wallets: dict[str, Wallet] = field(default_factory=dict)
    """By open transaction."""
    unsent: dict[str, Decimal] = field(default_factory=dict)
    """By contract with an offline limit: what was posted to it that the hub does not have yet."""
    hub_customers: dict[str, int] = field(default_factory=dict)
    """The customers of the hub by id: what each adds to the digest (protocols/sync/account_lists.py)."""
    hub_total: int | None = None
    """What the hub's customers and contracts and `elsewhere` come to; None until somebody asks."""
    unusable: dict[str, str] | None = None
    """By contract: why nothing can be charged to it here; None until somebody asks. See unusable_contracts."""
    overdrawn: set[str] = field(default_factory=set)
    """Prepaid contracts that owe money, or were found to: see holds.note_overdraft."""
    steps: dict[str, int] = field(default_factory=dict)
    """By contract: how many steps of dunning were taken. Only those with any."""
    dues: Dues = field(default_factory=Dues)
    dunned_on: date | None = None
    to_dun: list[str] = field(default_factory=list)
    """Contracts that are still to be looked at on this day."""
    _unsent: deque[tuple[int, str, Decimal]] = field(default_factory=deque)

    def __bool__(self) -> bool:
        """Whether there is any contract: without one nothing of all this is asked."""
        return bool(self.site or self.hub)

    def find(self, contract_id: str) -> Contract | None:
        """The contract as it counts here; None for one that is only an id: it is postpaid and without a limit."""
        own, contract = self.site.get(contract_id), self.hub.get(contract_id)
        if contract is None:
            return own
        if own is not None and contract.valid and not own.valid:
            return replace(contract, valid=False)
        return contract

    def balance(self, contract_id: str) -> Decimal:
        """What it owes in all, as far as this site knows; what is set aside for running transactions included."""
        return self.balances.get(contract_id, ZERO) + self.elsewhere.get(contract_id, ZERO)

    def held(self, contract_id: str) -> Decimal:
        return sum((wallet.held for wallet in self.wallets.values() if wallet.contract_id == contract_id), ZERO)

    def spendable(self, contract: Contract, *, is_cut_off: bool) -> Decimal:
        """What more a contract may spend here now; never negative, and infinite for a postpaid one without limits."""
        if contract.billing is Billing.PREPAID:
            money = -self.balance(contract.id)
        elif contract.credit_limit is not None:
            money = contract.credit_limit - self.balance(contract.id)
        else:
            money = _BOUNDLESS
        if is_cut_off and contract.offline_limit is not None:
            money = min(money, contract.offline_limit - self.unsent.get(contract.id, ZERO))
        return max(money, ZERO)

    # --- what keeps it ---

    def take(self, posting: PostingMade, seq: int, at: datetime, rules: SiteRules) -> None:
        """A posting was journaled as this entry of the money stream."""
        balances = self.balances
        for leg in posting.legs:
            account = leg.account
            if account[:9] == CUSTOMER:  # with every bill: a call less
                contract_id = account[9:]
                before = balances.get(contract_id)
                balances[contract_id] = leg.amount if before is None else before + leg.amount
                if self.site or self.hub:
                    contract = self.find(contract_id)
                    if contract is not None:
                        self._note(contract, leg.amount, posting.reason, seq, at, rules)

    def _note(
        self, contract: Contract, amount: Decimal, reason: PostingReason, seq: int, at: datetime, rules: SiteRules
    ) -> None:
        if contract.offline_limit is not None and rules.has_uplink:
            self.note_unsent(contract.id, amount, seq)
        if contract.billing is Billing.POSTPAID:
            if reason not in SET_ASIDE:
                self.dues.note(contract, amount, at, rules.location.time_zone)
        elif self.balance(contract.id) > 0:
            self.overdrawn.add(contract.id)

    def note_unsent(self, contract_id: str, amount: Decimal, seq: int) -> None:
        self._unsent.append((seq, contract_id, amount))
        self.unsent[contract_id] = self.unsent.get(contract_id, ZERO) + amount

    def note_sent(self, seq: int) -> None:
        """The hub has all entries of the money stream up to this one."""
        while self._unsent and self._unsent[0][0] <= seq:
            _, contract_id, amount = self._unsent.popleft()
            left = self.unsent.get(contract_id, ZERO) - amount
            if left:
                self.unsent[contract_id] = left
            else:
                self.unsent.pop(contract_id, None)


_BOUNDLESS: Final = Decimal("Infinity")
