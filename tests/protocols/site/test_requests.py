"""What is asked over the local socket arrives as it was meant."""

from __future__ import annotations

from decimal import Decimal

import pytest

from protocols.charger.commands import Operation
from protocols.charger.operations.availability import ClearCache
from protocols.charger.operations.transactions import ShowPrice, UnitPrices, UpdateCost
from protocols.charger.operations.variables import GetVariables, VariableName
from protocols.site.requests import REQUEST, OperateStation, encode_request


@pytest.mark.parametrize(
    "operation",
    [
        ClearCache(),
        GetVariables(names=(VariableName(variable="CustomDisplayCostAndPrice"),)),
        ShowPrice(token_uid="GOOD", text="0.60 EUR/kWh"),
        UpdateCost(charger_transaction_id="17", total_cost=Decimal("1.20"), prices=UnitPrices(kwh=Decimal("0.60"))),
    ],
    ids=lambda operation: operation.operation,
)
def test_an_operation_is_still_the_one_it_was(operation: Operation) -> None:
    request = OperateStation(id="1", station_id="CP01", operation=operation)
    assert REQUEST.validate_json(encode_request(request)) == request
