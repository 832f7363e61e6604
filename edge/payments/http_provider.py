"""A provider over HTTP: begin, look, cancel, what happened, and the list of a day, as JSON.

    POST {url}/payments                {payment_id, method, amount, currency, reverses}  → {reference}
    GET  {url}/payments/{payment_id}   → {state, reference, amount, text}
    POST {url}/payments/{payment_id}/cancel
    GET  {url}/events?after=N&wait_s=S → {events: [{seq, payment_id, state, reference, amount, text}]}
    GET  {url}/days/{YYYY-MM-DD}       → {payments: [{payment_id, amount, currency, reference, is_refund}]}

Amounts are strings. `state` is pending, taken, refused or cancelled. A payment is begun once by its id, however often
it is asked for. 4xx with {"problem"} refuses for good. ProviderDown: nobody answered, or nothing that makes sense.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

import aiohttp
from pydantic import AfterValidator, TypeAdapter, ValidationError

from edge.domain.payment_states import Word
from edge.domain.reconciliation import MAX_ROWS, ProviderRow
from edge.ports import ProviderDown, ProviderRefused, ProviderWord
from protocols.sync.payments import Payment

MAX_ANSWER_BYTES: Final = 16 * 2**20
CONNECT_S: Final = 3.0
_WORDS: Final = MappingProxyType(
    {"pending": Word.BEGUN, "taken": Word.TAKEN, "refused": Word.REFUSED, "cancelled": Word.REFUSED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpProviderSettings:
    name: str
    url: str
    token: str | None = None
    timeout_s: float = 10.0


def _finite(amount: Decimal) -> Decimal:
    if not amount.is_finite():
        raise ValueError("no amount")
    return amount


_Amount = Annotated[Decimal, AfterValidator(_finite)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    state: Literal["pending", "taken", "refused", "cancelled"]
    reference: str | None = None
    amount: _Amount | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event(_Told):
    seq: int
    payment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Events:
    events: tuple[_Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    payment_id: str
    amount: _Amount
    currency: str
    reference: str
    is_refund: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    payments: tuple[_Row, ...]


_BEGUN: Final = TypeAdapter(_Begun)
_TOLD: Final = TypeAdapter(_Told)
_EVENTS: Final = TypeAdapter(_Events)
_DAY: Final = TypeAdapter(_Day)


class _UnheardOf(ProviderRefused):
    """404."""


class HttpProvider:
    """Implements the port PaymentProvider. To be used within `async with`."""

    def __init__(self, settings: HttpProviderSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> HttpProvider:
        headers = {}
        if self._settings.token is not None:
            headers["Authorization"] = f"Bearer {self._settings.token}"
        timeout = aiohttp.ClientTimeout(total=self._settings.timeout_s, sock_connect=CONNECT_S)
        self._session = aiohttp.ClientSession(headers=headers, timeout=timeout, trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def begin(self, payment: Payment) -> str:
        asked = {
            "payment_id": payment.payment_id,
            "method": payment.method.value,
            "amount": str(payment.amount),
            "currency": payment.currency,
            "reverses": payment.reverses,
        }
        begun: _Begun = _read(_BEGUN, await self._ask("POST", "/payments", asked))
        return begun.reference

    async def look(self, payment_id: str) -> ProviderWord | None:
        try:
            told: _Told = _read(_TOLD, await self._ask("GET", f"/payments/{quote(payment_id, safe='')}"))
        except _UnheardOf:
            return None
        except ProviderRefused as refused:  # of the question, not of the payment
            raise ProviderDown(f"it does not say: {refused}", is_unsent=False) from refused
        return _word(payment_id, told)

    async def cancel(self, payment_id: str) -> None:
        await self._ask("POST", f"/payments/{quote(payment_id, safe='')}/cancel", {})

    async def events(self, after: int, wait_s: float) -> tuple[int, list[ProviderWord]]:
        path = f"/events?after={after}&wait_s={wait_s:g}"
        told: _Events = _read(_EVENTS, await self._ask("GET", path, patience_s=wait_s))
        last = max((event.seq for event in told.events), default=after)
        return max(last, after), [_word(event.payment_id, event) for event in told.events]

    async def day(self, day: date) -> list[ProviderRow]:
        listed: _Day = _read(_DAY, await self._ask("GET", f"/days/{day.isoformat()}"))
        if len(listed.payments) > MAX_ROWS:
            raise ProviderDown(f"its list of {day} has more than {MAX_ROWS} payments", is_unsent=False)
        return [
            ProviderRow(
                payment_id=row.payment_id,
                amount=row.amount,
                currency=row.currency,
                reference=row.reference,
                is_refund=row.is_refund,
            )
            for row in listed.payments
        ]

    async def _ask(
        self, method: str, path: str, document: dict[str, Any] | None = None, *, patience_s: float = 0.0
    ) -> bytes:
        """The body of a good answer. Raises ProviderRefused, ProviderDown."""
        if self._session is None:
            raise ProviderDown("it is not asked yet: the agent is starting", is_unsent=True)
        timeout = aiohttp.ClientTimeout(total=self._settings.timeout_s + patience_s, sock_connect=CONNECT_S)
        url = self._settings.url.rstrip("/") + path
        try:
            async with self._session.request(
                method, url, json=document, timeout=timeout, allow_redirects=False
            ) as response:
                body = await _bounded(response)
                if response.status == 200:
                    return body
                if response.status in (401, 403):
                    raise ProviderDown(f"it does not accept our token ({response.status})", is_unsent=True)
                if response.status == 404:
                    raise _UnheardOf("it does not know that")
                if 400 <= response.status < 500:
                    raise ProviderRefused(_problem_in(body) or f"refused ({response.status})")
                raise ProviderDown(f"it answers {response.status}", is_unsent=False)
        except aiohttp.ClientConnectorError as error:
            raise ProviderDown("it cannot be reached", is_unsent=True) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderDown(f"it does not answer ({type(error).__name__})", is_unsent=False) from error


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_chunked(64 * 1024):
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise ProviderDown(f"it answers more than {MAX_ANSWER_BYTES} bytes", is_unsent=False)
        parts.append(part)
    return b"".join(parts)


def _problem_in(body: bytes) -> str:
    try:
        problem = json.loads(body)["problem"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return "".join(c for c in str(problem) if c.isprintable())[:200]


def _read(adapter: TypeAdapter[Any], body: bytes) -> Any:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        raise ProviderDown("it answers something else than was agreed", is_unsent=False) from error


def _word(payment_id: str, told: _Told) -> ProviderWord:
    text = "".join(c for c in told.text if c.isprintable())[:200]
    if told.state == "cancelled":
        text = text or "cancelled"
    return ProviderWord(
        payment_id=payment_id, word=_WORDS[told.state], reference=told.reference, text=text, amount=told.amount
    )
