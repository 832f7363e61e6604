"""The simulated provider's HTTP server, on loopback: see edge/payments/http_provider.py for what it is asked.

POST /sim  {behaviour?, delay_s?, reach?: up|down|hangs, tell?: PAYMENT_ID}   how it behaves from now on
GET  /sim  → {behaviour, reach, payments: {PAYMENT_ID: {state, amount, asked}}}
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from firmware_sim.provider.till_book import Behaviour, TillBook, Unwanted

LOOK_EVERY_S: Final = 0.02
MAX_WAIT_S: Final = 60.0
MAX_EVENTS: Final = 500
"""In one answer; whoever wants more asks again after the last."""
REACHES: Final = ("up", "down", "hangs")


class ProviderServer:
    """Serves one book. `reach`: down answers 503, hangs takes a question and never answers."""

    def __init__(self, book: TillBook, clock: Callable[[], datetime], token: str | None = None) -> None:
        self.book = book
        self.reach = "up"
        self.asked: dict[str, int] = {}
        """How often each payment was begun."""
        self._clock = clock
        self._token = token
        self._hanging = asyncio.Event()

    async def run(self, port: int, on_listening: Callable[[int], None] = lambda _port: None) -> None:
        """Until cancelled. Raises OSError."""
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.post("/payments", self._begin),
                web.get("/payments/{payment_id}", self._look),
                web.post("/payments/{payment_id}/cancel", self._cancel),
                web.get("/events", self._events),
                web.get("/days/{day}", self._day),
                web.get("/sim", self._show),
                web.post("/sim", self._behave),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", port)
            await site.start()
            on_listening(runner.addresses[0][1])
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.path != "/sim":
            if self.reach == "hangs":
                await self._hanging.wait()
            if self.reach == "down":
                return _problem(503, "down for maintenance")
            given = request.headers.get("Authorization", "")
            if self._token is not None and not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
                return _problem(401, "who are you?")
        self.book.go_on(self._clock())
        try:
            return await handler(request)
        except Unwanted as error:
            return _problem(409, str(error))
        except ValueError as error:
            return _problem(400, str(error))

    async def _begin(self, request: web.Request) -> web.Response:
        asked = _object(await request.text())
        made = self.book.begin(asked, self._clock())
        self.asked[made.payment_id] = self.asked.get(made.payment_id, 0) + 1
        self.book.go_on(self._clock())
        return _good({"reference": made.reference})

    async def _look(self, request: web.Request) -> web.Response:
        payment = self.book.payments.get(request.match_info["payment_id"])
        return _good(payment.told()) if payment is not None else _problem(404, "there is no such payment")

    async def _cancel(self, request: web.Request) -> web.Response:
        self.book.cancel(request.match_info["payment_id"], self._clock())
        return _good({})

    async def _events(self, request: web.Request) -> web.Response:
        after, wait_s = int(request.query.get("after", "0")), float(request.query.get("wait_s", "0"))
        ends_s = asyncio.get_running_loop().time() + min(wait_s, MAX_WAIT_S)
        while True:
            self.book.go_on(self._clock())
            found = self.book.events[max(after, 0) : max(after, 0) + MAX_EVENTS]
            if found or asyncio.get_running_loop().time() >= ends_s or self.reach != "up":
                return _good({"events": found})
            await asyncio.sleep(LOOK_EVERY_S)

    async def _day(self, request: web.Request) -> web.Response:
        return _good({"payments": self.book.day(date.fromisoformat(request.match_info["day"]))})

    async def _show(self, _request: web.Request) -> web.Response:
        payments = {
            each.payment_id: {"state": each.state, "amount": str(each.amount), "asked": self.asked[each.payment_id]}
            for each in self.book.payments.values()
        }
        return _good({"behaviour": self.book.behaviour.value, "reach": self.reach, "payments": payments})

    async def _behave(self, request: web.Request) -> web.Response:
        wanted = _object(await request.text())
        if "behaviour" in wanted:
            self.book.behaviour = Behaviour(wanted["behaviour"])
        if "delay_s" in wanted:
            self.book.delay = timedelta(seconds=float(wanted["delay_s"]))
        if "reach" in wanted:
            if wanted["reach"] not in REACHES:
                raise ValueError(f"reach is one of {', '.join(REACHES)}")
            self.reach = wanted["reach"]
            if self.reach != "hangs":
                self._hanging.set()
                self._hanging = asyncio.Event()
        if "tell" in wanted:
            self.book.tell(str(wanted["tell"]))
        return await self._show(request)


def _object(text: str) -> dict[str, Any]:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise Unwanted("a JSON object is expected")
    return document


def _good(document: dict[str, Any]) -> web.Response:
    return web.json_response(document)


def _problem(status: int, text: str) -> web.Response:
    return web.json_response({"problem": text}, status=status)
