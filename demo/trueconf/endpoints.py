"""What the simulated TrueConf Server answers: its paths, permissions, parameters and JSON.

Each endpoint is a function (server, request, *parts of the path) that returns the data for JSON or
a whole Answer; `respond` finds it. The world that they read is in `server`.
"""

import html
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from demo.trueconf.wire import Answer, error_answer

MISSING = object()  # as a field of a log row: leave the field out
MODERATOR_ROLE = 2
IN_CONFERENCE = 5

# Zones as PHP writes them: (timezone_type, minutes east of Greenwich). Known by heart, because
# Windows has no zone data. Any other name is looked up there.
ZONES = {
    "UTC": (3, 0),
    "Europe/Moscow": (3, 180),
    "MSK": (2, 180),
    "Nowhere/Unknown": (3, 345),
}


class Refusal(Exception):
    """Ends an endpoint with an error in the API's envelope."""

    def __init__(self, status, reason, location=None, location_type="path"):
        super().__init__(reason)
        self.answer = error_answer(status, reason, location, location_type)


class Route(NamedTuple):
    """An endpoint. `*` in the path stands for one part; `fault_part` is its name for faults."""

    method: str
    path: str
    fault_part: str
    scope: str | None  # None: no access token is needed
    function: Callable


class Target(NamedTuple):
    """The route that a request takes, and the parts of its path that stand for `*`."""

    route: Route
    parts: list


# --- Finding the endpoint ----------------------------------------------------------------------


def find_target(server, request):
    """Return the Target of a request, None if there is no such path."""
    # Split first, decode then: a decoded part may hold a slash.
    parts = [unquote(part) for part in request.path.removesuffix("/").split("/")[1:]]
    if request.port_kind == "status":
        return _match(STATUS_ROUTES, request.method, parts)
    if parts[:1] == ["api"] and parts[1:2] and parts[1] in server.api_versions:
        return _match(V3_ROUTES, request.method, parts[2:])
    return _match(WEB_ROUTES, request.method, parts)


def _match(routes, method, parts):
    for route in routes:
        pattern = route.path.split("/")
        if route.method != method or len(pattern) != len(parts):
            continue
        pairs = list(zip(pattern, parts, strict=True))
        if all(wanted in ("*", part) for wanted, part in pairs):
            return Target(route, [part for wanted, part in pairs if wanted == "*"])
    return None


def respond(server, request):
    """Return the right Answer to a request."""
    try:
        target = find_target(server, request)
        if target is None:
            raise Refusal(404, "routeNotFound")
        if target.route.scope:
            _check_access(server, request, target.route.scope)
        answer = target.route.function(server, request, *target.parts)
        return answer if isinstance(answer, Answer) else Answer.json(answer)
    except Refusal as refusal:
        return refusal.answer


# --- Tokens and permissions --------------------------------------------------------------------


def give_token(server, request):
    """POST /oauth2/v1/token"""
    form = _form(request)
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
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/x-www-form-urlencoded":
        return dict(parse_qsl(request.body))
    if content_type == "application/json":
        try:
            fields = json.loads(request.body)
        except ValueError:
            return {}
        return fields if isinstance(fields, dict) else {}
    return {}


def _oauth_error(error, description):
    return Answer.json({"error": error, "error_description": description}, 400)


SECRET_ERRORS = {
    "rfc6749": lambda: _oauth_error("invalid_client", "The client credentials are invalid"),
    "envelope": lambda: error_answer(401, "invalidClient"),
    "flat": lambda: Answer.json({"reason": "InvalidCredentials"}, 400),
}


def _check_access(server, request, scope):
    scopes = server.scopes_of_token(_token(server, request))
    if scopes is None:
        status = server.rejected_token_status
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


def _whole_number(request, name, default):
    text = request.query.get(name, str(default))
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise Refusal(400, "invalidParameter", name, "query")
    return int(text)


def _page(server, request, rows, default_size):
    """Return (rows of the page that was asked for, number of this page, is there another)."""
    page_id = _whole_number(request, "page_id", 1)
    if page_id == 0 and server.page_zero == "first":
        page_id = 1
    size = _whole_number(request, "page_size", default_size)
    if page_id < 1:
        raise Refusal(400, "invalidParameter", "page_id", "query")
    if not 1 <= size <= server.max_page_size:
        raise Refusal(400, "invalidParameter", "page_size", "query")
    start = (page_id - 1) * size
    return rows[start : start + size], page_id, start + size < len(rows)


