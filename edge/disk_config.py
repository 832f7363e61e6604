"""The settings of the ledger's disk."""

from __future__ import annotations

from pydantic import Field, model_validator

from edge.config_fields import Strict

_PERCENT = "percent of the disk as df(1) counts them, free pages of the ledger not counted"


class DiskSettings(Strict):
    """What gives way when the disk fills, and what is reserved for what runs. Money never gives way."""

    thin_percent: int = Field(default=70, ge=1, le=99, description=f"telemetry is thinned from here, {_PERCENT}")
    shed_percent: int = Field(default=85, ge=1, le=99, description=f"the oldest telemetry is dropped, {_PERCENT}")
    spare_percent: int = Field(default=95, ge=1, le=99, description=f"informational events are dropped, {_PERCENT}")
    full_below_mb: int = Field(default=32, ge=1, description="with less than this free no transaction begins")
    ballast_mb: int = Field(
        default=16, ge=1, description="room that is reserved, and given up so that running transactions end"
    )

    @model_validator(mode="after")
    def _in_order(self) -> DiskSettings:
        if not self.thin_percent <= self.shed_percent <= self.spare_percent:
            raise ValueError("thin_percent, shed_percent and spare_percent must not fall")
        return self
