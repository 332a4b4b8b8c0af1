"""What API v3.1 to v3.11 calls things: addresses, field names, permissions.

`trueconf_v4` has the same functions. Documentation: https://developers.trueconf.com/api/server/
(the call log is not described there; its fields are those that recorded answers have).
"""

import logging
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from lib.trueconf_client import Client
from lib.trueconf_fields import dict_rows, id_of, number_of, participant, planned_s, text_of
from lib.trueconf_model import (
    Conference,
    NotFound,
    Participant,
    PermissionMissing,
    Recording,
    Server,
    path_part,
)
from lib.trueconf_rules import recording_of
from lib.trueconf_transport import beside, side_by_side

# Permission -> the path of a request that needs it; {example} is any session of the log.
PERMISSIONS = {
    "conferences": "conferences",
    "users:read": "users",
    "logs.calls:read": "logs/calls",
    "logs.calls.participants:read": "logs/calls/{example}/participants",
}
EXAMPLE = ("logs/calls", "list", "conference_id")  # path, rows and field that have one
STOP_PERMISSION = READ_PERMISSION = "conferences"
STOP_SCOPES = {"conferences", "conferences:write"}  # either allows it
ROLES_PERMISSION = "conferences.sessions.participants:read"
RECORDS_PERMISSION = "conferences.records"  # asked only where the token has it
CALLS_OF_TWO = 1  # `class` up to this
PERSON_KEYS = ("call_id", "app_id", "join_time")  # of a row of participants

log = logging.getLogger("bot.trueconf")


# ---------------------------------------------------------------- conferences


def get_running(client: Client) -> list[Conference]:
    """Return the conferences that run now, those without a conference ID too.

    `GET logs/calls`, the newest end first, up to the first row that has ended, and beside it
    `GET conferences?state=running`. The order of the log's rows is not documented: what the list
    has and the open rows lack is looked for in the log by other ways, and shown even if it is
    not there. Needs `logs.calls:read` and `conferences`.
    """
    learnt = client.server.learnt
    is_ascending = learnt.is_log_ascending
    listed, rows = _list_and_log(client, is_ascending)
    missing = _missing(listed, rows)
    if missing:
        # Where NULL counts as the smallest value, the open rows come first the other way round.
        rows += _open_rows(client, not is_ascending)
        still_missing = _missing(listed, rows)
        if len(still_missing) < len(missing):
            learnt.is_log_ascending = not is_ascending
        missing = still_missing
    if missing:
        for found in side_by_side(lambda named: _open_rows_of(client, named), missing):
            rows += found
        missing = _missing(listed, rows)
    running = _by_session(client.server, rows, listed)
    only_listed = [_from_list(client.server, listed[named]) for named in missing]
    return running + only_listed


def get_at_once(client: Client) -> list[Conference]:
    """The same as far as two requests at the same time tell."""
    listed, rows = _list_and_log(client, client.server.learnt.is_log_ascending)
    return _by_session(client.server, rows, listed)


def get_details(client: Client, conference: Conference) -> Conference:
    """Return it as it is: the list has told all that a single conference would."""
    return conference


def get_recording(client: Client, conference: Conference) -> Recording | None:
    """Return whether it is being recorded; None where the token may not ask, or where the server
    lists what was recorded and not what is.

    `GET conferences/{id}/records`. Needs `conferences.records`.
    """
    if RECORDS_PERMISSION not in client.server.learnt.scopes or not conference.id:
        return None
    answer = client.get(f"conferences/{path_part(conference.id)}/records", RECORDS_PERMISSION)
    rows = dict_rows(answer.get("records"))
    return recording_of(rows, None) if rows else None


def get_logged(client: Client) -> list[Conference]:
    """The same as far as the log alone tells."""
    rows = _open_rows(client, client.server.learnt.is_log_ascending)
    return _by_session(client.server, rows, {})


