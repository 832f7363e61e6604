"""nginx before the agent, by the configuration that is shipped: TLS, and the certificates of the site CA."""

from __future__ import annotations

import contextlib
import re
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from deploy.demo.processes import program
from deploy.demo.servers import block_until, die_with_parent, is_listening, steady_port
from tests.edge.certificates.pki import Issued, issue, name_of
from tests.edge.conformance.running_agent import RunningAgent
from tests.journeys.node import CONFIG, nginx_program


@dataclass(frozen=True)
class Door:
    """Where stations come in, and the authority of its certificate."""

    port: int
    authority: Issued

    def client(
        self, *, highest: ssl.TLSVersion | None = None, chain: Path | None = None, suite: str | None = None
    ) -> ssl.SSLContext:
        """A station's side of TLS; `chain` is a file with its certificates and its key, `suite` the only one of TLS 1.2
        that it knows."""
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cadata=self.authority.pem)
        if suite is not None:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(f"{suite}:@SECLEVEL=0")
        if highest is not None:
            context.set_ciphers("ALL:@SECLEVEL=0")  # so that it is the door that refuses, not the station
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = highest
        if chain is not None:
            context.load_cert_chain(chain)
        return context


@contextlib.contextmanager
def tls_door(agent: RunningAgent, folder: Path) -> Iterator[Door]:
    """A door that leads to this agent."""
    authority, port = new_authority(), steady_port()
    for suffix, key in (("", ec.generate_private_key(ec.SECP256R1())), ("-rsa", rsa.generate_private_key(65537, 2048))):
        (folder / f"key{suffix}.pem").write_text(key_pem(key))
        (folder / f"fullchain{suffix}.pem").write_bytes(_of_this_host(authority, key))
    export = [program("ohmstead-edge"), "ca", "export", "-c", str(agent.config)]
    (folder / "site-ca.pem").write_bytes(subprocess.run(export, check=True, capture_output=True).stdout)
    (folder / "nginx.conf").write_text(_configured(agent, folder, port))
    with (folder / "log").open("ab") as log:
        command = [str(nginx_program()), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
        process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=die_with_parent)
    try:
        block_until(lambda: is_listening(port) or process.poll() is not None, 20)
        assert process.poll() is None, (folder / "log").read_text()
        yield Door(port=port, authority=authority)
    finally:
        process.terminate()
        process.wait(20)


def new_authority(name: str = "Authority") -> Issued:
    """Somebody who signs certificates, from today on."""
    return issue(name, is_ca=True, now=datetime.now(UTC))  # noqa: TID251 - TLS knows no other clock


def key_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _of_this_host(authority: Issued, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    root = authority.certificate
    certificate = (
        x509.CertificateBuilder(
            issuer_name=root.subject,
            subject_name=name_of("localhost"),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=root.not_valid_before_utc,
            not_valid_after=root.not_valid_after_utc,
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _configured(agent: RunningAgent, folder: Path, port: int) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    text = CONFIG.read_text().replace("/etc/ohmstead/tls/", f"{folder}/")
    for pattern, replacement in (
        (r"worker_processes auto;", "worker_processes 1;"),
        (r"worker_rlimit_nofile \d+;", ""),
        (r"worker_connections \d+;", "worker_connections 1024;"),
        (r"pid [^;]+;", f"pid {folder}/pid;"),
        (r"error_log [^;]+;", f"error_log {folder}/error.log info;"),
        (r"(?m)^http \{", f"http {{\n{temporary}"),
        (r"(server 127\.0\.0\.1:\d+[^;]*;\s*)+", f"server 127.0.0.1:{agent.ocpp_port} max_fails=0;\n"),
        (r"listen 9000 [^;]*;", ""),
        (r"# listen 443 ssl ", f"listen 127.0.0.1:{port} ssl "),
    ):
        text, count = re.subn(pattern, replacement, text, count=1)
        assert count == 1, f"{pattern} is not in {CONFIG}"
    return re.sub(r"(?m)^(\s+)# (ssl_[^#\n]*;)", r"\1\2", text)
