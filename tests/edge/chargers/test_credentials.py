"""Passwords of stations."""

from __future__ import annotations

import base64
import time

import pytest

from edge.chargers.credentials import Credentials, generate_password, hash_password
from protocols.errors import BadText
from tests.edge.chargers.scripted import basic

PASSWORD = "0123456789abcdef"


def header(username: str, password: str) -> str:
    return basic(username, password)["Authorization"]


def test_the_right_id_and_password_are_let_in() -> None:
    credentials = Credentials({"CS-1": hash_password(PASSWORD), "CS-2": hash_password(PASSWORD[::-1])})
    assert credentials.check("CS-1", header("CS-1", PASSWORD))
    assert credentials.check("CS-1", header("CS-1", PASSWORD).replace("Basic", "basic"))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"CS-1").decode(),
        "Bearer abc",
        header("CS-1", PASSWORD[::-1]),
        header("CS-2", PASSWORD),
        header("CS-1", ""),
        header("CS-1", PASSWORD) + "x",
        "Basic " + base64.b64encode(b"\xff\xfe:\x00").decode(),
        "Basic 日本",
    ],
)
def test_everything_else_is_not(authorization: str | None) -> None:
    credentials = Credentials({"CS-1": hash_password(PASSWORD), "CS-2": hash_password(PASSWORD[::-1])})
    assert not credentials.check("CS-1", authorization)
    assert not credentials.check("CS-9", authorization)


def test_equal_passwords_have_different_hashes_and_neither_shows_them() -> None:
    first, second = hash_password(PASSWORD), hash_password(PASSWORD)
    assert first != second
    assert PASSWORD not in first


@pytest.mark.parametrize("password", ["", "short", "x" * 15, "x" * 41, "é" * 21])
def test_passwords_outside_the_standards_length_cannot_be_set_up(password: str) -> None:
    with pytest.raises(BadText, match="16 to 40"):
        hash_password(password)


def test_generated_passwords_can_be_set_up_and_differ() -> None:
    passwords = {generate_password() for _ in range(100)}
    assert len(passwords) == 100
    assert all(hash_password(password) for password in passwords)


def test_a_text_that_is_no_hash_is_refused_with_the_stations_name() -> None:
    with pytest.raises(BadText, match="CS-7"):
        Credentials({"CS-7": PASSWORD})


def test_a_boot_storm_is_not_throttled_and_unknown_ids_take_as_long() -> None:
    credentials = Credentials({"CS-1": hash_password(PASSWORD)})

    def fastest_s(station_id: str) -> float:
        authorization = header(station_id, PASSWORD[::-1])
        runs = []
        for _ in range(300):
            begin = time.perf_counter()
            credentials.check(station_id, authorization)
            runs.append(time.perf_counter() - begin)
        return min(runs)

    known_s, unknown_s = fastest_s("CS-1"), fastest_s("CS-9")
    assert max(known_s, unknown_s) < 0.0002
    assert abs(known_s - unknown_s) < 0.00002


# --- changed passwords ---

OLD, NEW = hash_password(PASSWORD), hash_password(PASSWORD[::-1])


def comes(credentials: Credentials, password: str | bytes, station_id: str = "CS-1") -> bool:
    raw = password.encode() if isinstance(password, str) else password
    token = base64.b64encode(station_id.encode() + b":" + raw).decode()
    return credentials.check(station_id, f"Basic {token}")


def test_an_offered_password_is_good_beside_the_old_one_until_it_is_used() -> None:
    credentials = Credentials({"CS-1": OLD})
    adopted: list[tuple[str, str]] = []
    credentials.on_adopted = lambda *told: adopted.append(told)
    credentials.offer("CS-1", [NEW])
    assert comes(credentials, PASSWORD)
    assert adopted == []
    assert comes(credentials, PASSWORD[::-1])
    assert adopted == [("CS-1", NEW)]
    assert not comes(credentials, PASSWORD)
    assert comes(credentials, PASSWORD[::-1])
    assert credentials.configured("CS-1") == OLD


def test_a_withdrawn_password_is_good_no_more() -> None:
    credentials = Credentials({"CS-1": OLD})
    credentials.offer("CS-1", [NEW])
    credentials.withdraw("CS-1")
    assert not comes(credentials, PASSWORD[::-1])
    assert comes(credentials, PASSWORD)


def test_an_offered_password_is_that_stations_alone() -> None:
    credentials = Credentials({"CS-1": OLD, "CS-2": OLD})
    credentials.offer("CS-1", [NEW])
    assert not comes(credentials, PASSWORD[::-1], "CS-2")
    assert not comes(credentials, "wrong", "CS-1")


def test_a_16_station_may_take_the_digits_for_bytes() -> None:
    credentials = Credentials({"CS-1": OLD})
    credentials.offer("CS-1", [NEW, hash_password(bytes.fromhex(PASSWORD * 2))])
    assert comes(credentials, bytes.fromhex(PASSWORD * 2))
    assert not comes(credentials, PASSWORD)


def test_what_was_changed_comes_back_after_a_restart() -> None:
    credentials = Credentials({"CS-1": OLD})
    credentials.restore("CS-1", NEW, [], OLD)
    assert comes(credentials, PASSWORD[::-1])
    assert not comes(credentials, PASSWORD)
    assert credentials.configured("CS-1") == OLD


def test_a_newer_password_in_the_configuration_wins() -> None:
    credentials = Credentials({"CS-1": hash_password("x" * 20)})
    credentials.restore("CS-1", NEW, [NEW], OLD)
    assert comes(credentials, "x" * 20)
    assert not comes(credentials, PASSWORD[::-1])


def test_without_a_password_nothing_is_right() -> None:
    credentials = Credentials({"CS-1": None})
    assert credentials.is_known("CS-1")
    assert not comes(credentials, "")
    assert not credentials.check("CS-1", None)