def _list_and_log(
    client: Client, is_ascending: bool
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    with beside(_listed, client) as listing:
        rows = _open_rows(client, is_ascending)
    return listing.result(), rows


def _listed(client: Client) -> dict[str, dict[str, Any]]:
    """The conferences that the server itself calls running: ID -> entry."""
    listed: dict[str, dict[str, Any]] = {}
    pages = client.pages(
        "conferences", "conferences", READ_PERMISSION, row_keys=("id",), state="running"
    )
    for rows in pages:
        listed.update((id_of(row.get("id")), row) for row in rows)
    listed.pop("", None)
    return listed


def _open_rows(client: Client, is_ascending: bool) -> list[dict[str, Any]]:
    """The rows of the log up to the first one that has ended."""
    found: list[dict[str, Any]] = []
    for rows in _log_pages(client, sort_field="end_time", sort_order=0 if is_ascending else 1):
        for row in rows:
            if row.get("end_time"):
                return found
            found.append(row)
    return found


def _open_rows_of(client: Client, conference_id: str) -> list[dict[str, Any]]:
    """The open rows of one conference, wherever they stand in the log: its first page."""
    params: dict[str, Any] = {
        "named_conf_id": conference_id,
        "sort_field": "start_time",
        "sort_order": 1,
    }
    rows = next(_log_pages(client, **params), [])
    return [
        row
        for row in rows
        if not row.get("end_time") and id_of(row.get("named_conf_id")) == conference_id
    ]


def _log_pages(client: Client, **params: Any) -> Iterator[list[dict[str, Any]]]:
    return client.pages(
        "logs/calls", "list", "logs.calls:read", row_keys=("conference_id",), **params
    )


def _missing(listed: dict[str, dict[str, Any]], rows: list[dict[str, Any]]) -> list[str]:
    """The IDs that the list has and the rows of the log lack."""
    known = {id_of(row.get("named_conf_id")) for row in rows}
    return [conference_id for conference_id in listed if conference_id not in known]


def _by_session(
    server: Server, rows: list[dict[str, Any]], listed: dict[str, dict[str, Any]]
) -> list[Conference]:
    """The rows as conferences, without calls of two, and each session once: rows move to another
    page while we read."""
    found: dict[object, Conference] = {}
    for row in rows:
        kind = number_of(row.get("class"))
        if kind is None or kind > CALLS_OF_TWO:
            conference = _conference(server, row, listed)
            found.setdefault(conference.session_id or object(), conference)
    return list(found.values())


def _conference(
    server: Server, row: dict[str, Any], listed: dict[str, dict[str, Any]]
) -> Conference:
    start_time, conference_id = row.get("start_time"), id_of(row.get("named_conf_id"))
    entry = listed.get(conference_id, {})
    return Conference(
        session_id=id_of(row.get("conference_id")),
        id=conference_id,
        title=text_of(row.get("topic")),
        owner=text_of(row.get("owner")),
        participant_count=number_of(row.get("participant_count")),
        age_s=number_of(row.get("duration")) or _age_s(server, start_time),
        server_url=server.url,
        start=text_of(start_time.get("date")) if isinstance(start_time, dict) else "",
        is_listed=conference_id in listed,
        max_people=number_of(entry.get("max_participants")) or None,
        planned_s=planned_s(entry),
    )


def _from_list(server: Server, entry: dict[str, Any]) -> Conference:
    """A conference of which only the list knows. Its run has no name there before v3.8."""
    return Conference(
        session_id=id_of(entry.get("session_id")),
        id=id_of(entry.get("id")),
        title=text_of(entry.get("topic")),
        owner=text_of(entry.get("owner")),
        participant_count=None,
        age_s=None,
        server_url=server.url,
        max_people=number_of(entry.get("max_participants")) or None,
        planned_s=planned_s(entry),
    )


def _age_s(server: Server, start_time: object) -> int | None:
    """Seconds since a date object of PHP: {"date", "timezone_type", "timezone"}, else None."""
    if not isinstance(start_time, dict):
        return None
    name = text_of(start_time.get("timezone"))
    try:
        started = datetime.fromisoformat(text_of(start_time.get("date")).partition(".")[0])
        age = datetime.now(timezone.utc) - started.replace(tzinfo=_zone(name))
    except KeyError:  # ZoneInfoNotFoundError: Windows has no list of zones without tzdata
        if server.learnt.unknown_zone != name:
            server.learnt.unknown_zone = name
            log.warning(
                "%s: the time zone %.60r is not known on this computer, so the age of its "
                "conferences is not either (on Windows: pip install tzdata)",
                server.name,
                name,
            )
        return None
    except (ValueError, OverflowError, OSError):  # OverflowError: the year 1
        return None
    return max(0, int(age.total_seconds()))


def _zone(name: str) -> timezone | ZoneInfo:
    if name.upper() in ("UTC", "Z", "GMT"):
        return timezone.utc
    offset = re.fullmatch(r"([+-])(\d{2}):?(\d{2})", name)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    return ZoneInfo(name)


# ---------------------------------------------------------------- people


def get_participants(client: Client, conference: Conference) -> list[Participant]:
    """Return who is in the conference now, a row for each connection.

    `GET logs/calls/{session}/participants`, those without a `leave_time`. Needs
    `logs.calls.participants:read`; where the token also allows ROLES_PERMISSION,
    `GET conference-sessions/{session}/participants` is asked instead, which knows roles. Raises
    NotFound for a run that the server has not named.
    """
    if not conference.has_session_id:
        raise NotFound(client.server, "conference")
    session = path_part(conference.session_id)
    has_roles = ROLES_PERMISSION in client.server.learnt.scopes
    rows = _with_roles(client, session) if has_roles else None
    if rows is None:
        path, permission = f"logs/calls/{session}/participants", "logs.calls.participants:read"
        pages = client.pages(path, "list", permission, row_keys=PERSON_KEYS)
        rows = [row for page in pages for row in page]
    return [participant(row, "role") for row in rows if not row.get("leave_time")]


def _with_roles(client: Client, session: str) -> list[dict[str, Any]] | None:
    """The rows with roles; None if this server has no such list or keeps it to itself."""
    try:
        answer = client.get(f"conference-sessions/{session}/participants", ROLES_PERMISSION)
    except (PermissionMissing, NotFound):
        return None
    rows = answer.get("participants")
    # Whether it has pages is not known; in a part of it the owner may be missing.
    is_whole = isinstance(rows, list) and len(rows) >= (number_of(answer.get("count")) or 0)
    return dict_rows(rows) if is_whole else None


def get_user_pages(client: Client) -> Iterator[list[dict[str, Any]]]:
    """Yield the accounts, a page at a time: `GET users`. Needs `users:read`."""
    return client.pages("users", "users", "users:read", row_keys=("uid", "id"))
