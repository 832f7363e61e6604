"""Errors as RFC 9457 problem documents, every one with a `code` that programs can rely on."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cloud.store.documents import to_json
from cloud.store.engine import is_database_away

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 2
_CODES: Final = {404: "not_found", 405: "method_not_allowed"}
_log = structlog.stdlib.get_logger()


class FieldProblem(BaseModel):
    """One field that is wrong."""

    field: str
    message: str


class ProblemDocument(BaseModel):
    """RFC 9457."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:ohmstead:problem:not_found",
                    "title": "Not Found",
                    "status": 404,
                    "code": "not_found",
                    "detail": "There is no CDR 'x' in your domain.",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblem] | None = None


class Problem(Exception):
    """Raised by a handler to answer with a problem document."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers

    def response(self) -> Response:
        document: dict[str, Any] = {
            "type": f"urn:ohmstead:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = self.errors
        return Response(to_json(document), self.status, headers=dict(self.headers or {}), media_type=MEDIA_TYPE)


def not_found(noun: str, name: object) -> Problem:
    """Also the answer for what belongs to another domain: its existence is nobody's business."""
    return Problem(404, "not_found", f"There is no {noun} {str(name)!r} in your domain.")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's `responses` for these problems, with those that any request may meet."""
    described = {"model": ProblemDocument, "content": {MEDIA_TYPE: {}}}
    return {
        status: {**described, "description": HTTPStatus(status).phrase}
        for status in sorted({401, 403, 422, 503, *statuses})
    }


def install(app: FastAPI) -> None:
    """Answer every error of this app with a problem document."""

    async def on_problem(_: Request, error: Exception) -> Response:
        if not isinstance(error, Problem):
            raise error
        return error.response()

    async def on_http(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        code = _CODES.get(status, HTTPStatus(status).phrase.lower().replace(" ", "_"))
        detail = str(error.detail) if isinstance(error, HTTPException) else ""
        headers = error.headers if isinstance(error, HTTPException) else None
        return Problem(status, code, detail, headers=headers).response()

    async def on_invalid(_: Request, error: Exception) -> Response:
        found = error.errors() if isinstance(error, RequestValidationError) else []
        errors = [
            {"field": ".".join(str(part) for part in problem["loc"]), "message": str(problem["msg"])}
            for problem in found
        ]
        return Problem(422, "invalid_request", "The request does not fit its description.", errors=errors).response()

    async def on_crash(request: Request, error: Exception) -> Response:
        if is_database_away(error):
            return Problem(
                503,
                "database_unavailable",
                "The database does not answer right now.",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            ).response()
        _log.error("request_failed", method=request.method, path=request.url.path, exc_info=error)
        return Problem(500, "internal_error", "The hub failed to answer; the failure is in its log.").response()

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    for fault in (Exception, OSError, TimeoutError):
        app.add_exception_handler(fault, on_crash)
