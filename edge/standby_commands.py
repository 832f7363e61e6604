"""`ohmstead-edge standby …`: a second box that takes over, looked at and told from either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from edge.config import EdgeConfig
from edge.console import DEFAULT_CONFIG, ConfigOption, fail, load_settings
from edge.places import standby_status_path

standby_app = typer.Typer(help="The second box, which takes over when the first is dead.", no_args_is_help=True)


@standby_app.command()
def status(
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Show what this box does, whether the standby has everything, and if not, why."""
    settings = load_settings(config)
    found = _status(settings)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    match found["role"]:
        case "serving":
            step = "the standby has everything" if found["in_step"] else f"it is alone: {found['why_not']}"
            print(f"This box serves the site (term {found['term']}); {step}.")
        case "following":
            step = "it has everything and takes over when the first is dead" if found["in_step"] else "it is behind"
            print(f"This box follows (term {found['term']}); {step}.")
            print(f"The first was heard {found['heard_s_ago']} s ago. It does not take over: {found['why_not']}.")
        case _:
            print(f"This box neither serves nor follows: {found['why_not']}.")
    print(f"As of {found['at']}.")


@standby_app.command("take-over")
def take_over(
    config: ConfigOption = DEFAULT_CONFIG,
    force: Annotated[
        bool, typer.Option("--force", help="Though this box is behind, or cannot know what the other has done.")
    ] = False,
) -> None:
    """Have this box take over from one that is not heard any more; `standby status` then says what came of it.

    With --force what the other box has acknowledged meanwhile is lost to the site, and the bills of open transactions
    wait for a person. Look that the other box is off: two that serve are what must never be.
    """
    settings = load_settings(config)
    _status(settings)
    from edge.standby.follower import leave_request

    folder = settings.data_dir / "standby"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    leave_request(folder, is_forced=force)
    print("asked; see `ohmstead-edge standby status` and the log in a second or two")


@standby_app.command()
def certificate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where standby.pem and standby.key go.")],
) -> None:
    """Make the certificate by which the other box knows this one, and its key.

    The certificate goes to the other box too, as its peer_certificate_file; the key never leaves this one.
    """
    from edge.standby.identity import make_certificate

    files = (folder / "standby.pem", folder / "standby.key")
    if found := [file for file in files if file.exists()]:
        fail(f"{found[0]} is there already")
    folder.mkdir(parents=True, exist_ok=True)
    make_certificate(*files)
    print(f"{files[0]}: give it to the other box as its peer_certificate_file\n{files[1]}: keep it here")


def _status(settings: EdgeConfig) -> dict[str, Any]:
    if settings.standby is None:
        fail("there is no [standby] in the settings")
    try:
        found: dict[str, Any] = json.loads(standby_status_path(settings).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        fail("this box does not run; start it with `ohmstead-edge run`")
    return found
