"""Money on the command line as its users meet it: a real agent, a real provider that can be killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.edge.command_line import EDGE, Done, called, run
from tests.edge.test_config import GOOD
from tests.kit import block_until, free_port

SIM = str(Path(sys.executable).with_name("ohmstead-sim"))
STAFF = "id,name,role,pin\nanna,Anna,cashier,5832\nben,Ben,supervisor,9174\n"
PINS = {"anna": "5832", "ben": "9174"}


class Till:
    """A site's folder, its agent and its provider."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "edge.toml"
        self.provider_port = free_port()
        payments = (
            '[payments]\nqr_url = "https://pay.example.com/q"\n[[payments.providers]]\nid = "terminal"\n'
            f'method = "card"\nurl = "http://127.0.0.1:{self.provider_port}"\ntimeout_s = 2\n'
        )
        local = '\n[ocpp]\nhost = "127.0.0.1"\nport = 0\n[local]\nport = 0\n'
        self.config.write_text(GOOD + local + payments)
        (folder / "tokens.csv").write_text("uid,contract_id\nGOOD,C-1\n")
        self.agent: subprocess.Popen[str] | None = None
        self.provider: subprocess.Popen[str] | None = None

    def run(self, *arguments: str, staff: str | None = None, is_process: bool = False) -> Done:
        who = {"OHMSTEAD_STAFF": staff, "OHMSTEAD_PIN": PINS[staff]} if staff else {}
        return (run if is_process else called)(*arguments, "-c", str(self.config), environment=who)

    def good(self, *arguments: str, staff: str | None = None) -> Any:
        done = self.run(*arguments, "--json", staff=staff)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self) -> None:
        listening = self.folder / "data" / "listening.json"
        listening.unlink(missing_ok=True)
        with (self.folder / "log").open("a") as log:
            self.agent = subprocess.Popen([EDGE, "run", "-c", str(self.config)], stderr=log, stdout=log, text=True)
        block_until(lambda: listening.exists() or (self.agent and self.agent.poll()) is not None, 60)
        assert listening.exists(), (self.folder / "log").read_text()

    def kill(self) -> None:
        assert self.agent is not None
        self.agent.send_signal(signal.SIGKILL)
        self.agent.wait(10)

    def start_provider(self, *options: str) -> None:
        command = [SIM, "provider", "--port", str(self.provider_port), *options]
        self.provider = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.provider.stdout is not None
        assert "listening" in self.provider.stdout.readline()

    def provider_says(self, **wanted: Any) -> Any:
        url = f"http://127.0.0.1:{self.provider_port}/sim"
        request = urllib.request.Request(url, json.dumps(wanted).encode() if wanted else None)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def end(self) -> None:
        for process in (self.agent, self.provider):
            if process is not None:
                process.kill()
                process.wait(10)
                if process.stdout is not None:
                    process.stdout.close()


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    made = Till(tmp_path)
    assert made.run("tokens", "import", str(tmp_path / "tokens.csv")).returncode == 0
    try:
        yield made
    finally:
        made.end()


def test_a_day_at_the_till_with_staff(till: Till, tmp_path: Path) -> None:
    (tmp_path / "staff.csv").write_text(STAFF)
    assert "2 staff, no problem" in till.run("staff", "import", str(tmp_path / "staff.csv"), "--dry-run").stdout
    till.start()
    till.good("till", "open", "kiosk", "--counted", "100")  # nobody is on the list yet: whoever has the token may
    till.good("till", "close", "--counted", "100")
    assert till.run("staff", "import", str(tmp_path / "staff.csv"), is_process=True).returncode == 0
    refused = till.run("till", "open", "kiosk", "--counted", "100")
    assert (refused.returncode, "sign in first, with `--staff ID`" in refused.stderr) == (1, True)
    wrong = till.run("--staff", "anna", "till", "list", staff=None)
    assert wrong.returncode != 0

    till.good("till", "open", "kiosk", "--counted", "100", staff="anna")
    paid = till.good("topup", "C-1", "7.30", "--given", "10", "--key", "k-1", staff="anna")
    assert (paid["state"], paid["change"], paid["by"]) == ("taken", "2.70", "anna")
    again = till.good("topup", "C-1", "7.30", "--given", "10", "--key", "k-1", staff="anna")
    assert again["payment_id"] == paid["payment_id"]
    denied = till.run("refund", paid["payment_id"], "--reason", "r", staff="anna", is_process=True)
    assert "anna is a cashier and may not give money back" in denied.stderr
    back = till.good("refund", paid["payment_id"], "--reason", "r", "--amount", "2.30", "--till", "kiosk", staff="ben")
    assert (back["amount"], back["by"]) == ("2.30", "ben")

    till.kill()
    till.start()
    assert "expected in the drawer" in (report := till.run("till", "report", staff="anna", is_process=True).stdout)
    assert "105.00" in report
    till.good("till", "move", "50", "out", "--reason", "to the safe", staff="anna")
    closed = till.good("till", "close", "--counted", "54.00", staff="anna")
    assert (closed["expected"], closed["difference"]) == ("55.00", "-1.00")
    report = till.run("till", "report", staff="anna").stdout
    assert report.startswith("Z REPORT  till kiosk")
    assert "-1.00" in report
    assert [row["state"] for row in till.good("payments", staff="anna")] == ["taken", "taken"]
    till.kill()
    assert [row["payment_id"] for row in till.good("payments", staff="anna")] == [
        back["payment_id"],
        paid["payment_id"],
    ]
    assert till.run("till", "report", staff="anna").stdout == report
    assert till.run("payments").returncode == 1


