"""API v4 and v4.1 of the simulated TrueConf Server, as far as the bot uses them.

They show the same world as v3 with other paths, names and permissions. A conference ID does for
everything; a session ID stands in no path. `/api/v4.1/logs/calls` is not simulated.
"""

from datetime import datetime, timezone

from demo.trueconf.access import Refusal, Route, give_token_v4, page_of
from demo.trueconf.api_v3 import (
    call_id_of,
    named,
    named_conferences,
    run_conference,
    state_of,
    stop_conference,
    user_fields,
)

PLANNED_BEFORE_S = 24 * 3600  # `created_at` of a conference; no client may take it for the start


def moment(unix_time, server):
    """Return a moment as v4 writes it: a Unix number or ISO 8601 text, both were seen.

    v4 tells no duration, so after pass_time() what was before it lies further in the past.
    """
    if unix_time is None:
        return None
    unix_time += server.clock_skew_s - server.time_passed_s
    if server.v4_times == "iso":
        return datetime.fromtimestamp(int(unix_time), timezone.utc).isoformat()
    return int(unix_time)


def _page(server, request, rows):
    page, _, _ = page_of(server, request, rows, server.default_page_size, "page")
    return page


def list_conferences(server, request):
    """GET conferences"""
    state = request.query.get("state")
    if state not in (None, "running", "stopped"):
        raise Refusal(400, "invalidParameter", "state", "query")
    rows = [each for each in named_conferences(server) if state in (None, state_of(each))]
    page = _page(server, request, rows)
    results = len(page) if server.results_count == "page" else len(rows)
    return {"results": results, "conferences": [_conference(server, each) for each in page]}


def one_conference(server, request, conference_id):
    """GET conferences/{id}"""
    conference = named(server, conference_id)
    more = {
        "url": f"https://{server.name}/c/{conference.id}",
        "web_client_url": f"https://{server.name}/webrtc/{conference.id}",
        "tags": [],
        "waiting_room_enabled": False,
        "auto_termination_enabled": False,
        "max_participants": conference.max_people,
        "max_podiums": conference.max_people,
    }
    return {"conference": {**_conference(server, conference), **more}}


def _conference(server, conference):
    return {
        "id": conference.id,
        "topic": conference.title,
        "owner": server.full_name(conference.owner) if conference.owner else None,
        "state": state_of(conference),
        "mode": "PxP",
        "access": "public",
        "recording_enabled": False,
        "created_at": moment(conference.started_at - PLANNED_BEFORE_S, server),
        "schedule": _schedule(server, conference),
        "session_id": _session_id(server, conference),
    }


def _session_id(server, conference):
    is_named = conference.is_running and server.v4_names_sessions
    return conference.session_id if is_named else None


def _schedule(server, conference):
    is_planned = conference.planned_s is not None and not conference.is_ad_hoc
    starts_at = conference.started_at if is_planned else None
    return {
        "type": "once" if is_planned else "none",
        "start_time": moment(starts_at, server),
        "end_time": None,  # of a conference that is planned once, `duration` says it
        "duration": conference.planned_s if is_planned else None,
        "days": [],
        "special_time_offset": 0,
    }


def get_owner(server, request, conference_id):
    """GET conferences/{id}/owner"""
    owner = named(server, conference_id).owner
    if owner is None:
        raise Refusal(404, "userNotFound", "owner")
    person = server.person(owner)
    names = ("id", "uid", "display_name", "status")
    fields = {name: value for name, value in user_fields(server, person).items() if name in names}
    return {"owner": {**fields, "is_active": person.is_active}}


def list_participants(server, request, conference_id):
    """GET conferences/{id}/participants; without is_in_conf=true those who have left, too"""
    stays = named(server, conference_id).stays
    if request.query.get("is_in_conf", "").lower() in ("true", "1"):
        stays = [each for each in stays if each.left_at is None]
    page = _page(server, request, stays)
    return {"cnt": len(stays), "list": [_participant(server, each) for each in page]}


def _participant(server, stay):
    until = server.now() if stay.left_at is None else stay.left_at
    return {
        "id": server.number_of(stay.person),
        **({"call_id": call_id_of(server, stay)} if server.v4_names_participants else {}),
        "display_name": stay.person.display_name,
        "flag": stay.role,
        "duration": int(until - stay.joined_at),
        "join_time": moment(stay.joined_at, server),
        "leave_time": moment(stay.left_at, server),
        "app_id": f"{stay.number:032X}",
    }


