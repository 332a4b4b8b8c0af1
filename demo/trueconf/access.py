"""What every endpoint of the simulated TrueConf Server needs: tokens, parameters, pages.

An endpoint is a function (server, request, *parts of the path) that returns the data for JSON or
a whole Answer, or raises a Refusal. Those of API v3 stand in `api_v3`, those of v4 in `api_v4`.
"""

import json
import re
import secrets
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qsl

from demo.wire import Answer, phrase


def error_answer(status, reason, location=None, location_type="path", has_trace=False):
    """Return an error in the envelope that all API calls share; v4 adds a trace ID."""
    detail = {"reason": reason, "message": f"{phrase(status)}: {reason}"}
    if location:
        detail |= {"locationType": location_type, "location": location}
    error = {"code": status, "message": phrase(status), "errors": [detail]}
    if has_trace:
        error["trace_id"] = secrets.token_hex(16)
    return Answer.json({"error": error}, status)


class Refusal(Exception):
    """Ends an endpoint with an error in the API's envelope."""

    def __init__(self, status, reason, location=None, location_type="path"):
        super().__init__(reason)
        self.status = status
        self.details = (reason, location, location_type)

    def answer(self, has_trace):
        """Return it as an Answer; v4 adds a trace ID."""
        return error_answer(self.status, *self.details, has_trace=has_trace)


class Route(NamedTuple):
    """An endpoint. `*` in the path stands for one part; `fault_part` is its name for faults."""

    method: str
    path: str
    fault_part: str
    scope: str | None  # None: no access token is needed
    function: Callable


def speaks_v4(request):
    """Tell whether a request is for API v4 or v4.1."""
    return request.path.startswith(("/api/v4/", "/api/v4.1/"))


# --- Tokens and permissions --------------------------------------------------------------------


def give_token(server, request):
    """POST /oauth2/v1/token"""
    return _token_for(server, _form(request))


def give_token_v4(server, request):
    """POST /api/v4/oauth2/token, which takes JSON alone"""
    return _token_for(server, _json_fields(request))


def _token_for(server, form):
    grant_type = form.get("grant_type")
    if not grant_type:
        return _oauth_error("invalid_request", "The grant type was not specified in the request")
    if grant_type != "client_credentials":
        return _oauth_error("unsupported_grant_type", f"Grant type {grant_type!r} not supported")
    if (form.get("client_id"), form.get("client_secret")) != (
        server.client_id,
        server.client_secret,
    ):
        return SECRET_ERRORS[server.secret_error]()
    return {
        "access_token": server.new_token(),
        "expires_in": server.token_lifetime_s,
        "token_type": "Bearer",
        "scope": " ".join(server.scopes),
    }


def _form(request):
    """Return the fields of a form or JSON body; nothing if the content type names neither."""
    if _content_type(request) == "application/x-www-form-urlencoded":
        return dict(parse_qsl(request.body))
    return _json_fields(request)


def _json_fields(request):
    if _content_type(request) != "application/json":
        return {}
    try:
        fields = json.loads(request.body)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _content_type(request):
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _oauth_error(error, description):
    return Answer.json({"error": error, "error_description": description}, 400)


SECRET_ERRORS = {
    "rfc6749": lambda: _oauth_error("invalid_client", "The client credentials are invalid"),
    "envelope": lambda: error_answer(401, "invalidClient"),
    "flat": lambda: Answer.json({"reason": "InvalidCredentials"}, 400),
}


def check_access(server, request, scope):
    """Refuse a request whose token is unknown, has expired or lacks this permission."""
    scopes = server.scopes_of_token(_token(server, request))
    if scopes is None:
        status = 401 if speaks_v4(request) else server.rejected_token_status
        raise Refusal(status, "unauthorized" if status == 401 else "accessTokenInvalid")
    granted = set(scopes).union(*(server.umbrellas.get(each, ()) for each in scopes))
    if scope not in granted:
        raise Refusal(403, "forbidden")


def _token(server, request):
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if server.accepts_header and kind.lower() == "bearer":
        return token.strip()
    return request.query.get("access_token") if server.accepts_query else None


# --- Parameters and pages ----------------------------------------------------------------------


def whole_number(request, name, default):
    text = request.query.get(name, str(default))
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise Refusal(400, "invalidParameter", name, "query")
    return int(text)


def page_of(server, request, rows, default_size, name="page_id"):
    """Return (rows of the page that was asked for, number of this page, is there another)."""
    page_id = whole_number(request, name, 1)
    if page_id == 0 and server.page_zero == "first":
        page_id = 1
    size = whole_number(request, "page_size", default_size)
    if page_id < 1:
        raise Refusal(400, "invalidParameter", name, "query")
    if server.shrinks_pages:
        size = min(size, server.max_page_size)
    if not 1 <= size <= server.max_page_size:
        raise Refusal(400, "invalidParameter", "page_size", "query")
    start = (page_id - 1) * size
    return rows[start : start + size], page_id, start + size < len(rows)


def sorted_rows(server, request, rows, keys, default):
    """Return rows in the order that was asked for, with NULL where `server.rows_order` says."""
    name = request.query.get("sort_field", default)
    order = request.query.get("sort_order", "0")
    if name not in keys:
        raise Refusal(400, "invalidParameter", "sort_field", "query")
    if order not in ("0", "1"):
        raise Refusal(400, "invalidParameter", "sort_order", "query")

    if server.rows_order == "unsorted":
        return rows
    null_is_greatest = server.rows_order == "nulls_first"  # in a descending sort, as PostgreSQL's

    def place(row):
        value = keys[name](row)
        return (null_is_greatest, 0) if value is None else (not null_is_greatest, value)

    return sorted(rows, key=place, reverse=order == "1")
