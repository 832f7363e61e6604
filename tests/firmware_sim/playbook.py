"""What the tests of the pure model share: a station, a time, and the filters they read outputs with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from firmware_sim.charger import Charger
from firmware_sim.messages import (
    Answer,
    Answered,
    AuthorizeMessage,
    BootAnswer,
    BootMessage,
    LinkUp,
    Message,
    Note,
    Output,
    Plugged,
    PowerRestored,
    Presented,
    Reboot,
    Reply,
    TokenAnswer,
    TransactionMessage,
)
from firmware_sim.settings import EvseSpec, OcppVersion, StationSpec
from firmware_sim.vehicle import Vehicle

T0 = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
CARD = "04A1B2C3D4E501"
OTHER_CARD = "04A1B2C3D4E502"
ACCEPTED = TokenAnswer(status="Accepted")


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def spec(version: OcppVersion = OcppVersion.V16, **changed: object) -> StationSpec:
    known: dict[str, object] = {
        "station_id": "CP01",
        "ocpp": version,
        "serial": "OS-1001",
        "evses": (
            EvseSpec(evse_id=1, max_power_w=11_000, odometer_wh=1_000),
            EvseSpec(evse_id=2, max_power_w=150_000, phases=0, odometer_wh=2_000),
        ),
    }
    return StationSpec(**(known | changed))  # type: ignore[arg-type]


def car(soc_percent: int = 40, **changed: object) -> Vehicle:
    known: dict[str, object] = {"battery_wh": 60_000, "max_dc_power_w": 120_000}
    return Vehicle.at_percent(soc_percent, **(known | changed))  # type: ignore[arg-type]


def messages(outputs: Iterable[Output]) -> list[Message]:
    return [each for each in outputs if not isinstance(each, Note | Reply | Reboot)]


def steps(outputs: Iterable[Output]) -> list[TransactionMessage]:
    return [each for each in outputs if isinstance(each, TransactionMessage)]


def replies(outputs: Iterable[Output]) -> list[str]:
    return [each.status for each in outputs if isinstance(each, Reply)]


def answer(
    charger: Charger, outputs: Iterable[Output], kind: type[Message], with_: Answer, when: datetime
) -> list[Output]:
    """Let the CSMS answer the first message of that kind."""
    message = next(each for each in messages(outputs) if isinstance(each, kind))
    return charger.handle(Answered(message=message, answer=with_), when)


def online(charger: Charger, when: datetime = T0) -> list[Output]:
    """Power up, connect and be accepted."""
    charger.handle(PowerRestored(), when)
    told = charger.handle(LinkUp(), when)
    return answer(charger, told, BootMessage, BootAnswer(accepted=True, interval_s=300), when)


def charging(charger: Charger, evse_id: int = 1, id_token: str = CARD) -> None:
    """Online, plugged at 10 s, accepted and started at 20 s, the start answered at 21 s."""
    online(charger)
    charger.handle(Plugged(evse_id=evse_id, vehicle=car()), at(10))
    asked = charger.handle(Presented(evse_id=evse_id, id_token=id_token), at(20))
    begun = answer(charger, asked, AuthorizeMessage, ACCEPTED, at(20))
    started = steps(begun)[0]
    charger.handle(Answered(message=started, answer=TokenAnswer(status="Accepted", csms_id=7)), at(21))
