"""What all commands share: the settings, the way to the running agent, and how things are said."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from edge.config import BadConfig, EdgeConfig, load
from edge.ledger.database import LedgerError
from edge.list_file import read_list
from edge.local.client import AgentUnreachable, local_client
from edge.places import listening_path, staff_path, token_path
from protocols.errors import BadText, OhmsteadError
from protocols.site.receipt_requests import ReceiptRequest
from protocols.site.requests import Request
from protocols.site.staff_requests import SignIn
from protocols.site.view import Answer

if TYPE_CHECKING:
    from edge.local.changes import Change

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="OHMSTEAD_EDGE_CONFIG", help="The agent's TOML file.")
]


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        print(f"ohmstead-edge {version('ohmstead')}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version, and no more.")
]
STAFF_VARIABLE, PIN_VARIABLE = "OHMSTEAD_STAFF", "OHMSTEAD_PIN"


def _note_staff(staff_id: str | None) -> str | None:
    """Wherever on the command line it stood: whoever asks the agent signs in with it."""
    if staff_id:
        os.environ[STAFF_VARIABLE] = staff_id
    return staff_id


StaffOption = Annotated[
    str | None,
    typer.Option(
        "--staff",
        envvar=STAFF_VARIABLE,
        callback=_note_staff,
        help=f"Who asks, where the site has staff; the PIN is asked for, or comes from {PIN_VARIABLE}.",
    ),
]
_AT_LINE = re.compile(r"line (\d+)\b")
DEFAULT_CONFIG = Path("/etc/ohmstead/edge.toml")


def load_settings(path: Path) -> EdgeConfig:
    try:
        return load(path)
    except BadConfig as error:
        count = len(error.problems)
        fail(f"{error}\n{count} problem{'s' if count > 1 else ''} in {path}", code=2)


def fail(text: str, code: int = 1) -> NoReturn:
    print(text, file=sys.stderr)
    raise SystemExit(code)


def local_port(settings: EdgeConfig) -> int:
    """The local socket's port; one that the agent chose for itself stands in its data folder while it runs."""
    if settings.local.port:
        return settings.local.port
    try:
        return int(json.loads(listening_path(settings).read_text(encoding="utf-8"))["local"])
    except FileNotFoundError as error:
        raise AgentUnreachable("the agent does not run; start it with `ohmstead-edge run`") from error


def ask(settings: EdgeConfig, request: Request, timeout_s: float = 30.0) -> Answer:
    """Ask the running agent; ends the program with a clear word when there is no good answer."""

    try:
        return good(asyncio.run(ask_agent(settings, request, timeout_s)))
    except OhmsteadError as error:
        fail(str(error))


def list_text(file: Path) -> str:
    """The text of a list to be imported; ends the program where it cannot be read."""
    try:
        return read_list(file)
    except BadText as error:
        refuse_list(file, str(error).splitlines())


def refuse_list(file: Path, problems: Iterable[str]) -> NoReturn:
    """By lines, the file's first line first; what has no line comes before."""
    ordered = sorted(problems, key=_line_of)
    fail("\n".join(f"{file}: {plain(problem)}" for problem in ordered) + "\nnothing was imported")


def _line_of(problem: str) -> int:
    at = _AT_LINE.match(problem)
    return int(at[1]) if at is not None else 0


async def ask_agent(settings: EdgeConfig, request: Request, timeout_s: float) -> Answer:
    async with local_client(settings.local.host, local_port(settings), token_path(settings)) as client:
        if (sign_in := _sign_in()) is not None:
            signed_in = await client.ask(sign_in)
            if signed_in.problem is not None:
                return Answer(id=request.id, problem=signed_in.problem)
        return await client.ask(request, timeout_s)


def _sign_in() -> SignIn | None:
    """None where nobody said who asks."""
    staff_id = os.environ.get(STAFF_VARIABLE)
    if not staff_id:
        return None
    pin = os.environ.get(PIN_VARIABLE)
    if pin is None:
        pin = os.environ[PIN_VARIABLE] = str(typer.prompt(f"PIN of {staff_id}", hide_input=True, err=True))
    return SignIn(id="0", staff_id=staff_id, pin=pin)


def _refusal_alone(settings: EdgeConfig, request: Request) -> str | None:
    """Why this may not be changed by whoever asks, where no agent is there to say so."""
    from edge.local.permits import refusal
    from edge.local.staff_file import is_pin, read_staff

    staff = read_staff(staff_path(settings))
    if not staff:
        return None
    sign_in = _sign_in()
    member = staff.get(sign_in.staff_id) if sign_in is not None else None
    if sign_in is not None and (member is None or not is_pin(sign_in.pin, member.pin_hash)):
        return "no such staff id, or a wrong PIN"
    return refusal(request, member.actor if member is not None else None)


def ask_or_read(settings: EdgeConfig, request: Request, read: Callable[[], Any]) -> Any:
    """What the running agent answers, or what is read where none runs, by the same rights."""
    with contextlib.suppress(AgentUnreachable, BadText):
        return good(asyncio.run(ask_agent(settings, request, 30.0))).result
    try:
        if problem := _refusal_alone(settings, request):
            fail(problem)
        return read()
    except OhmsteadError as error:
        fail(str(error))


def good(answer: Answer) -> Answer:
    if answer.problem is not None:
        if answer.result is not None:
            print(json.dumps(answer.result, ensure_ascii=False), file=sys.stderr)
        fail(answer.problem)
    return answer


def change(settings: EdgeConfig, request: Change, timeout_s: float = 30.0) -> str:
    """Have a change decided by the running agent, or, when none runs, by the same decisions on its ledger."""
    with contextlib.suppress(AgentUnreachable, BadText):
        return str(good(asyncio.run(ask_agent(settings, request, timeout_s))).result)
    # All that decides, which takes several times as long to load as the rest, is seldom needed here.
    from edge.alone import decide_alone

    try:
        if problem := _refusal_alone(settings, request):
            fail(problem)
        return f"{decide_alone(settings, request)} (the agent does not run; it will know when it starts)"
    except OhmsteadError as error:
        fail(str(error))


def answered(settings: EdgeConfig, request: ReceiptRequest) -> Answer:
    """The running agent's answer to a request about receipts, or, when none runs, that of the same decisions on its
    ledger; ends the program with a clear word when there is no good one."""
    with contextlib.suppress(AgentUnreachable, BadText):
        return good(asyncio.run(ask_agent(settings, request, 30.0)))
    from edge.alone import answer_alone

    try:
        if problem := _refusal_alone(settings, request):
            fail(problem)
        return good(answer_alone(settings, request))
    except OhmsteadError as error:
        fail(str(error))


@contextlib.contextmanager
def ledger_errors() -> Iterator[None]:
    try:
        yield
    except LedgerError as error:
        fail(str(error))


def console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 200, highlight=False, markup=False)


def plain(text: str) -> str:
    """Foreign text for a terminal: what is no printable character is shown as what it is."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
