"""The site that fits a fleet: a configuration and a token list for an edge agent, written as a person would."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

from firmware_sim.load.plan import Identities, Traits, agent_of
from protocols.errors import BadText

_SITE: Final = """\
# The site of a fleet of {stations} simulated charging stations, written by `ohmstead-sim fleet --write-config`.

edge_id = "{edge_id}"
data_dir = "{data_dir}"
currency = "EUR"
default_tariff = "ac"

[location]
id = "LOC-FLEET"
name = "Fleet"
time_zone = "Europe/Berlin"
country_code = "DE"
party_id = "OHM"

[ocpp]
host = "127.0.0.1"
port = {port}
heartbeat_interval_s = {heartbeat_s}

[local]
port = 0

[log]
level = "warning"

[[tariffs]]
id = "ac"
last_updated = 2026-01-01T00:00:00Z
tariff_alt_text = "0.50 EUR per session, 0.49 EUR/kWh; plus 19 % VAT"

[[tariffs.elements]]
price_components = [
    {{ type = "FLAT", price = 0.50, vat = 19 }},
    {{ type = "ENERGY", price = 0.49, vat = 19, step_size = 1 }},
]
"""
_AGENT: Final = "{agent}"
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32


def password_hash(password: str) -> str:
    """`blake2b$<salt>$<hash>`, as the edge agent's settings keep a station's password."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = blake2b(password.encode(), digest_size=_HASH_BYTES, salt=salt).hexdigest()
    return f"blake2b${salt.hex()}${digest}"


def write_configs(path: Path, identities: Identities, *, ports: Sequence[int], evses: int, heartbeat_s: float) -> None:
    """Write the TOML file of an edge agent for each port, with the stations that are its own.

    With several, `{agent}` in the path stands for their numbers, from 1. Raises BadText.
    """
    if len(ports) > 1 and _AGENT not in path.name:
        raise BadText(f"--write-config: {len(ports)} agents need a name such as edge-{_AGENT}.toml")
    for agent, port in enumerate(ports):
        number = f"-{agent + 1}" if len(ports) > 1 else ""
        site = _SITE.format(
            stations=identities.stations,
            edge_id=f"fleet{number}",
            data_dir=f"data{number}",
            port=port,
            heartbeat_s=max(1, round(heartbeat_s)),
        )
        mine = _of_agent(identities, agent, len(ports))
        _write(_named(path, agent), site + "".join(_stations(identities, mine, evses)))


def write_tokens(path: Path, identities: Identities, *, agents: int = 1) -> None:
    """Write the fleet's tokens, one for each station, as `ohmstead-edge tokens import` takes them.

    With `{agent}` in the path each agent's apart. Raises BadText.
    """
    apart = agents if _AGENT in path.name else 1
    for agent in range(apart):
        mine = _of_agent(identities, agent, apart)
        rows = (f"{traits.token},CONTRACT-{traits.number}\n" for traits in mine)
        _write(_named(path, agent), "uid,contract_id\n" + "".join(rows))


def _of_agent(identities: Identities, agent: int, agents: int) -> Iterator[Traits]:
    return (traits for traits in identities.all() if agent_of(traits.number, agents) == agent)


def _named(path: Path, agent: int) -> Path:
    return path.with_name(path.name.replace(_AGENT, str(agent + 1)))


def _stations(identities: Identities, mine: Iterable[Traits], evses: int) -> Iterator[str]:
    for traits in mine:
        hashed = password_hash(identities.password_of(traits.station_id))
        bays = ", ".join(
            f'{{ id = {evse}, label = "{traits.number}-{evse}", max_power_kw = 22 }}' for evse in range(1, evses + 1)
        )
        yield f'\n[[stations]]\nid = "{traits.station_id}"\npassword_hash = "{hashed}"\nevses = [{bays}]\n'


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadText(f"cannot write {path}: {error.strerror}") from error
