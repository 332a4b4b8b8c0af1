"""What API v4 and v4.1 calls things: addresses, field names, permissions.

`trueconf_v3` has the same functions. Documentation: https://HOST/api/v4/docs/ of a server.
"""

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from lib.trueconf_client import Client
from lib.trueconf_fields import id_of, number_of, participant, planned_s, text_of
from lib.trueconf_model import (
    Conference,
    Participant,
    Server,
    path_part,
)
from lib.trueconf_transport import beside

# Permission -> the path of a request that needs it, "" where only a stop would;
# {example} is any conference of the list.
PERMISSIONS = {
    "conferences:read": "conferences",
    "conferences:write": "",
    "conferences.participants:read": "conferences/{example}/participants",
    "conferences.sessions:read": "sessions",
    "users:read": "users",
}
EXAMPLE = ("conferences", "conferences", "id")  # path, rows and field that have one
STOP_PERMISSION, READ_PERMISSION = "conferences:write", "conferences:read"
STOP_SCOPES = {"conferences", "conferences:write"}  # either allows it
PAGE = ("page",)
SESSION_KEYS = ("id", "session_id", "conference_id", "start_time")
PERSON_KEYS = ("call_id", "id", "app_id", "join_time")  # of a row of participants


# ---------------------------------------------------------------- conferences


def get_running(client: Client) -> list[Conference]:
    """Return the conferences that run now.

    `GET conferences?state=running`, and beside it `GET sessions`, which knows when each run
    began. Needs `conferences:read` and `conferences.sessions:read`.
    """
    with beside(_sessions, client) as listing:
        rows = _running_rows(client)
    starts = _starts(rows, listing.result())
    return [_conference(client.server, row, starts) for row in rows.values()]


def get_at_once(client: Client) -> list[Conference]:
    """Nothing: `get_running` tells all at once."""
    return []


def get_logged(client: Client) -> list[Conference]:
    """Nothing: no log of v4 is asked."""
    return []


def _running_rows(client: Client) -> dict[str, dict[str, Any]]:
    pages = client.pages(
        "conferences", "conferences", READ_PERMISSION, PAGE, ("id",), state="running"
    )
    rows = {id_of(row.get("id")): row for page in pages for row in page}
    rows.pop("", None)
    return rows


def _sessions(client: Client) -> list[dict[str, Any]]:
    """The rows of `GET sessions`; whether ended runs are among them is not documented."""
    found: list[dict[str, Any]] = []
    seen: set[tuple[str, ...]] = set()
    pages = client.pages("sessions", "conference_sessions", "conferences.sessions:read", PAGE)
    for rows in pages:
        names = {tuple(text_of(row.get(key)) for key in SESSION_KEYS) for row in rows}
        if names <= seen:  # without a total nothing else says that it was the last page
            break
        seen |= names
        found += rows
    return found


def _starts(
    running: dict[str, dict[str, Any]], sessions: list[dict[str, Any]]
) -> dict[str, object]:
    """When the run of each running conference began, as the server writes it: the run that has
    its `session_id`, or the newest one where the sessions have no names."""
    starts: dict[str, object] = {}
    named = {id_of(row.get("id")) or id_of(row.get("session_id")): row for row in sessions}
    for row in sessions:
        conference_id, start = id_of(row.get("conference_id")), row.get("start_time")
        is_newer = (_moment(start) or 0) >= (_moment(starts.get(conference_id)) or 0)
        if conference_id in running and (conference_id not in starts or is_newer):
            starts[conference_id] = start
    if named.keys() - {""}:
        for conference_id, row in running.items():
            session_id = id_of(row.get("session_id"))
            if session_id:
                starts[conference_id] = named.get(session_id, {}).get("start_time")
    return starts


def _conference(server: Server, row: dict[str, Any], starts: dict[str, object]) -> Conference:
    conference_id = id_of(row.get("id"))
    start = starts.get(conference_id)
    began_at = _moment(start)
    return Conference(
        session_id=id_of(row.get("session_id")),
        id=conference_id,
        title=text_of(row.get("topic")),
        owner=text_of(row.get("owner")),
        participant_count=None,
        age_s=None if began_at is None else max(0, int(time.time() - began_at)),
        server_url=server.url,
        start=str(start or ""),
        planned_s=planned_s(row),
    )


def _moment(value: object) -> float | None:
    """time.time() of a Unix number or of ISO 8601 text; without a zone it is UTC."""
    number = number_of(value)
    if number is not None:
        return number
    try:
        moment = datetime.fromisoformat(text_of(value).replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


# ---------------------------------------------------------------- people


def get_participants(client: Client, conference: Conference) -> list[Participant]:
    """Return who is in the conference now, a row for each connection.

    `GET conferences/{id}/participants?is_in_conf=true`. Needs `conferences.participants:read`.
    """
    path = f"conferences/{path_part(conference.id)}/participants"
    pages = client.pages(
        path, "list", "conferences.participants:read", PAGE, PERSON_KEYS, is_in_conf="true"
    )
    return [participant(row, "flag") for rows in pages for row in rows if not row.get("leave_time")]


def get_user_pages(client: Client) -> Iterator[list[dict[str, Any]]]:
    """Yield the accounts, a page at a time: `GET users`. Needs `users:read`.

    Which parameter turns the page is not known, so both are sent.
    """
    return client.pages("users", "users", "users:read", ("page", "page_id"), ("uid", "id"))