def _sorted(request, rows, keys, default):
    """Return rows in the order that was asked for; NULL counts as the greatest (PostgreSQL)."""
    name = request.query.get("sort_field", default)
    order = request.query.get("sort_order", "0")
    if name not in keys:
        raise Refusal(400, "invalidParameter", "sort_field", "query")
    if order not in ("0", "1"):
        raise Refusal(400, "invalidParameter", "sort_order", "query")

    def place(row):
        value = keys[name](row)
        return (True, 0) if value is None else (False, value)

    return sorted(rows, key=place, reverse=order == "1")


# --- The call log ------------------------------------------------------------------------------

CALL_KEYS = {
    "start_time": lambda conference: conference.started_at,
    "end_time": lambda conference: conference.ended_at,
    "topic": lambda conference: conference.title,
    "conference_id": lambda conference: conference.session_id,
    "named_conf_id": lambda conference: conference.id,
    "duration": lambda conference: conference.age_s,
    "class": lambda conference: conference.conference_class,
}
PARTICIPANT_KEYS = {
    "join_time": lambda stay: stay.joined_at,
    "leave_time": lambda stay: stay.left_at,
    "display_name": lambda stay: stay.person.display_name,
    "call_id": lambda stay: stay.person.id,
}


def list_calls(server, request):
    """GET logs/calls"""
    rows = server.conferences
    if "named_conf_id" in request.query:
        rows = [each for each in rows if each.id == request.query["named_conf_id"]]
    rows = _sorted(request, rows, CALL_KEYS, "start_time")
    page, _, _ = _page(server, request, rows, server.default_page_size)
    return {"cnt": len(rows), "list": [_call_row(server, each) for each in page]}


def one_call(server, request, session_id):
    """GET logs/calls/{session}"""
    return _call_row(server, _session(server, session_id))


def list_call_participants(server, request, session_id):
    """GET logs/calls/{session}/participants"""
    rows = _session(server, session_id).stays
    if "call_id" in request.query:
        rows = [each for each in rows if _call_id(server, each) == request.query["call_id"]]
    rows = _sorted(request, rows, PARTICIPANT_KEYS, "join_time")
    page, _, _ = _page(server, request, rows, server.default_page_size)
    return {"cnt": len(rows), "list": [_participant_row(server, each) for each in page]}


def _session(server, session_id):
    for conference in server.conferences:
        if conference.session_id == session_id:
            return conference
    raise Refusal(404, "conferenceNotFound", "conference_id")


def _call_row(server, conference):
    if conference.replaced_row is not MISSING:
        return conference.replaced_row
    counts_present = conference.is_open and not server.counts_everybody
    people = conference.people if counts_present else conference.everybody
    row = {
        "conference_id": conference.session_id,
        "named_conf_id": conference.id,
        "topic": conference.title,
        "class": conference.conference_class,
        "type": 5 if conference.conference_class > 1 else 0,
        "subtype": 0,
        "owner": server.full_name(conference.owner) if conference.owner else None,
        "participant_count": len(people),
        "start_time": php_date(conference.started_at, server),
        "duration": _duration(server, conference),
        "end_time": php_date(conference.ended_at, server),
        **conference.fields,
    }
    return {name: value for name, value in row.items() if value is not MISSING}


def _duration(server, conference):
    return 0 if conference.is_open and not server.live_duration else int(conference.age_s)


def _call_id(server, stay):
    name = server.full_name(stay.person.id)
    if server.odd_letter_case:
        name = name.swapcase()
    return f"{name}/{0x0A1B + stay.number:04X}" if server.device_suffix else name


def _participant_row(server, stay):
    until = server.now() if stay.left_at is None else stay.left_at
    return {
        "app_id": f"{stay.number:032X}",
        "call_id": _call_id(server, stay),
        "display_name": stay.person.display_name,
        "join_time": php_date(stay.joined_at, server),
        "leave_time": php_date(stay.left_at, server),
        "leave_reason": 0 if stay.left_at is None else 4,
        "duration": int(until - stay.joined_at),
        "bitrate_in": 310,
        "bitrate_out": 280,
        "avg_cpu_load": None,
        "avg_sent_fps": 14.8,
        "video_w": 640,
        "video_h": 360,
    }


