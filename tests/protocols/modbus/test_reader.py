"""A profile is one file: a newcomer writes one, and whatever is wrong with one is named, all of it, with its place."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from protocols.modbus.catalogue import Fit, fit, signs
from protocols.modbus.profile import Scope, WatchdogKind
from protocols.modbus.reader import BadProfile, parse
from protocols.modbus.reads import names_of, plan, points, singles
from protocols.modbus.register import Group
from protocols.modbus.setpoint import feed, limit_writes
from protocols.modbus.status import EvseStatus, read_status
from protocols.terms import ChargingState, ConnectorStatus
from tests.protocols.modbus.device import Memory

NEW = """\
# A charger that nobody has made yet: two sockets, 50 words apart.

id = "acme_two"
kind = "charger"
vendor = "Acme"
model = "Two"
sources = ["Acme Two Modbus manual 1.0"]
transports = ["tcp"]
unit_id = 7
word_order = "little"

[evses]
at_most = 2
base = 1000
stride = 50
count_register = "sockets"

[unavailable]
uint32 = [0xFFFFFFFF]

[[reads.blocks]]
table = "input"
first = 0
last = 20

[[identify]]
register = "product"
equals = ["ACME-2"]
is_proof = true

[[status]]
register = "state"
codes = { 0 = "A", 1 = "B", 2 = "C", 3 = "F" }

[limit]
register = "limit"
minimum = 6_000
maximum = 32_000
pause = 0

[energy]
total = "energy"

[watchdog]
kind = "life_bit"
register = "alive"
value = 1
timeout_s = 10

[registers]
product = { address = 0, table = "input", type = "string8", group = "once", scope = "station", source = "p. 3" }
sockets = { address = 4, table = "input", type = "uint16", group = "once", scope = "station", source = "p. 3" }
alive = { address = 9, table = "holding", type = "uint16", access = "w", scope = "station", source = "p. 4" }
state = { address = 0, table = "input", type = "uint16", unit = "enum", group = "fast", source = "p. 5" }
limit = { address = 0, table = "holding", type = "uint16", scale = 0.1, unit = "A", access = "rw", source = "p. 6" }

[registers.energy]
address = 2
table = "input"
type = "uint32"
scale = 0.1
unit = "kWh"
group = "fast"
measurand = "Energy.Active.Import.Register"
source = "p. 5"

[registers.current]
address = 8
table = "input"
type = "float32"
count = 3
unit = "A"
group = "fast"
measurand = "Current.Import"
source = "p. 5"

[variants.old]
about = "firmware 1: whole amperes"
when = [{ register = "product", equals = ["ACME-1"] }]

