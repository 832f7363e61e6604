"""What a run has shown: one JSON object, and the same as a table for people."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from firmware_sim.load.latency import Latencies
from firmware_sim.load.machine import Watched
from firmware_sim.load.plan import V201, Plan

_DELIVERED = "(all delivered)"
_TRANSACTIONS = ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")
_BUSY: Final = 0.9
_LATE_MS: Final = 5.0
_LATE_SHARE: Final = 0.25


def summary(plan: Plan, reports: list[dict[str, Any]], load: Watched, server: Watched | None) -> dict[str, Any]:
    """Add up what the processes report."""
    traits = list(plan.identities.all())
    latencies = _latencies(reports)
    lag = Latencies()
    errors: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for report in reports:
        lag.add(report["lag"])
        asked.update(report["asked_by_server"])
        for _, action, kind, count in report["errors"]:
            errors[f"{action}: {kind}"] += count
    phases = {name: _phase(plan, name, found, reports) for name, found in latencies.items()}
    busy = {name: _busy(name, phase, reports) for name, phase in phases.items() if phase.get("seconds")}
    told_lag = lag.summary()
    body = {
        "stations": plan.identities.stations,
        "ocpp2.0.1": sum(each.version == V201 for each in traits),
        "charging": sum(each.is_charging for each in traits),
        "processes": plan.processes,
        "agents": len(plan.targets),
        "interrupted": any(report["is_interrupted"] for report in reports),
        "ready": _total(reports, "ready"),
        "transactions": {
            "acknowledged_starts": _total(reports, "starts"),
            "acknowledged_stops": _total(reports, "stops"),
            "energy_wh": _total(reports, "energy_wh"),
            "open": _total(reports, "open_transactions"),
            "refused_tokens": _total(reports, "refused_tokens"),
        },
        "phases": phases,
        "errors": dict(errors.most_common()),
        "error_count": errors.total(),
        "answered": _total(reports, "answered"),
        "unanswered": _total(reports, "unanswered"),
        "unfinished_stations": _total(reports, "unfinished_stations"),
        "reconnects": _total(reports, "reconnects"),
        "asked_by_server": dict(asked),
        "load": {
            **load.summary(plan.identities.stations),
            "busy": busy,
            "lag": told_lag,
            "too_slow": _too_slow(phases, busy, told_lag),
        },
    }
    return body if server is None else body | {"server": server.summary(plan.identities.stations)}


def _busy(name: str, phase: dict[str, Any], reports: list[dict[str, Any]]) -> float:
    """The share of a phase in which the busiest process did not wait; whether it ran or was kept from running."""
    busiest_ns = max(report["busy_ns"].get(name, 0) for report in reports)
    return float(round(busiest_ns / 1e9 / phase["seconds"], 3))


def _too_slow(phases: dict[str, Any], busy: dict[str, float], lag: dict[str, Any]) -> list[str]:
    """Why the latencies are the load's own, in words; empty when they are the server's."""
    found = [f"busy for {share:.0%} of the phase {name!r}" for name, share in busy.items() if share >= _BUSY]
    steady_ms = phases["steady"]["(all)"]["p99_ms"] if "steady" in phases else 0.0
    if lag["p99_ms"] >= max(_LATE_MS, _LATE_SHARE * steady_ms):
        found.append(f"one message in a hundred sent {lag['p99_ms']:.1f} ms late or more")
    return found


def is_clean(body: dict[str, Any]) -> bool:
    """Everything was answered, as it should be, and every transaction begun was ended."""
    left = (body["error_count"], body["unanswered"], body["unfinished_stations"], body["transactions"]["open"])
    return not any(left)


def _total(reports: list[dict[str, Any]], key: str) -> int:
    return sum(report[key] for report in reports)


def _latencies(reports: list[dict[str, Any]]) -> dict[str, dict[str, Latencies]]:
    found: dict[str, dict[str, Latencies]] = {"ramp": {}, "steady": {}, "end": {}, "storm": {}}
    for report in reports:
        for phase, action, dumped in report["latencies"]:
            found[phase].setdefault(action, Latencies()).add(dumped)
    return {phase: actions for phase, actions in found.items() if actions}


def _phase(plan: Plan, name: str, actions: dict[str, Latencies], reports: list[dict[str, Any]]) -> dict[str, Any]:
    together, transactions = Latencies(), Latencies()
    for action, found in actions.items():
        if action != _DELIVERED:
            together.add(found.dump())
        if action.startswith(_TRANSACTIONS):
            transactions.add(found.dump())
    told = {action: found.summary() for action, found in sorted(actions.items())}
    body: dict[str, Any] = {
        "messages": together.count,
        "(all)": together.summary(),
        "(transactions)": transactions.summary(),
        "actions": told,
    }
    length_s = {"ramp": plan.ramp_s, "steady": plan.duration_s}.get(name)
    if name == "storm":
        last_ns = max(report["last_ns"].get(name, 0) for report in reports)
        length_s = (last_ns - plan.returns_ns(1)) / 1e9
    if length_s:
        body |= {"seconds": round(length_s, 3), "per_s": round(together.count / length_s, 1)}
    return body


def table(body: dict[str, Any]) -> str:
    """For people."""
    head = f"{'':<28}{'messages':>10}{'p50':>9}{'p90':>9}{'p99':>9}{'p99.9':>9}{'max':>10}  ms"
    lines = [head]
    for name, phase in body["phases"].items():
        rate = f", {phase['per_s']:.0f}/s" if "per_s" in phase else ""
        lines.append(f"{name}{rate}")
        lines += [_row(action, found) for action, found in (("(all)", phase["(all)"]), *phase["actions"].items())]
    lines += [f"{count:>8} x {error}" for error, count in body["errors"].items()]
    told = body["transactions"]
    lines.append(
        f"{body['ready']} of {body['stations']} stations ready; {told['acknowledged_starts']} transactions started,"
        f" {told['acknowledged_stops']} stopped, {told['energy_wh']} Wh, {told['open']} left open;"
        f" {body['error_count']} errors, {body['unanswered']} unanswered, {body['reconnects']} reconnects"
    )
    for who in ("server", "load"):
        if who in body:
            each = body[who]
            lines.append(f"{who}: {each['cores_steady']} cores in the steady phase, {each['peak_kb']} kB at the most")
    lines += [f"the load was too slow, the latencies are partly its own: {why}" for why in body["load"]["too_slow"]]
    return "\n".join(lines)


def _row(action: str, found: dict[str, Any]) -> str:
    values = [found["p50_ms"], found["p90_ms"], found["p99_ms"], found["p99_9_ms"]]
    return f"  {action:<26}{found['count']:>10}" + "".join(f"{v:>9.2f}" for v in values) + f"{found['max_ms']:>10.2f}"