def list_sessions(server, request):
    """GET sessions: what runs now, and since when. Pages only where they are asked for.

    Nobody has seen whether those that ended stand there too, nor in which order, nor a total.
    """
    sessions = [each for each in named_conferences(server) if each.is_running]
    if server.v4_sessions != "running":
        is_newest_first = server.v4_sessions == "newest_first"
        sessions = [each for each in server.conferences if each.id and each.listed]
        sessions.sort(key=lambda each: each.started_at, reverse=is_newest_first)
    page = sessions
    if {"page", "page_size"} & request.query.keys():
        page = _page(server, request, sessions)
    total = {"cnt": len(sessions)} if server.v4_sessions_total else {}
    return {**total, "conference_sessions": [_session_row(server, each) for each in page]}


def _session_row(server, conference):
    name = {"id": conference.session_id} if server.v4_sessions_have_ids else {}
    started_at = moment(conference.started_at, server)
    return {**name, "conference_id": conference.id, "start_time": started_at}


def list_recordings(server, request, conference_id):
    """GET conferences/{id}/recordings"""
    conference = named(server, conference_id)
    page = _page(server, request, conference.recordings)
    rows = [_recording(server, conference, each) for each in page]
    return {"cnt": len(conference.recordings), "list": rows}


def _recording(server, conference, recording):
    place = f"https://{server.name}/records/{conference.id}/{recording.name}"
    return {
        "id": recording.number,
        "conference_id": conference.id,
        "topic": conference.title,
        "name": recording.name,
        "owner": server.full_name(conference.owner) if conference.owner else None,
        "size": 1048576,
        "download_url": place,
        "stream_url": place,
        "started_at": moment(recording.started_at, server),
        "stopped_at": moment(recording.stopped_at, server),
    }


def list_users(server, request):
    """GET users, in pages that are counted or chained by next_page_id: nobody has seen which"""
    is_chained = server.v4_users_paging == "next_page_id"
    name = "page_id" if is_chained and "page_id" in request.query else "page"
    page, number, has_more = page_of(
        server, request, server.people, server.default_users_page_size, name
    )
    users = [{**user_fields(server, each), "is_active": each.is_active} for each in page]
    if is_chained:
        return {"next_page_id": number + 1 if has_more else -1, "users": users}
    return {"results": len(server.people), "users": users}


def server_info(server, request):
    """GET /api/v4/server"""
    return {
        "product": {
            "display_name": server.name,
            "id": 3,
            "name": "TrueConf Server",
            "version": None if server.hides_version else server.version,
            "platform": "linux",
        },
        "links": {
            "documentation": f"https://{server.name}/api/v4/docs/",
            "site_url": f"https://{server.name}",
        },
        "web_config": {"url": f"https://{server.name}"},
    }


def list_connects(server, request):
    """GET endpoints/connects: where clients, and vsstatus, are answered"""
    return {"connects": [f"{server.host}:{server.status_port}"]}


PUBLIC_V4_ROUTES = (
    Route("GET", "server", "v4/server", None, server_info),
    Route("GET", "endpoints/connects", "v4/connects", None, list_connects),
)
V4_ROUTES = (
    *PUBLIC_V4_ROUTES,
    Route("POST", "oauth2/token", "token", None, give_token_v4),
    Route("GET", "conferences", "conferences", "conferences:read", list_conferences),
    Route("GET", "conferences/*", "conferences", "conferences:read", one_conference),
    Route("GET", "conferences/*/owner", "conferences", "conferences:read", get_owner),
    Route(
        "GET",
        "conferences/*/participants",
        "participants",
        "conferences.participants:read",
        list_participants,
    ),
    Route(
        "GET",
        "conferences/*/recordings",
        "recordings",
        "conferences.records:read",
        list_recordings,
    ),
    Route("POST", "conferences/*/stop", "stop", "conferences:write", stop_conference),
    Route("POST", "conferences/*/run", "run", "conferences:write", run_conference),
    Route("GET", "sessions", "sessions", "conferences.sessions:read", list_sessions),
    Route("GET", "users", "users", "users:read", list_users),
)