[variants.old.change]
registers.limit.scale = 1
"""


def test_a_newcomer_adds_a_device_by_adding_one_file(tmp_path: Path) -> None:
    file = tmp_path / "acme_two.toml"
    file.write_text(NEW, encoding="utf-8")
    profile, variants = parse(file.read_text(encoding="utf-8"))
    memory = Memory()
    memory.put_words(profile, "product", *struct.unpack(">4H", b"ACME-2\0\0"))
    memory.put_words(profile, "state", 2, evse_id=2)
    memory.put_words(profile, "energy", 0x86A1, 0x0001, evse_id=2)
    memory.put_words(profile, "current", 0x0000, 0x4180, 0x3333, 0x417B, 0, 0, evse_id=2)

    fast = names_of(profile, Group.FAST, scope=Scope.EVSE)
    reads = plan(points(profile, fast, 2), profile)
    assert [(r.unit_id, r.function, r.address, r.count) for r in reads] == [(7, 4, 1050, 14)]
    values = memory.values(profile, fast, 2)
    assert values[2, "energy", 0].value == 10_000_100
    assert [values[2, "current", phase].value for phase in range(3)] == [16_000, 15_700, 0]
    assert read_status(profile, singles(values, 2)) == EvseStatus(ConnectorStatus.OCCUPIED, ChargingState.CHARGING)

    (write,) = limit_writes(profile, 13_500, 2)
    assert (write.unit_id, write.address, write.function, write.words) == (7, 1050, 6, (135,))
    fed = feed(profile, None)
    assert fed is not None
    assert (fed.address, fed.words) == (9, (1,))
    assert profile.watchdog is not None
    assert profile.watchdog.kind is WatchdogKind.LIFE_BIT
    assert profile.watchdog.feed_interval_s() == 5

    shown = singles(memory.values(profile, [point.name for point in signs(profile)]))
    assert fit(profile, shown) is Fit.PROVEN
    _, old = variants["old"]
    (write,) = limit_writes(old, 13_000)
    assert write.words == (13,)


def problems_of(text: str) -> dict[str, str]:
    with pytest.raises(BadProfile) as caught:
        parse(text)
    told: dict[str, str] = {}
    for problem in caught.value.problems:
        place = ".".join(map(str, problem.at))
        told[place] = f"{told[place]}; {problem.text}" if place in told else problem.text
    return told


BAD = [
    ('id = "acme_two"', 'id = "Acme Two"', "id", "match pattern"),
    ('vendor = "Acme"', "", "vendor", "is missing"),
    ('vendor = "Acme"', 'vendor = "Acme"\ncolour = "red"', "colour", "there is no such key"),
    ('transports = ["tcp"]', 'transports = ["udp"]', "transports.0", "'tcp'"),
    ('transports = ["tcp"]', 'transports = ["tcp"]\nserial = "9600 8N1"', "serial", "no serial line"),
    ("unit_id = 7", "unit_id = 300", "unit_id", "less than or equal to 255"),
    ("unit_id = 7", 'unit_id = "7"', "unit_id", "valid integer"),
    ("unit_id = 7", "unit_id = true", "unit_id", "valid integer"),
    ("stride = 50\n", "", "evses.at_most", "how EVSE 2 differs"),
    ("stride = 50", "stride = 5", "registers.current.count", "6 words reach into the next EVSE's"),
    ("at_most = 2", "at_most = 2\nunit_ids = [1]", "evses.unit_ids", "2 EVSEs have 2 units"),
    ("base = 1000", "base = 65500", "registers.state.address", "beyond 65535"),
    ('count_register = "sockets"', 'count_register = "plugs"', "evses.count_register", "no register 'plugs'"),
    ("uint32 = [0xFFFFFFFF]", "uint33 = [0]", "unavailable.uint33", "there is no type 'uint33'"),
    ("last = 20", "last = -1", "reads.blocks.0.last", "greater than or equal to 0"),
    ("first = 0\nlast = 20", "first = 30\nlast = 20", "reads.blocks.0", "before it begins"),
    ('register = "state"', 'register = "stat"', "status.0.register", "no register 'stat'"),
    ('register = "state"', 'register = "current"', "status.0.register", "3 values; one is expected"),
    ('3 = "F"', '3 = "X"', "status.0.codes.3", "'X' is no status"),
    ('3 = "F"', 'C2 = "F"', "status.0.codes.C2", "holds a number"),
    ('register = "limit"', 'register = "sockets"', "limit.register", "cannot be written"),
    ("minimum = 6_000", "minimum = 40_000", "limit.minimum", "above the maximum"),
    ("minimum = 6_000", "minimum = 6_050", "limit.minimum", "no multiple"),
    ("pause = 0", "", "limit", "how charging is paused is not said"),
    ("pause = 0", "pause = 16_000", "limit.pause", "lies between minimum and maximum"),
    ("pause = 0", "pause = -100", "limit.pause", "does not fit"),
    ("pause = 0", 'pause = 0\nreadback = "alive"', "limit.readback", "cannot be read"),
    ('total = "energy"', 'total = "state"', "energy.total", "it is no energy"),
    ('total = "energy"', 'total = "energy"\nsession = "energy"', "energy.session", "it is the total's register"),
    ("value = 1\ntimeout_s = 10", "timeout_s = 10", "watchdog", "a life_bit needs"),
    ("value = 1\ntimeout_s = 10", "value = 70_000\ntimeout_s = 10", "watchdog.value", "does not fit"),
    ("timeout_s = 10", "", "watchdog", "how soon it wants to be fed"),
    ("timeout_s = 10", "timeout_s = 10\nfeed_every_s = 9", "watchdog.feed_every_s", "twice within its 10 s"),
    ('kind = "life_bit"', 'kind = "sometimes"', "watchdog.kind", "'any_read'"),
    ('kind = "life_bit"', 'kind = "rewrite_timeout"', "", ""),
    ('kind = "charger"', 'kind = "meter"', "limit", "a meter has none"),
    ('type = "uint16", unit = "enum"', 'type = "uint17", unit = "enum"', "registers.state.type", "no type 'uint17'"),
    ('type = "uint16", unit = "enum"', 'type = "bool"', "registers.state.type", "holds words, no bool"),
    ('type = "uint16", unit = "enum"', 'type = "string8", unit = "A"', "registers.state.unit", "has no unit"),
    ('unit = "enum"', 'access = "rw"', "registers.state.access", "nothing can be written to table input"),
    ('unit = "enum"', "function = 6", "", ""),
    ('access = "rw", source', 'access = "rw", function = 5, source', "registers.limit.function", "function 6 or 16"),
    ("count = 3", "count = 2", "registers.current.phases", "which phases its 2 values are of"),
    ("count = 3", 'count = 3\nphases = ["L1"]', "registers.current.phases", "3 values have 3 phases"),
    ("count = 3", "count = 3\nstride = 1", "registers.current.stride", "a value takes 2 words"),
    ('"Current.Import"', '"Voltage"', "registers.current.measurand", "Voltage is given in mV"),
    ('"Current.Import"', '"Amperage"', "registers.current.measurand", "Input should be"),
    ('unit = "enum"', "first_bit = 15, bit_count = 2", "registers.state.first_bit", "has 16 bits"),
    ('unit = "kWh"', 'unit = "kWh"\ntable = "holding"', "", "not TOML"),
    ('unit = "kWh"', 'unit = "kWh"\nbit_count = 40', "registers.energy.first_bit", "has 32 bits"),
    ('scale = 0.1, unit = "A"', 'scale = 0, unit = "A"', "registers.limit.scale", "greater than 0"),
    (
        'scale = 0.1, unit = "A"',
        'scale_register = "sf", unit = "A"',
        "registers.limit.scale_register",
        "no register 'sf'",
    ),
    (', source = "p. 3" }\nsockets', " }\nsockets", "registers.product.source", "is missing"),
    ('unit = "enum"', "model = 103", "registers.state.model", "no model 103"),
    ('about = "firmware 1: whole amperes"', "", "variants.old.about", "is missing"),
    ("registers.limit.scale = 1", "registers.limit.scale = 40", "variants.old.change.limit.minimum", "no multiple"),
    ('equals = ["ACME-1"]', 'equals = ["ACME-1"], like = 3', "variants.old.when.0.like", "no such key"),
    ('when = [{ register = "product"', 'when = [{ register = "name"', "variants.old.when", "no register 'name'"),
    ("[registers]", "registers", "", "is not TOML"),
]


@pytest.mark.parametrize(("old", "new", "place", "text"), BAD)
def test_what_is_wrong_is_named(old: str, new: str, place: str, text: str) -> None:
    assert old in NEW
    changed = NEW.replace(old, new, 1)
    if not place and not text:
        parse(changed)  # right as well
        return
    problems = problems_of(changed)
    assert text in problems[place], problems


def test_everything_that_is_wrong_is_named_at_once() -> None:
    text = NEW
    for old, new in (
        ('id = "acme_two"', 'id = "Acme"'),
        ('register = "limit"', 'register = "nothing"'),
        ("minimum = 6_000", 'minimum = "six"'),
        ('3 = "F"', '3 = "X"'),
        ("value = 1\n", ""),
        ('"Current.Import"', '"Voltage"'),
        ("timeout_s = 10", ""),
        ('source = "p. 6"', 'sauce = "p. 6"'),
    ):
        text = text.replace(old, new, 1)
    places = set(problems_of(text))
    assert places >= {
        "id",
        "limit.register",
        "limit.minimum",
        "status.0.codes.3",
        "watchdog",
        "registers.current.measurand",
        "registers.limit.source",
        "registers.limit.sauce",
    }


@pytest.mark.parametrize("text", ["", "variants = 3", "registers = 3", "[registers]", "limit = 1\nstatus = 2", "x = ["])
def test_any_text_is_refused_with_reasons(text: str) -> None:
    assert problems_of(text)


def test_a_measurand_is_told_once() -> None:
    energy = NEW[NEW.index("[registers.energy]") : NEW.index("[registers.current]")]
    twice = NEW.replace(energy, energy + energy.replace(".energy]", ".other]"))
    assert "told by 'energy' already" in problems_of(twice)["registers.other.measurand"]