def php_date(unix_time, server):
    """Return a moment as PHP's DateTime becomes JSON, in the zone of the server."""
    if unix_time is None:
        return None
    moment = datetime.fromtimestamp(unix_time + server.clock_skew_s, timezone.utc)
    kind, offset = _zone(server.timezone, moment)
    return {
        "date": (moment + offset).strftime("%Y-%m-%d %H:%M:%S.%f"),
        "timezone_type": kind,
        "timezone": server.timezone,
    }


def _zone(name, moment):
    """Return PHP's timezone_type of a zone and its offset at a moment."""
    if name in ZONES:
        kind, minutes = ZONES[name]
        return kind, timedelta(minutes=minutes)
    if re.fullmatch(r"[+-]\d\d:\d\d", name):
        distance = timedelta(hours=int(name[1:3]), minutes=int(name[4:]))
        return 1, -distance if name[0] == "-" else distance
    try:
        return 3, moment.astimezone(ZoneInfo(name)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError):
        return 3, timedelta(0)


# --- Conferences -------------------------------------------------------------------------------


def list_conferences(server, request):
    """GET conferences"""
    state = request.query.get("state")
    if state not in (None, "running", "stopped"):
        raise Refusal(400, "invalidParameter", "state", "query")
    rows = [each for each in _named_conferences(server) if state in (None, _state(each))]
    page, _, _ = _page(server, request, rows, server.default_page_size)
    return {"cnt": len(rows), "conferences": [_conference_row(server, each) for each in page]}


def one_conference(server, request, conference_id):
    """GET conferences/{id}"""
    return {"conference": _conference_row(server, _named(server, conference_id))}


def stop_conference(server, request, conference_id):
    """POST conferences/{id}/stop"""
    conference = _named(server, conference_id)
    if not conference.is_running and server.stop_again != "ok":
        status = int(server.stop_again)
        raise Refusal(status, "conferenceNotFound" if status == 404 else "conferenceNotRunning")
    if conference.is_running:
        server.accept_stop(conference)
    return Answer(204) if server.stop_answer == "empty" else {"state": "stopped"}


def run_conference(server, request, conference_id):
    """POST conferences/{id}/run"""
    conference = _named(server, conference_id)
    if not conference.is_running:
        server.add_conference(
            conference.title, conference.owner, (), age_s=0, conference_id=conference.id
        )
    return {"state": "running"}


def list_conference_participants(server, request, conference_id):
    """GET conferences/{id}/participants"""
    conference = _named(server, conference_id)
    return {"participants": [_member(server, conference, each) for each in conference.present]}


def list_session_participants(server, request, session_id):
    """GET conference-sessions/{session}/participants"""
    if not server.sessions_endpoint:
        raise Refusal(404, "routeNotFound")
    conference = _session(server, session_id)
    if not conference.is_running:
        raise Refusal(404, "conferenceNotFound", "conference_id")
    members = [
        {
            "id": server.full_name(stay.person.id),
            "display_name": stay.person.display_name,
            "role": stay.role,
        }
        for stay in conference.present
    ]
    return {"count": len(members), "participants": members[: server.session_list_size]}


def _named_conferences(server):
    """Return each conference that has an ID once: its running session, else its last one."""
    by_id = {}
    for conference in server.conferences:
        is_call = conference.id is None or conference.conference_class <= 1
        has_vanished = conference.is_ad_hoc and not conference.is_running
        known = by_id.get(conference.id)
        if not (is_call or has_vanished or (known and known.is_running)):
            by_id[conference.id] = conference
    return list(by_id.values())


def _named(server, conference_id):
    for conference in _named_conferences(server):
        if conference.id == conference_id:
            return conference
    raise Refusal(404, "conferenceNotFound", "conference_id")


def _state(conference):
    return "running" if conference.is_running else "stopped"


