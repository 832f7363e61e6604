"""Functional blocks L and N: firmware and logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from protocols.charger.operations.fields import Number, Pem, RequestId, Url


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFirmware:
    """OCPP 2.0.1 L01, L02; with a signature 1.6 SignedUpdateFirmware, without it 1.6 UpdateFirmware."""

    location: Url
    retrieve_at: AwareDatetime
    install_at: AwareDatetime | None = None
    signing_certificate: Pem | None = None
    signature: Annotated[str, Field(max_length=800)] | None = None
    retries: Number | None = None
    retry_interval_s: Number | None = None
    request_id: RequestId = None
    operation: Literal["update_firmware"] = "update_firmware"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishFirmware:
    """OCPP 2.0.1 L03: to a local controller."""

    location: Url
    checksum: Annotated[str, Field(min_length=32, max_length=32)]
    retries: Number | None = None
    retry_interval_s: Number | None = None
    request_id: RequestId = None
    operation: Literal["publish_firmware"] = "publish_firmware"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpublishFirmware:
    """OCPP 2.0.1 L04. Unpublished is accepted; NoFirmware and DownloadOngoing are not."""

    checksum: Annotated[str, Field(min_length=32, max_length=32)]
    operation: Literal["unpublish_firmware"] = "unpublish_firmware"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLog:
    """OCPP 2.0.1 N01, 1.6 GetLog of the security extension. Result: {"file_name"}, None where it told none.
    AcceptedCanceled is accepted, with the status as detail: an upload before this one was given up."""

    remote_location: Url
    log_type: Literal["DiagnosticsLog", "SecurityLog"] = "DiagnosticsLog"
    oldest: AwareDatetime | None = None
    latest: AwareDatetime | None = None
    retries: Number | None = None
    retry_interval_s: Number | None = None
    request_id: RequestId = None
    operation: Literal["get_log"] = "get_log"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDiagnostics:
    """OCPP 1.6 GetDiagnostics. Result: {"file_name"}, None where there is nothing to upload."""

    remote_location: Url
    oldest: AwareDatetime | None = None
    latest: AwareDatetime | None = None
    retries: Number | None = None
    retry_interval_s: Number | None = None
    operation: Literal["get_diagnostics"] = "get_diagnostics"
