"""What is written can be read, and what is not ours raises BadEntry and nothing else, within bounds."""

from __future__ import annotations

import contextlib
import json
import string
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from pydantic import AwareDatetime, JsonValue, TypeAdapter

from protocols.charger.jobs import ApplyTemplateJob, StationPattern, UpdateFirmwareJob
from protocols.charger.operations.smart_charging import ChargingProfile, ChargingSchedule, SchedulePeriod
from protocols.charger.operations.variables import VariableName, VariableSetting
from protocols.errors import BadEntry
from protocols.sync import codec
from protocols.sync.down import Ack, Command, DesiredTokens
from protocols.sync.filters import DeviceClass, FilterChanged, MeasurandFilter
from protocols.sync.present import Birth, EdgeState, Live
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmRaised, Entry, EventBody, MoneyBody, Severity, stream_of
from protocols.terms import Measurand
from tests.protocols.sync.sample_things import EPOCH, T0
from tests.protocols.sync.samples import ENTRIES, MESSAGES

KINDS = (Birth, EdgeState, Live, Ack, DesiredTokens, Command)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)

BODIES = (*get_args(MoneyBody), *get_args(EventBody))
ZONES = st.just(UTC) | st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(timezones=ZONES)
PYDANTIC = TypeAdapter(Entry)
st.register_type_strategy(AwareDatetime, TIMES)
st.register_type_strategy(datetime, TIMES)
st.register_type_strategy(
    JsonValue,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    ),
)
PERIODS = st.builds(SchedulePeriod, start_s=st.integers(0, 86_400), limit=st.integers(0, 400_000).map(float))
st.register_type_strategy(
    ChargingProfile,
    st.builds(
        ChargingProfile,
        schedules=st.lists(
            st.builds(
                ChargingSchedule,
                periods=st.lists(PERIODS, min_size=1, max_size=3).map(tuple),
                duration_s=st.none() | st.integers(0, 86_400),
                min_charging_rate=st.none(),
                sales_tariff=st.none(),
            ),
            min_size=1,
            max_size=3,
        ).map(tuple),
        stack_level=st.integers(0, 9),
        profile_id=st.none() | st.integers(0, 99),
        charger_transaction_id=st.none() | st.text(min_size=1, max_size=36),
    ),
)
NAMES = st.text(min_size=1, max_size=50)
NUMBERS = st.none() | st.integers(0, 999)
st.register_type_strategy(
    VariableSetting,
    st.builds(
        VariableSetting,
        name=st.builds(
            VariableName, variable=NAMES, evse_id=NUMBERS, connector_id=st.none() | st.integers(1, 999), component=NAMES
        ),
        value=st.text(max_size=100),
    ),
)
UP_TO_A_DAY = st.none() | st.integers(0, 86_400)
st.register_type_strategy(
    FilterChanged,
    st.builds(
        FilterChanged,
        version=st.integers(0, 2**53 - 1),
        classes=st.dictionaries(
            st.sampled_from(DeviceClass),
            st.dictionaries(
                st.sampled_from(Measurand),
                st.builds(
                    MeasurandFilter,
                    deadband=st.none() | st.integers(0, 2**31 - 1),
                    percent=st.none() | st.integers(0, 100),
                    min_s=UP_TO_A_DAY,
                    max_s=UP_TO_A_DAY,
                ),
            ),
        ),
    ),
)
st.register_type_strategy(
    UpdateFirmwareJob,
    st.builds(UpdateFirmwareJob, file_id=st.text(min_size=8, max_size=64), retries=NUMBERS, retry_interval_s=NUMBERS),
)
st.register_type_strategy(
    ApplyTemplateJob,
    st.builds(
        ApplyTemplateJob,
        name=NAMES,
        settings=st.lists(st.from_type(VariableSetting), min_size=1, max_size=3).map(tuple),
        match=st.builds(StationPattern, vendor=NAMES, model=NAMES, firmware=NAMES),
    ),
)
st.register_type_strategy(Decimal, st.decimals(allow_nan=False, allow_infinity=False))


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
def test_entries_of_every_kind_are_the_bytes_that_pydantic_writes_and_read_back_the_same(kind: type[Any]) -> None:
    @settings(max_examples=20)
    @given(st.from_type(kind), st.integers(0, 2**53 - 1), TIMES)
    def check(body: Any, seq: int, at: datetime) -> None:
        entry = Entry(stream=stream_of(body), seq=seq, at=at, body=body)
        encoded = codec.encode_entry(entry)
        assert encoded == PYDANTIC.dump_json(entry)
        assert codec.decode_entry(encoded) == entry

    check()


