"""Whether nothing is missing: the chargers' own account, the edge's ledger and the hub, compared bill by bill."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter

from protocols.ocpi.cdr import Cdr

ADDED_BY_HUB: Final = ("status", "edge_id", "received_at")
_CDR: Final = TypeAdapter(Cdr)


def compare_with_hub(cdrs: Iterable[Cdr], at_hub: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every way in which the hub's bills differ from the edge's; empty when each is there exactly once and equal."""
    problems = []
    expected = {cdr.id: json.loads(_CDR.dump_json(cdr)) for cdr in cdrs}
    for cdr_id, count in Counter(item["id"] for item in at_hub).items():
        if count > 1:
            problems.append(f"bill {cdr_id} is at the hub {count} times")
        if cdr_id not in expected:
            problems.append(f"bill {cdr_id} is at the hub, but not at the edge")
    held = {item["id"]: {key: value for key, value in item.items() if key not in ADDED_BY_HUB} for item in at_hub}
    for cdr_id, document in expected.items():
        if cdr_id not in held:
            problems.append(f"bill {cdr_id} is not at the hub")
        elif held[cdr_id] != document:
            differing = [key for key in document if held[cdr_id].get(key) != document[key]]
            problems.append(f"bill {cdr_id} is not the same at the hub: {', '.join(differing)}")
    return problems


def compare_with_chargers(transactions: Iterable[Mapping[str, Any]], cdrs: Iterable[Cdr]) -> list[str]:
    """Every way in which the bills differ from what the chargers' meters say; each transaction is billed once."""
    problems = []
    bills = Counter(
        (cdr.station_id, cdr.evse_id, cdr.token_uid, cdr.meter_start_wh, cdr.meter_stop_wh)
        for cdr in cdrs
        if not cdr.quarantine
    )
    for t in transactions:
        key = (t["station"], t["evse"], t["id_token"], t["meter_start_wh"], t["meter_stop_wh"])
        if not t["acknowledged_start"] and not t["acknowledged_stop"]:
            continue
        if bills[key] != 1:
            what = f"{t['station']}*{t['evse']} {t['meter_start_wh']}..{t['meter_stop_wh']} Wh from {t['started_at']}"
            problems.append(f"transaction {t['transaction_id']} ({what}) is billed {bills[key]} times")
        del bills[key]
    problems += [f"there is a bill that no charger knows of: {key}" for key in bills]
    return problems
