"""What API v4 and v4.1 calls things: addresses, field names, permissions.

`trueconf_v3` has the same functions. Documentation: https://HOST/api/v4/docs/ of a server.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lib.trueconf_client import Client
from lib.trueconf_fields import id_of, moment_of, number_of, participant, planned_s, text_of
from lib.trueconf_model import Conference, Participant, Recording, Server, path_part
from lib.trueconf_rules import recording_of
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
RECORDS_PERMISSION = "conferences.records:read"  # asked only where the token has it
PAGE = ("page",)
SESSION_KEYS = ("id", "session_id", "conference_id", "start_time")
PERSON_KEYS = ("call_id", "id", "app_id", "join_time")  # of a row of participants


# ---------------------------------------------------------------- conferences


def get_running(client: Client) -> list[Conference]:
    """Return the conferences that run now.

    `GET conferences?state=running`, and beside it `GET sessions`, which knows when each run
    began. Needs `conferences:read` and `conferences.sessions:read`.
    """
    pages = _session_pages(client)
    with beside(next, pages, []) as listing:
        running = _running_rows(client)
    page = sessions = listing.result()
    while page and not _is_enough(client, running, sessions, page):
        page = next(pages, [])
        sessions = sessions + page
    starts = _starts(running, sessions)
    return [_conference(client.server, row, starts) for row in running.values()]


def get_at_once(client: Client) -> list[Conference]:
    """Nothing: `get_running` tells all at once."""
    return []


def get_details(client: Client, conference: Conference) -> Conference:
    """Return it with what only `GET conferences/{id}` tells: how many people it may have."""
    answer = client.get(f"conferences/{path_part(conference.id)}", READ_PERMISSION)
    entry = answer.get("conference")
    if not isinstance(entry, dict):
        return conference
    return replace(
        conference,
        max_people=number_of(entry.get("max_participants")) or None,
        planned_s=conference.planned_s or planned_s(entry),
    )


def get_recording(client: Client, conference: Conference) -> Recording | None:
    """Return whether it is being recorded; None where the token may not ask.

    `GET conferences/{id}/recordings`. Needs `conferences.records:read`.
    """
    if RECORDS_PERMISSION not in client.server.learnt.scopes:
        return None
    path = f"conferences/{path_part(conference.id)}/recordings"
    pages = client.pages(path, "list", RECORDS_PERMISSION, PAGE, ("id",))
    return recording_of([row for rows in pages for row in rows], moment_of(conference.start))


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


def _session_pages(client: Client) -> Iterator[list[dict[str, Any]]]:
    """The pages of `GET sessions`; whether ended runs are among them is not documented."""
    seen: set[tuple[str, ...]] = set()
    pages = client.pages("sessions", "conference_sessions", "conferences.sessions:read", PAGE)
    for rows in pages:
        names = {tuple(text_of(row.get(key)) for key in SESSION_KEYS) for row in rows}
        if names <= seen:  # without a total nothing else says that it was the last page
            return
        seen |= names
        yield rows


def _is_enough(
    client: Client,
    running: dict[str, dict[str, Any]],
    sessions: list[dict[str, Any]],
    page: list[dict[str, Any]],
) -> bool:
    """Whether the start of each running conference is known, so that no further page is asked
    for: by the name of its session or, after a page that was not full, as its only one."""
    names = {_session_name(row) for row in sessions} - {""}
    if names:
        return all(_session_id(row) in names for row in running.values())
    counts = Counter(id_of(row.get("conference_id")) for row in sessions)
    is_full = len(page) >= (client.server.learnt.page_size or 1)
    return not is_full and all(counts[conference_id] == 1 for conference_id in running)


def _session_name(row: dict[str, Any]) -> str:
    return id_of(row.get("id")) or id_of(row.get("session_id"))


def _session_id(row: dict[str, Any]) -> str:
    return id_of(row.get("session_id"))


def _starts(
    running: dict[str, dict[str, Any]], sessions: list[dict[str, Any]]
) -> dict[str, object]:
    """When the run of each running conference began, as the server writes it: the run that has
    its `session_id`, or the newest one where the sessions have no names."""
    starts: dict[str, object] = {}
    named = {_session_name(row): row for row in sessions}
    for row in sessions:
        conference_id, start = id_of(row.get("conference_id")), row.get("start_time")
        is_newer = (moment_of(start) or 0) >= (moment_of(starts.get(conference_id)) or 0)
        if conference_id in running and (conference_id not in starts or is_newer):
            starts[conference_id] = start
    if named.keys() - {""}:
        for conference_id, row in running.items():
            if session_id := _session_id(row):
                starts[conference_id] = named.get(session_id, {}).get("start_time")
    return starts


def _conference(server: Server, row: dict[str, Any], starts: dict[str, object]) -> Conference:
    conference_id = id_of(row.get("id"))
    start = starts.get(conference_id)
    began_at = moment_of(start)
    return Conference(
        session_id=_session_id(row),
        id=conference_id,
        title=text_of(row.get("topic")),
        owner=text_of(row.get("owner")),
        participant_count=None,
        age_s=None if began_at is None else max(0, int(time.time() - began_at)),
        server_url=server.url,
        start=str(start or ""),
        planned_s=planned_s(row),
    )


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
