"""An OCSP responder on loopback and the contract certificates that it knows of, in the hands of a test."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.x509 import ocsp

from edge.certificates.ocsp import named
from tests.edge.certificates.pki import Issued, issue, respond


class Contracts:
    """The PKI of a mobility operator. `revoked` are serial numbers; `asked` the numbers that the responder was asked
    for."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/ocsp"
        self.root = issue("MO Root", is_ca=True, now=self.now)
        self.sub = issue("MO Sub", self.root, is_ca=True, now=self.now, responder=self.url)
        self.revoked: set[int] = set()
        self.asked: list[int] = []

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - the operator's own clock

    def contract(self, emaid: str) -> Issued:
        return issue(emaid.replace("-", ""), self.sub, now=self.now, responder=self.url)

    def chain(self, contract: Issued) -> str:
        """As a vehicle shows it: its own certificate first, without the root."""
        return contract.pem + self.sub.pem

    def hashed(self, contract: Issued) -> list[dict[str, Any]]:
        """The chain as OCSPRequestDataType."""
        pairs = [(contract.certificate, self.sub.certificate), (self.sub.certificate, self.root.certificate)]
        return [_ocsp_request_data(named(certificate, issuer, self.url)) for certificate, issuer in pairs]

    def write_trusted(self, path: Path) -> None:
        path.write_text(self.root.pem + self.sub.pem, encoding="utf-8")

    def answer(self, request: bytes) -> bytes:
        asked = ocsp.load_der_ocsp_request(request)
        self.asked.append(asked.serial_number)
        is_sub = asked.serial_number == self.sub.certificate.serial_number
        issuer = self.root if is_sub else self.sub
        return respond(request, issuer, revoked=asked.serial_number in self.revoked, now=self.now)


def _ocsp_request_data(certificate: Any) -> dict[str, Any]:
    return {
        "hashAlgorithm": certificate.hash_algorithm,
        "issuerNameHash": certificate.issuer_name_hash,
        "issuerKeyHash": certificate.issuer_key_hash,
        "serialNumber": certificate.serial_number,
        "responderURL": certificate.responder_url,
    }


@contextlib.contextmanager
def contracts() -> Iterator[Contracts]:
    """The PKI, and its responder at work."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = there.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/ocsp-response")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the server's name for it
            """Nothing: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there = Contracts(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, name="responder", daemon=True)
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