def test_a_terminal_that_is_late_gone_and_killed(till: Till) -> None:
    till.start_provider()
    till.start()
    paid = till.good("pay", "12.50", "--contract", "C-1", "-m", "card")
    assert (paid["state"], paid["provider"]) == ("taken", "terminal")

    till.provider_says(behaviour="late", delay_s=3)
    late = till.run("pay", "5", "--contract", "C-1", "-m", "card", "--wait", "0", "--json")
    assert late.returncode == 3
    payment_id = json.loads(late.stdout)["payment_id"]
    block_until(lambda: payment_id in till.provider_says()["payments"], 10)
    till.kill()
    till.start()

    def is_taken() -> bool:
        return bool(till.good("payments", payment_id)["state"] == "taken")

    block_until(is_taken, 30)
    found = till.run("reconcile", "terminal", "--day", paid["at"][:10], "--json")
    assert json.loads(found.stdout)[0]["matched"] == 2, found.stderr

    till.provider_says(behaviour="refuses")
    no = till.run("pay", "5", "--contract", "C-1", "-m", "card", is_process=True)
    assert (no.returncode, "declined by the bank" in no.stdout) == (1, True)

    assert till.provider is not None
    till.provider.kill()
    till.provider.wait(10)
    gone = [till.run("pay", "5", "--contract", "C-1", "-m", "card") for _ in range(4)]
    assert all(each.returncode == 1 for each in gone)
    assert "Take cash, or try again" in gone[-1].stderr
    till.good("till", "open", "kiosk", "--counted", "0")
    assert till.good("pay", "5", "--contract", "C-1")["state"] == "taken"


def test_bad_input_is_said_in_a_sentence(till: Till) -> None:
    for arguments, words in (
        (("pay", "5"), "say either --contract or --bill"),
        (("pay", "5.001", "--contract", "C-1"), "2 decimals at most"),
        (("pay", "five", "--contract", "C-1"), "is no sum of money"),
        (("pay", "0", "--contract", "C-1"), "must be more than 0"),
        (("refund", "p", "--reason", " "), "say why"),
        (("reconcile", "terminal"), "say which day"),
        (("till", "move", "5", "up", "--reason", "r"), "say in or out"),
    ):
        done = till.run(*arguments)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert "the agent does not run" in till.run("pay", "5", "--contract", "C-1").stderr


def test_a_list_of_staff_is_taken_whole_or_not_at_all(till: Till, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("id,name,role,pin\nanna,A,boss,5832\n,B,cashier,9174\ncleo,C,cashier,0000\nd,D,cashier,7261,x\n")
    done = till.run("staff", "import", str(bad))
    assert done.returncode == 1
    for words in ("line 2: role 'boss'", "line 3: '' is no staff id", "line 4: this PIN", "line 5: more values"):
        assert words in done.stderr
    assert not (tmp_path / "data" / "staff.toml").exists()
    toml = tmp_path / "staff.toml"
    toml.write_text('[[staff]]\nid = "x"\nrole = "cashier"\npin = 4711\n\n[[staff]]\nid = "y"\nrol = "z"\n')
    done = till.run("staff", "import", str(toml))
    assert "line 1: pin must be text in quotes" in done.stderr
    assert "line 6: rol: known are" in done.stderr


def test_staff_is_added_listed_and_removed(till: Till) -> None:
    pin = {"OHMSTEAD_PIN": "5832"}
    add = ("staff", "add", "anna", "--role", "technician", "-c", str(till.config))
    assert called(*add, environment=pin).stdout == "anna is a technician from now on\n"
    assert "technician" in till.run("staff", "list").stdout
    assert called(*add, environment=pin).returncode == 1
    blocked = till.run("tokens", "block", "GOOD")
    assert "sign in first" in blocked.stderr
    assert "you" not in till.run("staff", "remove", "zoe").stdout
    assert "there is no staff any more" in till.run("staff", "remove", "anna").stdout
    assert till.run("tokens", "block", "GOOD").returncode == 0


def test_the_code_of_a_connector_is_made_and_checked(till: Till, tmp_path: Path) -> None:
    url, where, *_ = till.run("qr", "A", "1").stdout.splitlines()
    assert url.startswith("https://pay.example.com/q/")
    assert "leads to pay.example.com" in where
    assert "good: the code of A EVSE 1 connector 1" in till.run("qr-check", url, "A", "1").stdout
    assert "put it back there" in till.run("qr-check", url, "A", "2").stderr
    assert "not ours" in till.run("qr-check", url.replace("pay.", "pay-"), "A", "1").stderr
    assert till.run("qr", "A", "1", "--png", str(tmp_path / "a.png"), "--svg", str(tmp_path / "a.svg")).returncode == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "pay.example.com</text>" in (tmp_path / "a.svg").read_text()
    assert "has no EVSE 9" in till.run("qr", "A", "9").stderr
    assert "has 1 by the settings" in till.run("qr", "A", "1", "2").stderr