def alarms(texts: list[str], first_seq: int) -> list[Entry]:
    return [
        Entry(
            stream=Stream.EVENT,
            seq=seq,
            at=T0,
            body=AlarmRaised(alarm_id="a", alarm="b", severity=Severity.INFO, text=text),
        )
        for seq, text in enumerate(texts, first_seq)
    ]


def batch_of(*items: str, first_seq: int = 1) -> bytes:
    return codec.encode_batch(EPOCH, Stream.EVENT, first_seq, [item.encode("utf-8") for item in items])


@given(st.lists(TEXT, min_size=1, max_size=60), st.integers(1, 2**50))
def test_a_batch_comes_out_as_it_went_in(texts: list[str], first_seq: int) -> None:
    entries = alarms(texts, first_seq)
    encoded = [codec.encode_entry(entry) for entry in entries]
    batch = codec.decode_batch(codec.encode_batch(EPOCH, Stream.EVENT, first_seq, encoded))
    assert batch.entries == tuple(entries)
    assert batch.dead == ()
    assert (batch.epoch, batch.stream, batch.first_seq) == (EPOCH, Stream.EVENT, first_seq)
    assert batch.last_seq == first_seq + len(texts) - 1
    assert [batch.raw[entry.seq].encode() for entry in entries] == encoded


@given(TEXT, st.integers(0, 2**53 - 1))
def test_messages_come_out_as_they_went_in(text: str, seq: int) -> None:
    ack = Ack(epoch=text, stream=Stream.MONEY, seq=seq)
    assert codec.decode(Ack, codec.encode(ack)) == ack


def test_only_what_is_long_is_compressed() -> None:
    assert codec.encode_batch(EPOCH, Stream.EVENT, 1, [b"{}"]).startswith(b"{")
    long = codec.encode_batch(EPOCH, Stream.EVENT, 1, [b"{}"] * 1000)
    assert long.startswith(b"\x78")
    assert len(long) < 200


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_garbage_is_bad_and_nothing_worse(payload: bytes) -> None:
    for read in (codec.decode_batch, codec.decode_entry, *(lambda p, k=kind: codec.decode(k, p) for kind in KINDS)):
        with pytest.raises(BadEntry):
            read(payload)
        with pytest.raises(BadEntry):
            read(zlib.compress(payload))


@given(st.data())
def test_a_damaged_message_is_bad_or_reads_as_something_whole(data: st.DataObject) -> None:
    message: Any = data.draw(st.sampled_from(list(MESSAGES.values())))
    payload = bytearray(codec.encode(message))
    if data.draw(st.booleans()):
        payload = payload[: data.draw(st.integers(0, len(payload) - 1))]
        with pytest.raises(BadEntry):
            codec.decode(type(message), bytes(payload))
    else:
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
        with contextlib.suppress(BadEntry):
            assert isinstance(codec.decode(type(message), bytes(payload)), type(message))


@given(JSON)
def test_an_entry_that_does_not_decode_is_a_dead_letter_and_its_neighbours_live(item: Any) -> None:
    first, last = (codec.encode_entry(entry).decode() for entry in replace_seqs(1, 3))
    batch = codec.decode_batch(batch_of(first, json.dumps(item), last))
    assert [entry.seq for entry in batch.entries] == [1, 3]
    assert [letter.seq for letter in batch.dead] == [2]
    assert batch.dead[0].reason
    batch.raw[2].encode("utf-8")


def replace_seqs(*seqs: int) -> list[Entry]:
    return [structs.replace(alarms(["x"], 1)[0], seq=seq) for seq in seqs]


def test_an_entry_in_the_wrong_place_is_a_dead_letter() -> None:
    (entry,) = replace_seqs(5)
    batch = codec.decode_batch(batch_of(codec.encode_entry(entry).decode(), first_seq=4))
    assert batch.dead[0].seq == 4
    money = codec.encode_entry(ENTRIES[0])
    assert codec.decode_batch(codec.encode_batch(EPOCH, Stream.EVENT, 1, [money])).dead


