"""The settings of certificates: the site CA, and who is asked about those of vehicles."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from edge.config_fields import Strict


class CertificateSettings(Strict):
    """The site CA, which signs the stations' certificates. `ohmstead-edge ca init` makes one in the data folder."""

    ca_file: Path | None = Field(
        default=None, description="the issuing certificate and those above it, PEM, instead of the data folder's"
    )
    ca_key_file: Path | None = Field(default=None, description="the issuing certificate's key, PEM, mode 600")
    valid_days: int = Field(default=365, ge=1, le=3_650, description="how long a station's certificate is valid")
    renew_days: int = Field(default=30, ge=1, le=365, description="it is renewed so long before its end")
    warn_days: int = Field(default=7, ge=1, le=365, description="an alarm when it still was not, so long before")


class Iso15118Settings(Strict):
    """Who is asked about the certificates of vehicles, and who signs those that stations show to them. Without it such
    questions are answered with Failed, and requests to sign with Rejected."""

    exi_url: str | None = Field(default=None, pattern=r"^https?://\S+$", description="see docs/iso15118.md")
    exi_token_file: Path | None = Field(default=None, description="file with the bearer token for the service")
    ocsp: bool = Field(default=False, description="ask the responders that stations and certificates name")
    ocsp_hosts: tuple[str, ...] = Field(default=(), description="those that may be asked without a public address")
    trusted_file: Path | None = Field(default=None, description="roots and sub-CAs of contract certificates, PEM")
    v2g_ca_file: Path | None = Field(
        default=None,
        description="a sub-CA under a V2G root, and those above it, PEM: it signs what stations show to vehicles",
    )
    v2g_ca_key_file: Path | None = Field(default=None, description="the sub-CA's key, PEM, mode 600")
    timeout_s: float = Field(default=15, gt=0, le=60, description="then the station is told that nobody answered")