def _conference_row(server, conference):
    start_time, age_s = int(conference.started_at), int(conference.age_s)
    return {
        "id": conference.id,
        "type": 0,
        "topic": conference.title,
        "owner": server.full_name(conference.owner) if conference.owner else None,
        "description": "",
        "max_podiums": 36,
        "max_participants": 36,
        "schedule": {"type": 1, "start_time": start_time, "time_offset": 0, "duration": age_s},
        "url": f"https://{server.name}/c/{conference.id}",
        "webclient_url": f"https://{server.name}/webrtc/{conference.id}",
        "allow_guests": True,
        "auto_invite": 0,
        "state": _state(conference),
        "tags": [],
        "recording": 0,
        "rights": {"guest": {"chat_send": True}, "user": {"chat_send": True}},
    }


def _member(server, conference, stay):
    return {
        **_user_row(server, stay.person),
        "join_time": int(stay.joined_at),
        "is_owner": stay.person.id == conference.owner,
    }


# --- Users and the server itself ---------------------------------------------------------------


def list_users(server, request):
    """GET users"""
    page, page_id, has_more = _page(server, request, server.people, server.default_users_page_size)
    answer = {"users": [_user_row(server, each) for each in page]}
    if has_more:
        return {"next_page_id": page_id + 1, **answer}
    if server.users_end == "missing":
        return answer
    return {"next_page_id": server.users_end, **answer}


def _user_row(server, person):
    first_name, _, last_name = person.display_name.partition(" ")
    return {
        "id": person.id,
        "uid": server.full_name(person.id),
        "avatar": None,
        "login_name": person.id,
        "email": f"{person.id}@example.org",
        "display_name": person.display_name,
        "first_name": first_name,
        "last_name": last_name,
        "company": "",
        "groups": [{"id": "@no_group", "display_name": "No group", "rights": []}],
        "mobile_phone": "",
        "work_phone": "",
        "home_phone": "",
        "is_active": int(person.is_active),
        "status": person.status,
    }


def server_info(server, request):
    """GET /api/v4/server"""
    return {
        "product": {
            "display_name": server.name,
            "id": 3,
            "name": "TrueConf Server",
            "version": server.version,
            "platform": "linux",
        },
        "links": {
            "documentation": f"https://{server.name}/api/v4/docs/",
            "site_url": f"https://{server.name}",
        },
        "web_config": {"url": f"https://{server.name}"},
    }


def vsstatus(server, request):
    """GET /vsstatus on the second port"""
    return Answer(200, f"TrueConf Server {server.version}\n".encode(), "text/plain")


def web_page(server, request, name):
    """GET /c/{id} and /tools/real-time/{session}: what the links in the bot's messages open"""
    found = next((each for each in server.conferences if name in (each.id, each.session_id)), None)
    if found is None:
        raise Refusal(404, "conferenceNotFound")
    title = html.escape(found.title)
    text = f"<h1>{title}</h1><p>{server.name}, simulated: here would be the conference.</p>"
    page = f"<!DOCTYPE html><meta charset=utf-8><title>{title}</title>{text}"
    return Answer(200, page.encode("utf-8", "replace"), "text/html; charset=UTF-8")


WEB_ROUTES = (
    Route("POST", "oauth2/v1/token", "token", None, give_token),
    Route("GET", "api/v4/server", "v4/server", None, server_info),
    Route("GET", "c/*", "", None, web_page),
    Route("GET", "tools/real-time/*", "", None, web_page),
)
STATUS_ROUTES = (Route("GET", "vsstatus", "vsstatus", None, vsstatus),)
V3_ROUTES = (
    Route("GET", "logs/calls", "logs/calls", "logs.calls:read", list_calls),
    Route("GET", "logs/calls/*", "logs/calls", "logs.calls:read", one_call),
    Route(
        "GET",
        "logs/calls/*/participants",
        "participants",
        "logs.calls.participants:read",
        list_call_participants,
    ),
    Route("GET", "conferences", "conferences", "conferences:read", list_conferences),
    Route("GET", "conferences/*", "conferences", "conferences:read", one_conference),
    Route("POST", "conferences/*/stop", "stop", "conferences:write", stop_conference),
    Route("POST", "conferences/*/run", "run", "conferences:write", run_conference),
    Route(
        "GET",
        "conferences/*/participants",
        "conferences",
        "conferences.participants:read",
        list_conference_participants,
    ),
    Route(
        "GET",
        "conference-sessions/*/participants",
        "conference-sessions",
        "conferences.sessions.participants:read",
        list_session_participants,
    ),
    Route("GET", "users", "users", "users:read", list_users),
)
