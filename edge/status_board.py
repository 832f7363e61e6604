"""`ohmstead-edge status --watch`: how the agent is, second by second, from the differences of its counters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

BUSY_ACTIONS_SHOWN = 8


def board(now: Mapping[str, Any], before: Mapping[str, Any] | None, seconds: float) -> Group:
    """One picture of the agent. Rates are over `seconds`, since the status `before`; none for the first picture."""
    seconds = seconds if before is not None else 1.0
    return Group(_head(now), _flow(now, before, seconds), _actions(now, before, seconds), _alarms(now))


def at_most(now: Mapping[str, int], before: Mapping[str, int] | None, percent: int) -> str:
    """The bucket in which the given share of what was counted between two pictures ends; `-` where nothing was.

    Both map a limit in seconds to how many took at most so long.
    """
    counts = [(limit, count - (before or {}).get(limit, 0)) for limit, count in now.items()]
    total = counts[-1][1] if counts else 0
    for limit, count in counts:
        if total and count * 100 >= total * percent:
            return f"≤ {float(limit) * 1000:g} ms" if limit != "+Inf" else f"> {float(counts[-2][0]):g} s"
    return "-"


def _head(now: Mapping[str, Any]) -> Text:
    uplink = now["uplink"]
    link = "no hub" if not uplink["configured"] else "hub reached" if uplink["online"] else "HUB NOT REACHED"
    text = Text(f"{now['edge_id']}  {now['location']}  up {_duration(now['uptime_s'])}  {now['site_time'][:19]}Z  ")
    text.append(link, style="bold red" if link.isupper() else "")
    text.append(f"  software {now['software_version']}\n")
    text.append(
        f"{now['stations_online']} of {now['stations']} stations online, {now['transactions_open']} transactions open,"
        f" {now['power_w'] / 1000:.1f} kW"
    )
    if (clock := now.get("clock")) is not None and clock["quality"] in ("wrong", "stepped"):
        text.append(f"\nCLOCK {clock['quality'].upper()}", style="bold red")
    if flows := now.get("balance"):  # the site has meters of its own
        text.append(f"\n{flows_text(flows)}")
    return text


def flows_text(balance: Iterable[Mapping[str, Any]]) -> str:
    """Where power comes from and goes to; what is not known now is `?`."""
    powers = ((flow["part"], flow["power_w"]) for flow in balance)
    return ", ".join(f"{part} ?" if power_w is None else f"{part} {power_w / 1000:.1f} kW" for part, power_w in powers)


def _flow(now: Mapping[str, Any], before: Mapping[str, Any] | None, seconds: float) -> Table:
    chargers, was = now["chargers"], (before or {}).get("chargers", {})
    commits, commits_were = now["commits"], (before or {}).get("commits", {})
    made = commits["count"] - commits_were.get("count", 0)
    entries = commits["entries"] - commits_were.get("entries", 0)
    table = Table.grid(padding=(0, 2))
    pressure = now["pressure"]
    table.add_row("connections", f"{chargers['connections']}", "waited", _counts(chargers["waited"]))
    table.add_row(
        "inbox",
        f"{now['inbox']['waiting']}, oldest {now['inbox']['oldest_s']:.3f} s",
        "pressure",
        Text(pressure["name"], style="bold yellow" if pressure["level"] else ""),
    )
    table.add_row(
        "answers, 50 / 99 of 100",
        _both(chargers["answer_at_most_s"], was.get("answer_at_most_s")),
        "event loop late",
        at_most(now["loop_lag_s"]["at_most_s"], (before or {}).get("loop_lag_s", {}).get("at_most_s"), 99),
    )
    table.add_row(
        "commits",
        f"{made / seconds:.0f}/s of {entries / made:.1f} entries" if before and made else "-",
        "commit, 50 / 99 of 100",
        _both(commits["at_most_s"], commits_were.get("at_most_s")),
    )
    for stream, position in now["streams"].items():
        grown = position["last_seq"] - (before or now)["streams"][stream]["last_seq"]
        waiting = position["last_seq"] - position["acked_seq"]
        table.add_row(
            f"{stream} journal", f"{position['last_seq']}, {grown / seconds:.1f}/s", "not yet at the hub", f"{waiting}"
        )
    for peer in now.get("peers", ()):  # the other agents of the node
        said = {True: "reached", False: "NOT REACHED", None: "not asked yet"}[peer["reachable"]]
        reached = Text(said, style="bold red" if said.isupper() else "")
        table.add_row(f"agent {peer['edge_id']}", reached, "stations wait for it", f"{peer['stations_waiting']}")
    telemetry = now["telemetry"]
    table.add_row(
        "readings kept",
        f"{telemetry['kept']}",
        "dropped by the filter / thinned",
        f"{telemetry['dropped_by_filter']} / {telemetry['thinned_by_pressure']}",
    )
    return table


def _actions(now: Mapping[str, Any], before: Mapping[str, Any] | None, seconds: float) -> Table:
    were = before["chargers"]["messages"] if before else {}
    rates = {a: (count - were.get(a, 0)) / seconds for a, count in now["chargers"]["messages"].items()}
    table = Table("message", "per second", "since the start", box=None, padding=(0, 2))
    for action in sorted(rates, key=lambda name: (-rates[name], name))[:BUSY_ACTIONS_SHOWN]:
        rate = f"{rates[action]:.1f}" if before else "-"
        table.add_row(action, rate, f"{now['chargers']['messages'][action]}")
    return table


def _alarms(now: Mapping[str, Any]) -> Text:
    text = Text()
    for alarm in now["alarms"]:
        text.append(f"{alarm['severity']}: {alarm['text']}\n", style="red" if alarm["severity"] == "critical" else "")
    return text


def _both(now: Mapping[str, int], before: Mapping[str, int] | None) -> str:
    return f"{at_most(now, before, 50)} / {at_most(now, before, 99)}"


def _counts(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counted.items())


def _duration(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"
