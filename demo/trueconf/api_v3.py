"""API v3.1 to v3.11 of the simulated TrueConf Server: its paths, fields and JSON."""

import re
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from demo.trueconf.access import Refusal, Route, page_of, sorted_rows
from demo.wire import Answer

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
    rows = [each for each in server.conferences if each.logged]
    if "named_conf_id" in request.query:
        rows = [each for each in rows if each.id == request.query["named_conf_id"]]
    rows = sorted_rows(server, request, rows, CALL_KEYS, "start_time")
    page, _, _ = page_of(server, request, rows, server.default_page_size)
    return {"cnt": len(rows), "list": [_call_row(server, each) for each in page]}


def one_call(server, request, session_id):
    """GET logs/calls/{session}"""
    return _call_row(server, _logged_session(server, session_id))


def list_call_participants(server, request, session_id):
    """GET logs/calls/{session}/participants"""
    rows = _logged_session(server, session_id).stays
    if "call_id" in request.query:
        rows = [each for each in rows if call_id_of(server, each) == request.query["call_id"]]
    rows = sorted_rows(server, request, rows, PARTICIPANT_KEYS, "join_time")
    page, _, _ = page_of(server, request, rows, server.default_page_size)
    return {"cnt": len(rows), "list": [_participant_row(server, each) for each in page]}


def _session(server, session_id):
    for conference in server.conferences:
        if conference.session_id == session_id:
            return conference
    raise Refusal(404, "conferenceNotFound", "conference_id")


def _logged_session(server, session_id):
    conference = _session(server, session_id)
    if not conference.logged:
        raise Refusal(404, "conferenceNotFound", "conference_id")
    return conference


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


def call_id_of(server, stay):
    name = server.full_name(stay.person.id)
    if server.odd_letter_case:
        name = name.swapcase()
    return f"{name}/{0x0A1B + stay.number:04X}" if server.device_suffix else name


def _participant_row(server, stay):
    until = server.now() if stay.left_at is None else stay.left_at
    return {
        "app_id": f"{stay.number:032X}",
        "call_id": call_id_of(server, stay),
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
    rows = [each for each in named_conferences(server) if state in (None, state_of(each))]
    page, _, _ = page_of(server, request, rows, server.default_page_size)
    return {"cnt": len(rows), "conferences": [_conference_row(server, each) for each in page]}


def one_conference(server, request, conference_id):
    """GET conferences/{id}"""
    return {"conference": _conference_row(server, named(server, conference_id))}


def stop_conference(server, request, conference_id):
    """POST conferences/{id}/stop"""
    conference = named(server, conference_id)
    if not conference.is_running and server.stop_again != "ok":
        status = int(server.stop_again)
        raise Refusal(status, "conferenceNotFound" if status == 404 else "conferenceNotRunning")
    if conference.is_running:
        server.accept_stop(conference)
    return Answer(204) if server.stop_answer == "empty" else {"state": "stopped"}


def run_conference(server, request, conference_id):
    """POST conferences/{id}/run"""
    conference = named(server, conference_id)
    if not conference.is_running:
        server.add_conference(
            conference.title, conference.owner, (), age_s=0, conference_id=conference.id
        )
    return {"state": "running"}


def list_conference_participants(server, request, conference_id):
    """GET conferences/{id}/participants"""
    conference = named(server, conference_id)
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


def named_conferences(server):
    """Return each conference that has an ID once: its running session, else its last one."""
    by_id = {}
    for conference in server.conferences:
        is_call = conference.id is None or conference.conference_class <= 1
        has_vanished = conference.is_ad_hoc and not conference.is_running
        known = by_id.get(conference.id)
        if not (is_call or has_vanished or (known and known.is_running)):
            by_id[conference.id] = conference
    return list(by_id.values())


def named(server, conference_id):
    for conference in named_conferences(server):
        if conference.id == conference_id:
            return conference
    raise Refusal(404, "conferenceNotFound", "conference_id")


def state_of(conference):
    return "running" if conference.is_running else "stopped"


def _conference_row(server, conference):
    session_id = conference.session_id if conference.is_running else None
    return {
        **({"session_id": session_id} if server.names_sessions else {}),
        "id": conference.id,
        "type": 0,
        "topic": conference.title,
        "owner": server.full_name(conference.owner) if conference.owner else None,
        "description": "",
        "max_podiums": conference.max_people,
        "max_participants": conference.max_people,
        "schedule": _schedule(conference),
        "url": f"https://{server.name}/c/{conference.id}",
        "webclient_url": f"https://{server.name}/webrtc/{conference.id}",
        "allow_guests": True,
        "auto_invite": 0,
        "state": state_of(conference),
        "tags": [],
        "recording": 0,
        "rights": {"guest": {"chat_send": True}, "user": {"chat_send": True}},
    }


def _schedule(conference):
    """When it was planned for; type -1: a room that is always there, 1: once."""
    if conference.planned_s is None or conference.is_ad_hoc:
        return {"type": -1}
    times = {"start_time": int(conference.started_at), "duration": conference.planned_s}
    return {"type": 1, "time_offset": 0, **times}


def list_records(server, request, conference_id):
    """GET conferences/{id}/records: those that have been written"""
    conference = named(server, conference_id)
    records = [each for each in conference.recordings if each.stopped_at or server.records_tell_end]
    return {"records": [_record(server, conference, each) for each in records]}


def _record(server, conference, recording):
    times = ("started_at", "stopped_at")
    moments = {name: php_date(getattr(recording, name), server) for name in times}
    return {
        "name": recording.name,
        "size": "1048576",
        "created": int(recording.started_at),
        "download_url": f"https://{server.name}/records/{conference.id}/{recording.name}",
        **(moments if server.records_tell_end else {}),
    }


def _member(server, conference, stay):
    return {
        **user_fields(server, stay.person),
        "join_time": int(stay.joined_at),
        "is_owner": stay.person.id == conference.owner,
    }


# --- Users and the server itself ---------------------------------------------------------------


def list_users(server, request):
    """GET users"""
    page, page_id, has_more = page_of(
        server, request, server.people, server.default_users_page_size
    )
    answer = {"users": [user_fields(server, each) for each in page]}
    if has_more:
        return {"next_page_id": page_id + 1, **answer}
    if server.users_end == "missing":
        return answer
    return {"next_page_id": server.users_end, **answer}


def user_fields(server, person):
    first_name, _, last_name = str(person.display_name or "").partition(" ")
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
        "conferences/*/records",
        "recordings",
        "conferences.records",
        list_records,
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
