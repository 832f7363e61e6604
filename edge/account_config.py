"""The settings of wallets and debts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from edge.config_fields import Name, Strict
from edge.domain.account_rules import AccountRules, DunningStep

Money = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]


class DunningSettings(Strict):
    """What is done about a debt, so many days after it was due."""

    after_days: int = Field(ge=1, le=3_650, description="days after what is owed was due")
    action: Name = Field(description="what is done, a word for people, such as remind")
    blocks: bool = Field(default=False, description="the contract may not charge until what is overdue is paid")


class AccountSettings(Strict):
    """Prepaid and postpaid contracts."""

    hold: Money = Field(
        default=Decimal("20.00"),
        gt=0,
        description="set aside at a time for a transaction of a prepaid contract, or one with a limit",
    )
    least: Money = Field(default=Decimal("1.00"), description="with less no prepaid transaction begins")
    margin_s: int = Field(
        default=60, ge=0, le=3_600, description="such a transaction is stopped when what is left lasts no longer"
    )
    warn_s: int = Field(
        default=300, ge=0, le=86_400, description="its driver is warned when what is left lasts no longer; 0: never"
    )
    again_s: int = Field(default=60, ge=10, le=3_600, description="a station that goes on is told so again")
    dunning: tuple[DunningSettings, ...] = Field(
        default=(), max_length=10, description="the steps of dunning, in the order of their days"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        days = [step.after_days for step in self.dunning]
        if days != sorted(set(days)):
            raise ValueError("dunning: each step must come later than the one before it")
        return self


def account_rules(chosen: AccountSettings) -> AccountRules:
    """As the decisions know them."""
    return AccountRules(
        hold=chosen.hold,
        least=chosen.least,
        margin=timedelta(seconds=chosen.margin_s),
        warning=timedelta(seconds=chosen.warn_s),
        again=timedelta(seconds=chosen.again_s),
        dunning=tuple(
            DunningStep(after_days=step.after_days, action=step.action, blocks=step.blocks) for step in chosen.dunning
        ),
    )
