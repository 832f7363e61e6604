"""A desk that the tests ask like a CSMS: real handlers, a real charger, every payload validated by the schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from ocpp.charge_point import camel_to_snake_case, remove_nones, serialize_as_dict, snake_to_camel_case
from ocpp.messages import Call, CallResult, _validate_payload

from firmware_sim.charger import Charger
from firmware_sim.messages import Event, Message, Note, Output, Reply, Said, TransactionMessage
from firmware_sim.ocpp16_client import Ocpp16Mouth
from firmware_sim.ocpp201_client import Ocpp201Mouth, ocpp21_mouth
from firmware_sim.ocpp_client import Mouth
from firmware_sim.settings import OcppVersion
from firmware_sim.station_model import StationModel
from tests.firmware_sim.playbook import T0, at, online, spec

T = TypeVar("T")
MOUTHS: dict[OcppVersion, tuple[Mouth, str]] = {
    OcppVersion.V16: (Ocpp16Mouth(), "1.6"),
    OcppVersion.V201: (Ocpp201Mouth(), "2.0.1"),
    OcppVersion.V21: (ocpp21_mouth(), "2.1"),
}


def wire(call: Any) -> tuple[str, dict[str, Any]]:
    payload = snake_to_camel_case(remove_nones(serialize_as_dict(call)))
    return type(call).__name__, json.loads(json.dumps(payload))


class FakeDesk:
    """A desk that remembers what it was asked as events; the charger behind it is real."""

    def __init__(self, version: OcppVersion, **plate: Any) -> None:
        self.version = version
        self.charger = Charger(spec(version, **plate), T0)
        self.asked: list[Event] = []

    def ask(self, event: Event) -> str:
        self.asked.append(event)
        return "Accepted"

    def act(self, request: Callable[[StationModel], T]) -> T:
        return self.charger.perform(request, self.charger.now)[0]

    def is_waiting(self, transaction_id: str | None) -> bool:
        return False


def ask(version: OcppVersion, desk: Any, action: str, **payload: Any) -> dict[str, Any]:
    """Call a handler as the package does, and validate what it answers."""
    mouth, schema = MOUTHS[version]
    result = mouth.result(action, mouth.routes(desk)[action](**payload))
    name, answered = wire(result)
    assert name == action
    validated = CallResult("1", answered)
    validated.action = action
    _validate_payload(validated, schema)
    return answered


class LiveDesk(FakeDesk):
    """A desk whose charger is online and takes events too; all it says is kept, and validated as it goes."""

    def __init__(self, version: OcppVersion, **plate: Any) -> None:
        super().__init__(version, **plate)
        self.outputs: list[Output] = []
        self.now = T0
        self.take(online(self.charger))
        self.outputs.clear()

    def take(self, outputs: list[Output]) -> str | None:
        self.outputs += outputs
        mouth, schema = MOUTHS[self.version]
        for each in outputs:
            if isinstance(each, Message) and (call := mouth.call(each, self.charger)) is not None:
                action, payload = wire(call)
                _validate_payload(Call("1", action, payload), schema)
        return next((each.status for each in outputs if isinstance(each, Reply)), None)

    def at(self, seconds: float) -> None:
        """Let the time pass until that many seconds after the beginning."""
        self.now = at(seconds)
        self.take(self.charger.advance(self.now))

    def happens(self, event: Event) -> str | None:
        return self.take(self.charger.handle(event, self.now))

    def ask(self, event: Event) -> str:
        return self.happens(event) or "Rejected"

    def act(self, request: Callable[[StationModel], T]) -> T:
        answer, outputs = self.charger.perform(request, self.now)
        self.take(outputs)
        return answer

    def request(self, action: str, **payload: Any) -> dict[str, Any]:
        """A request with names in camelCase, validated, as it comes over the wire; the answer likewise."""
        _validate_payload(Call("1", action, payload), MOUTHS[self.version][1])
        return ask(self.version, self, action, **camel_to_snake_case(payload))

    def said(self, *actions: str) -> list[dict[str, Any]]:
        """What it said of these, as it is on the wire."""
        mouth, _ = MOUTHS[self.version]
        wanted = [each for each in self.of(Said) if each.action in actions]
        return [wire(mouth.call(each, self.charger))[1] for each in wanted]

    def of(self, kind: type[T]) -> list[T]:
        return [each for each in self.outputs if isinstance(each, kind)]

    def notes(self, what: str) -> list[Note]:
        return [each for each in self.of(Note) if each.what == what]

    def steps(self) -> list[TransactionMessage]:
        return self.of(TransactionMessage)


def timestamp(seconds: float) -> str:
    """A time after the beginning, as OCPP writes it."""
    return at(seconds).isoformat().replace("+00:00", "Z")
