"""What screens, staff, the command line and the other agents of a node may ask over the local WebSocket.

Each request is one JSON object with an `id` of the asker's choice; the edge answers with `view.Answer`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Discriminator, Field, TypeAdapter

from protocols.charger.commands import AnyOperation
from protocols.charger.jobs import MAX_STATIONS, AnyJob, FirmwareFile, StationName, StationPattern
from protocols.ocpi.tariff import Tariff
from protocols.ocpi.token import Token
from protocols.site.bill_requests import BillRequest
from protocols.site.code_requests import StartByCode
from protocols.site.customer_requests import AddCustomers, CustomerRequest
from protocols.site.payment_requests import PaymentRequest
from protocols.site.receipt_requests import ReceiptRequest
from protocols.site.staff_requests import SignIn, SignOut, WhoAmI


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Send me a Snapshot now and Patches from then on."""

    id: str
    kind: Literal["watch"] = "watch"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStatus:
    """How is the agent: uptime, stations, transactions, ledger, uplink, as one JSON object."""

    id: str
    kind: Literal["get_status"] = "get_status"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStations:
    """The charging stations with their live state."""

    id: str
    kind: Literal["get_stations"] = "get_stations"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSync:
    """How far the hub is behind: backlog by stream, bytes, broker, as one JSON object."""

    id: str
    kind: Literal["get_sync"] = "get_sync"


@dataclass(frozen=True, slots=True, kw_only=True)
class SumDays:
    """Tell the hub now what the entries of each stream come to since the last sum; the result is how many sums it was
    told."""

    id: str
    kind: Literal["sum_days"] = "sum_days"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDeviations:
    """What the models of the stations do otherwise than the standard, as a list of objects."""

    id: str
    kind: Literal["get_deviations"] = "get_deviations"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStation:
    """Send any CSMS-initiated OCPP call to a station; the result is the payload that the station answered."""

    id: str
    station_id: str
    action: str
    payload: dict[str, Any] = field(default_factory=dict)
    timeout_s: float = 30.0
    kind: Literal["call_station"] = "call_station"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperateStation:
    """Have a station do something, by the site's own checks; the result says how it ended: outcome, detail, result."""

    id: str
    station_id: str
    operation: AnyOperation
    timeout_s: float = 60.0
    kind: Literal["operate_station"] = "operate_station"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportTokens:
    """Add tokens, or overwrite those with the same uid; `replaces_all` drops the site's other own tokens."""

    id: str
    tokens: tuple[Token, ...]
    replaces_all: bool = False
    kind: Literal["import_tokens"] = "import_tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockToken:
    """Block a token, or let it in again."""

    id: str
    uid: str
    is_blocked: bool = True
    kind: Literal["block_token"] = "block_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportTariffs:
    """Add tariffs, or put them in the place of those with the same ids; all of them or none. `replaces_all` drops those
    that the staff brought in before; those of the settings and of the hub stay."""

    id: str
    tariffs: tuple[Tariff, ...]
    replaces_all: bool = False
    kind: Literal["import_tariffs"] = "import_tariffs"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptStation:
    """Let a station in that was told to wait when it booted."""

    id: str
    station_id: str
    kind: Literal["accept_station"] = "accept_station"


@dataclass(frozen=True, slots=True, kw_only=True)
class DismissAlarm:
    """Clear an alarm that somebody has seen to; what goes on raises it again."""

    id: str
    alarm_id: str
    kind: Literal["dismiss_alarm"] = "dismiss_alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePassword:
    """Give a station a new password, made by the agent and shown to nobody."""

    id: str
    station_id: str
    kind: Literal["change_password"] = "change_password"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetSecurityProfile:
    """Let a station in again as it is configured, whatever security profile it was raised to."""

    id: str
    station_id: str
    kind: Literal["forget_security_profile"] = "forget_security_profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeCertificate:
    """Believe a certificate that the site CA signed no more; `serial_number` is hexadecimal."""

    id: str
    station_id: str
    serial_number: str
    kind: Literal["revoke_certificate"] = "revoke_certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginJob:
    """Do something at many stations, one after the other; the result names the job. As protocols.sync.down.StartJob."""

    id: str
    job: AnyJob
    station_ids: Annotated[tuple[StationName, ...], Field(max_length=MAX_STATIONS)] = ()
    match: StationPattern | None = None
    at_once: Annotated[int, Field(ge=1, le=MAX_STATIONS)] | None = None
    give_up_after_s: Annotated[int, Field(ge=60, le=90 * 86_400)] | None = None
    kind: Literal["begin_job"] = "begin_job"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopJob:
    """Ask no further stations of a job."""

    id: str
    job_id: str
    kind: Literal["stop_job"] = "stop_job"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetJobs:
    """The newest jobs, or the one of `job_id` with all of its stations."""

    id: str
    job_id: str | None = None
    kind: Literal["get_jobs"] = "get_jobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddFirmware:
    """Put a file that lies in the data folder into the catalogue."""

    id: str
    file: FirmwareFile
    kind: Literal["add_firmware"] = "add_firmware"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFirmware:
    """Take a file out of the catalogue."""

    id: str
    file_id: str
    kind: Literal["remove_firmware"] = "remove_firmware"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadVariables:
    """The variables of a station as it told them last."""

    id: str
    station_id: str
    kind: Literal["read_variables"] = "read_variables"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReport:
    """The newest report of a station: monitors, customer_information, display_messages or firmware_publishing."""

    id: str
    station_id: str
    report: str
    kind: Literal["read_report"] = "read_report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """Another agent said that it had handed this transaction over to the one that is asked."""

    transaction_id: str
    moves: int
    from_edge_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationClaim:
    """A station that is connected to the asking agent, and what was said of it elsewhere."""

    station_id: str
    referrals: tuple[Referral, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimStations:
    """Between the agents of a node: hand over what is open of these stations, and let them go.

    `is_repeat`: only say once more what was handed over before.
    """

    id: str
    by_edge_id: str
    stations: tuple[StationClaim, ...]
    is_repeat: bool = False
    kind: Literal["claim_stations"] = "claim_stations"


Request = (
    Watch
    | GetStatus
    | GetStations
    | GetSync
    | SumDays
    | GetDeviations
    | CallStation
    | OperateStation
    | StartByCode
    | ImportTokens
    | BlockToken
    | ImportTariffs
    | AcceptStation
    | DismissAlarm
    | ChangePassword
    | ForgetSecurityProfile
    | RevokeCertificate
    | BeginJob
    | StopJob
    | GetJobs
    | AddFirmware
    | RemoveFirmware
    | ReadVariables
    | ReadReport
    | BillRequest
    | CustomerRequest
    | PaymentRequest
    | ReceiptRequest
    | ClaimStations
    | SignIn
    | SignOut
    | WhoAmI
)
REQUEST: Final[TypeAdapter[Request]] = TypeAdapter(
    Annotated[Request, Discriminator("kind")], config=ConfigDict(defer_build=True)
)
"""Built when it is first used, or by `REQUEST.rebuild()`: whoever asks one thing need not wait for all of them."""


def encode_request(request: Request) -> str:
    """A request as it is sent: a long list without what its reader takes for granted, which is most of it. Others hold
    things that say by a default what they are, operations and jobs among them."""
    if not isinstance(request, AddCustomers):
        return TypeAdapter(type(request)).dump_json(request).decode()
    said = TypeAdapter(AddCustomers).dump_json(request, exclude_defaults=True).decode()
    return f'{{"kind":"{request.kind}",{said[1:]}'
