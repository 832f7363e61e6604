"""The secret is made once, whole, and for its owner alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from edge.token_file import ensure_token, read_token
from protocols.errors import BadText


def test_it_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "run" / "token"
    token = ensure_token(path)
    assert len(token) >= 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ensure_token(path) == read_token(path) == token
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_one_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    ensure_token(path)
    path.chmod(mode)
    for use in (ensure_token, read_token):
        with pytest.raises(BadText, match="chmod 600"):
            use(path)


def test_what_is_no_token_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    with pytest.raises(BadText, match="is it running"):
        read_token(path)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadText, match="cannot be read"):
        read_token(path)
    path.unlink()
    path.mkdir(mode=0o700)
    with pytest.raises(BadText, match="plain file"):
        read_token(path)
    path.rmdir()
    path.write_text("short")
    path.chmod(0o600)
    with pytest.raises(BadText, match="holds no token"):
        read_token(path)