def test_text_that_no_database_stores_is_a_dead_letter() -> None:
    (entry,) = alarms(["a\0b"], 1)
    batch = codec.decode_batch(batch_of(codec.encode_entry(entry).decode()))
    assert "NUL" in batch.dead[0].reason
    (entry,) = alarms(["a\\u0000b"], 1)  # a backslash, a letter and digits: fine
    assert codec.decode_batch(batch_of(codec.encode_entry(entry).decode())).entries == (entry,)


def test_unknown_fields_are_for_newer_readers() -> None:
    document = json.loads(codec.encode(Ack(epoch=EPOCH, stream=Stream.MONEY, seq=4)))
    assert codec.decode(Ack, json.dumps(document | {"credit": 9}).encode()).seq == 4
    entry = json.loads(codec.encode_entry(ENTRIES[0]))
    entry["body"]["mood"] = "good"
    assert codec.decode_entry(json.dumps(entry)) == ENTRIES[0]


@pytest.mark.parametrize("version", ["", '"v":2,', '"v":null,', '"v":"x",'])
def test_another_version_is_refused(version: str) -> None:
    with pytest.raises(BadEntry):
        codec.decode(EdgeState, f'{{{version}"status":"online","epoch":"e"}}'.encode())
    with pytest.raises(BadEntry):
        codec.decode_batch(f'{{{version}"epoch":"e","stream":"event","first_seq":1,"entries":[1]}}'.encode())


@pytest.mark.parametrize("field", ["issued_at", "expires_at"])
def test_a_time_without_a_zone_is_refused(field: str) -> None:
    document = json.loads(codec.encode(MESSAGES["command_remote_stop"]))
    document[field] = document[field].rstrip("Z")
    with pytest.raises(BadEntry, match="timezone"):
        codec.decode(Command, json.dumps(document).encode())


@pytest.mark.parametrize("seq", [-1, 2**53, 2**64])
def test_numbers_that_no_database_stores_are_refused(seq: int) -> None:
    with pytest.raises(BadEntry):
        codec.decode(Ack, json.dumps({"v": 1, "epoch": "e", "stream": "money", "seq": seq}).encode())
    with pytest.raises(BadEntry):
        codec.decode_batch(
            json.dumps({"v": 1, "epoch": "e", "stream": "money", "first_seq": seq, "entries": [1]}).encode()
        )


def test_a_deflate_bomb_is_refused_within_bounds() -> None:
    bomb = zlib.compress(b"[" + b" " * 200_000_000 + b"]", 9)
    assert len(bomb) < 250_000
    tracemalloc.start()
    for read in (codec.decode_batch, lambda payload: codec.decode(Ack, payload)):
        with pytest.raises(BadEntry, match="more than"):
            read(bomb)
    assert tracemalloc.get_traced_memory()[1] < 4 * codec.MAX_INFLATED_BYTES
    tracemalloc.stop()
    with pytest.raises(BadEntry, match="more than"):
        codec.decode(Ack, b" " * (codec.MAX_INFLATED_BYTES + 1))


def test_a_batch_of_very_many_entries_is_refused_unread() -> None:
    entries = "[" + ",".join(["1"] * (codec.MAX_READ_BATCH_ENTRIES + 1)) + "]"
    with pytest.raises(BadEntry, match="entries"):
        codec.decode_batch(
            f'{{"v": 1, "epoch": "e", "stream": "money", "first_seq": 1, "entries": {entries}}}'.encode()
        )


def test_a_document_that_nobody_could_read_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_INFLATED_BYTES", 100)
    told = Ack(epoch="e" * 100, stream=Stream.MONEY, seq=1)
    with pytest.raises(BadEntry, match="no reader takes"):
        codec.encode(told)


@pytest.mark.parametrize("depth", [100, 500, 900, 1000, 100_000])
def test_depth_is_refused(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    try:
        assert codec.decode_batch(batch_of(nested)).dead
    except BadEntry:
        assert depth > 900
    with pytest.raises(BadEntry):
        codec.decode(Ack, nested.encode())


def test_every_letter_survives_compression() -> None:
    text = string.printable * 100 + "中文🚗"
    (entry,) = alarms([text], 1)
    assert codec.decode_batch(batch_of(codec.encode_entry(entry).decode())).entries == (entry,)
