"""What is written to a charger, and what is never written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.modbus.catalogue import load, parsed, profile_ids
from protocols.modbus.codec import BadValue
from protocols.modbus.reads import points
from protocols.modbus.register import Table
from protocols.modbus.setpoint import Write, allowed_limit, feed, limit_writes, write_raw, write_value

CHARGERS = [
    (profile_id, variant)
    for profile_id in profile_ids()
    for variant in (None, *parsed(profile_id).variants)
    if load(profile_id, variant).limit is not None
]


def wire(writes: tuple[Write, ...]) -> list[tuple[int, int, tuple[int, ...]]]:
    return [(write.function, write.address, write.words) for write in writes]


@pytest.mark.parametrize(
    ("profile_id", "variant", "limit", "expected"),
    [
        ("abb_terra_ac", None, 16_000, [(16, 16640, (0, 16_000))]),
        ("abb_terra_ac", None, None, [(16, 16640, (0, 0))]),
        ("alfen_eve", None, 16_000, [(16, 1210, (0x4180, 0))]),
        ("phoenix_ev_cc_eth", None, 16_000, [(6, 528, (16,)), (5, 400, (1,))]),
        ("phoenix_ev_cc_eth", "wallbe", 16_500, [(6, 528, (165,)), (5, 400, (1,))]),
        ("phoenix_ev_cc_eth", None, None, [(5, 400, (0,))]),
        ("keba_p30_p40", None, 13_370, [(6, 5004, (13_370,)), (6, 5014, (1,))]),
        ("keba_p30_p40", None, None, [(6, 5014, (0,))]),
        ("keba_p30_p40", "p40", None, [(6, 5004, (0,))]),
        ("mennekes_amtron_compact", None, 6_000, [(16, 770, (0x40C0, 0)), (6, 3333, (1,))]),
        ("heidelberg_energy_control", None, 6_100, [(16, 261, (61,))]),
        ("abl_emh1", None, 16_020, [(16, 20, (267,))]),
        ("abl_emh1", None, None, [(16, 20, (1000,))]),
        ("alpitronic_hyc", None, 50_000, [(16, 100, (0, 50_000))]),
        ("alpitronic_hyc", None, None, [(16, 100, (0, 1547))]),
        ("delta_ac_max_slim", None, 11_000, [(16, 1600, (0, 11_000)), (6, 1602, (0,))]),
        ("delta_ac_max_slim", None, None, [(6, 1602, (1,))]),
        ("compleo_ebox_pro", None, 11_000, [(6, 256, (110,))]),
        ("em2go", None, None, [(16, 95, (2,))]),
        ("evse_din", "precise", 6_010, [(16, 1000, (601,))]),
        ("bender_cc612", None, 6_000, [(16, 1000, (6,))]),
        ("bender_cc612", "mennekes_4you", 6_100, [(16, 1001, (61,))]),
    ],
)
def test_a_limit_is_written_as_the_device_wants_it(
    profile_id: str, variant: str | None, limit: int | None, expected: list[tuple[int, int, tuple[int, ...]]]
) -> None:
    assert wire(limit_writes(load(profile_id, variant), limit)) == expected


@pytest.mark.parametrize(("profile_id", "variant"), CHARGERS)
@given(wanted=st.integers(-1_000, 400_000), highest=st.none() | st.integers(0, 80_000))
def test_a_limit_is_never_above_what_was_wanted(
    profile_id: str, variant: str | None, wanted: int, highest: int | None
) -> None:
    profile = load(profile_id, variant)
    limit = allowed_limit(profile, wanted, highest)
    assert profile.limit is not None
    register = profile.registers[profile.limit.register]
    (point,) = points(profile, [profile.limit.register])
    if limit is None:
        assert min(wanted, highest if highest is not None else wanted) < profile.limit.minimum + point.coding.step
    else:
        assert profile.limit.minimum <= limit <= min(wanted, highest if highest is not None else wanted)
        assert profile.limit.maximum is None or limit <= profile.limit.maximum
    writes = limit_writes(profile, limit)
    written = [write for write in writes if write.name == profile.limit.register]
    if limit is not None:
        assert point.coding.decode(written[0].words).value == limit
        assert writes[0] is written[0]
    elif written:
        assert point.coding.decode(written[0].words).value == profile.limit.pause
    assert all(write.function in ((5,) if write.table is Table.COIL else (6, 16)) for write in writes)
    assert register.is_writable


def test_what_a_device_tells_of_itself_narrows_its_limits() -> None:
    abb = load("abb_terra_ac")
    assert allowed_limit(abb, 32_000, highest=16_000) == 16_000
    assert allowed_limit(abb, 7_000, lowest=8_000) is None
    assert allowed_limit(abb, 5_999) is None


def test_a_limit_that_is_not_allowed_is_not_written() -> None:
    for limit in (5_000, 0, 6_050):
        with pytest.raises(BadValue, match="does not take"):
            limit_writes(load("heidelberg_energy_control"), limit)
    with pytest.raises(BadValue, match="takes no limit"):
        limit_writes(load("eastron_sdm630"), 16_000)
    with pytest.raises(BadValue, match="takes no limit"):
        allowed_limit(load("eastron_sdm630"), 16_000)


def test_what_cannot_be_written_is_refused() -> None:
    abb = load("abb_terra_ac")
    for name, why in (("power", "cannot be written"), ("colour", "has no register")):
        with pytest.raises(BadValue, match=why):
            write_value(abb, name, 1)
    with pytest.raises(BadValue, match="cannot be"):
        write_value(abb, "set_comm_timeout", 5_000)
    assert write_value(abb, "set_comm_timeout", 30_000).words == (30,)
    assert write_raw(abb, "lock_cable", 1).words == (1,)


@pytest.mark.parametrize(
    ("profile_id", "register", "value"),
    [
        ("keba_p30_p40", "heartbeat_set_failsafe_timeout", 0),
        ("heidelberg_energy_control", "watchdog_timeout", 0),
        ("delta_ac_max_slim", "comm_timeout", 0),
        ("alpitronic_hyc", "set_power", 0),
        ("alpitronic_hyc", "set_power", 1_000),
        ("abb_terra_ac", "set_current", 3_000),
        ("abl_emh1", "set_current_pwm", 54_000),
    ],
)
def test_nobody_writes_what_must_not_be(profile_id: str, register: str, value: int) -> None:
    profile = load(profile_id)
    with pytest.raises(BadValue, match=r"switch the watchdog|does not take a limit"):
        write_value(profile, register, value)
    (point,) = points(profile, [register])
    with pytest.raises(BadValue, match=r"switch the watchdog|does not take a limit"):
        write_raw(profile, register, int(value / point.coding.step))


def test_each_watchdog_is_fed_what_it_wants() -> None:
    alfen = load("alfen_eve")
    (setpoint,) = limit_writes(alfen, 10_000, 2)
    assert feed(alfen, setpoint, evse_id=2) is setpoint
    assert feed(alfen, None) is None
    assert feed(load("abb_terra_ac"), setpoint) is None
    assert feed(load("siemens_versicharge"), setpoint) is None
    cases = {
        "keba_p30_p40": (5018, (60,)),
        "webasto_next": (6000, (1,)),
        "schneider_evlink_pro_ac": (4000, (1,)),
        "mennekes_amtron_compact": (0x0D00, (0x55AA,)),
    }
    for profile_id, expected in cases.items():
        fed = feed(load(profile_id), None, 60)
        assert fed is not None
        assert (fed.address, fed.words) == expected
    assert feed(load("keba_p30_p40"), None) is None


@pytest.mark.parametrize(
    ("profile_id", "timeout_s", "expected"),
    [
        ("alfen_eve", None, 30),
        ("abb_terra_ac", 20, 10),
        ("heidelberg_energy_control", 15, 3.75),
        ("schneider_evlink_pro_ac", None, 2),
        ("mennekes_amtron_compact", 60, 5),
        ("webasto_next", 60, 30),
        ("webasto_next", None, None),
        ("keba_p30_p40", 0, None),
    ],
)
def test_a_watchdog_is_fed_well_within_its_time(
    profile_id: str, timeout_s: float | None, expected: float | None
) -> None:
    watchdog = load(profile_id).watchdog
    assert watchdog is not None
    assert watchdog.feed_interval_s(timeout_s) == expected
