"""The secret between the agent and the programs of its own user on the same machine, kept in a file."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

from protocols.errors import BadText

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32,128}")


def ensure_token(path: Path) -> str:
    """The token in the file, which is made with a random one when it is not there. Raises BadText, OSError.

    The file appears whole or not at all, readable by its owner alone.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another agent was faster: its token is the one
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    return read_token(path)


def read_token(path: Path) -> str:
    """The token in the file. Raises BadText with what to do when it is not there, not ours or open to others."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise BadText(f"there is no token file {path}; the agent makes it when it starts: is it running?") from error
    except PermissionError as error:
        raise BadText(f"the token file {path} belongs to another user; run this as the user of the agent") from error
    except OSError as error:
        raise BadText(f"the token file {path} cannot be read: {error.strerror}") from error
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise BadText(f"the token file {path} is not a plain file")
        if stat.S_IMODE(facts.st_mode) & 0o077:
            raise BadText(f"the token file {path} can be used by others; make it yours alone: chmod 600 {path}")
        if facts.st_uid != os.geteuid() and os.geteuid() != 0:
            raise BadText(f"the token file {path} belongs to another user; run this as the user of the agent")
        token = os.read(handle, 256).decode("ascii", "replace").strip()
    finally:
        os.close(handle)
    if not _TOKEN.fullmatch(token):
        raise BadText(f"the token file {path} holds no token; delete it and start the agent again")
    return token
