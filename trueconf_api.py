"""What the bot asks of a TrueConf Server: is it up, what runs, who is online, stop this.

The only place that knows the server's addresses, field names and tokens. It shows nothing to
people and starts nothing by itself. Each public function asks the server anew, takes at most
`PRESS_LIMIT_S` seconds and raises a `TrueConfError` when it could not find out: "could not"
is never returned as zero or as an empty list.

Documentation: https://developers.trueconf.com/api/server/
"""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from lib.trueconf_client import (
    DOWN,
    PAGE_SIZE,
    PRESS_LIMIT_S,
    SIDE_BY_SIDE,
    UP,
    WEB_ONLY,
    AccessRefused,
    BadAnswer,
    NotFound,
    OutcomeUnknown,
    PermissionMissing,
    Server,
    ServerUnreachable,
    Status,
    TrueConfError,
    call,
    dict_rows,
    number_of,
    one_page,
    pages,
    path_part,
    press_deadline,
    reason_of,
    renew_access_token,
    send,
    text_of,
)

__all__ = [
    "DOWN",
    "PAGE_SIZE",
    "PRESS_LIMIT_S",
    "UP",
    "WEB_ONLY",
    "AccessRefused",
    "BadAnswer",
    "NotFound",
    "OutcomeUnknown",
    "PermissionMissing",
    "Server",
    "ServerUnreachable",
    "Status",
    "TrueConfError",
    "reason_of",
    "renew_access_token",
]

PROBE_LIMIT_S = 4  # "is it up?" has to be quicker than that
PERMISSIONS = ("conferences", "users:read", "logs.calls:read", "logs.calls.participants:read")
ROLES_PERMISSION = "conferences.sessions.participants:read"

STOPPED, STILL_RUNNING, ALREADY_OVER = "stopped", "still_running", "already_over"


@dataclass(frozen=True)
class Conference:
    """One running session of a conference. Texts are "" and numbers None where unknown.

    `session_id` is this run; `id` is the conference itself ("" for a call without one, which
    cannot be stopped); `age_s` counts seconds.
    """

    session_id: str
    id: str
    title: str
    owner: str
    participant_count: int | None
    age_s: int | None
    server_url: str
    start: str = ""  # the date as the server writes it: good for comparing, whatever the zone

    # Made when shown: 1200 conferences have 2400 addresses, a screen shows 10 (7 ms).
    @property
    def page_url(self) -> str:
        return f"{self.server_url}/c/{path_part(self.id)}"

    @property
    def realtime_url(self) -> str:
        return f"{self.server_url}/tools/real-time/{path_part(self.session_id)}?a=cookies"


@dataclass(frozen=True)
class Online:
    """People of a server: `accounts` in all, `online` of them now, and what those are doing."""

    accounts: int
    online: int
    free: int
    busy: int
    in_conference: int


@dataclass(frozen=True)
class People:
    """Who is in a conference now. `has_owner` and `has_moderator` are None where unknown."""

    count: int
    has_owner: bool | None
    has_moderator: bool | None


@dataclass(frozen=True)
class Forgotten:
    """A conference that runs too long. `reason`: empty, owner_alone, moderator_alone,
    no_leader, or, where that could not be found out, age_unknown and not_examined."""

    conference: Conference
    reason: str
    people_count: int | None

    @property
    def is_certain(self) -> bool:
        return self.reason not in ("age_unknown", "not_examined")


@dataclass(frozen=True)
class Overview:
    """A server in short: its status, and how many conferences run and people are online there,
    or the error that kept us from knowing."""

    server: "Server"
    status: Status
    conferences: "int | TrueConfError"
    online: "int | TrueConfError"


# ---------------------------------------------------------------- is it up


def get_status(server: Server) -> Status:
    """Say whether the server is up. Never raises TrueConfError.

    UP: `GET http://HOST:4307/vsstatus` answers anything below 500. WEB_ONLY: it does not, but
    `GET https://HOST/api/v4/server` does. DOWN: neither. None of them needs a token.
    """
    reason = ""
    if server.status_port:
        reason = _why_silent(server, f"http://{server.host}:{server.status_port}/vsstatus")
    if server.status_port and not reason:
        status = Status(UP)
    else:
        web_reason = _why_silent(server, f"{server.url}/api/v4/server")
        if web_reason:
            status = Status(DOWN, reason, web_reason)
        else:
            status = Status(WEB_ONLY, reason) if server.status_port else Status(UP)
    server.last_status = status
    return status


def _why_silent(server: Server, url: str) -> str:
    """Return why nothing useful answers there, "" if something does."""
    try:
        answer = send(server, "GET", url, time.monotonic() + PROBE_LIMIT_S)
    except ServerUnreachable as error:
        return error.reason
    except BadAnswer:
        return ""  # too much of an answer is an answer
    return f"http_{answer.status}" if answer.status >= 500 else ""


def probe_web(server: Server) -> float | None:
    """Ask the web part as `get_status` does. Returns how many seconds its clock is ahead of
    ours, None if it does not say. Raises ServerUnreachable, BadAnswer."""
    url = f"{server.url}/api/v4/server"
    answer = send(server, "GET", url, time.monotonic() + PROBE_LIMIT_S)
    if answer.status >= 500:
        raise BadAnswer(server, "status", status=answer.status)
    try:
        return parsedate_to_datetime(answer.date).timestamp() - time.time()
    except ValueError:
        return None


def try_permissions(server: Server) -> dict[str, TrueConfError | None]:
    """Try each of the four PERMISSIONS with a request that needs it. Returns what was wrong,
    None where nothing was. Stops nothing, so the right to stop is read from the token."""
    deadline = press_deadline()
    log = or_error(one_page, server, "logs/calls", "logs.calls:read", deadline, {"page_id": 1})
    rows = dict_rows(log.get("list")) if isinstance(log, dict) else []
    session = path_part(text_of(rows[0].get("conference_id")) if rows else "none")
    paths = {
        "conferences": "conferences",
        "users:read": "users",
        "logs.calls.participants:read": f"logs/calls/{session}/participants",
    }
    answers: dict[str, object] = {"logs.calls:read": log}
    for permission, path in paths.items():
        answers[permission] = or_error(one_page, server, path, permission, deadline, {"page_id": 1})
    found = {permission: _refusal(answers[permission]) for permission in PERMISSIONS}
    may_stop = not server.scopes or server.scopes & {"conferences", "conferences:write"}
    if not (may_stop or found["conferences"]):
        found["conferences"] = PermissionMissing(server, "permission", permission="conferences")
    return found


def _refusal(answer: object) -> TrueConfError | None:
    is_refused = isinstance(answer, TrueConfError) and answer.reason != "conference"
    return answer if is_refused else None


# ---------------------------------------------------------------- conferences


def get_running_conferences(server: Server) -> list[Conference]:
    """Return the conferences that run now, those without a conference ID too.

    `GET logs/calls`, the newest end first, up to the first row that has ended; calls of two
    (`class` 0 and 1) are left out. Needs `logs.calls:read`. Raises TrueConfError.
    """
    return _running(server, press_deadline())


def _running(server: Server, deadline: float) -> list[Conference]:
    found: dict[object, Conference] = {}
    log_pages = pages(
        server, "logs/calls", "list", "logs.calls:read", deadline,
        sort_field="end_time", sort_order=1,
    )  # fmt: skip
    for rows in log_pages:
        known = len(found)
        for row in rows:
            if row.get("end_time"):
                return _without_ghosts(list(found.values()))
            kind = number_of(row.get("class"))
            if kind is None or kind > 1:
                # Rows move to another page while we read, so the same one may come twice.
                key = text_of(row.get("conference_id")) or object()
                found.setdefault(key, _conference(server, row))
        if (
            rows
            and len(found) == known
            and all(text_of(r.get("conference_id")) in found for r in rows)
        ):
            raise BadAnswer(server, "endless")
    return _without_ghosts(list(found.values()))


def _without_ghosts(found: list[Conference]) -> list[Conference]:
    """A conference runs once at a time, so of several open rows of one ID the newest is it.
    The others were left open by a crash; they lose the ID, as a stop would hit the live run.
    Where a start is missing nobody knows which is which, and all of them lose it."""
    runs: dict[str, list[Conference]] = {}
    for one in found:
        runs.setdefault(one.id, []).append(one)

    def is_live(one: Conference) -> bool:
        others = [other for other in runs[one.id] if other is not one]
        return all(other.start and other.start < one.start for other in others)

    return [one if is_live(one) else replace(one, id="") for one in found]


def _conference(server: Server, row: dict) -> Conference:
    session_id, conference_id = (
        text_of(row.get("conference_id")),
        text_of(row.get("named_conf_id")),
    )
    start_time = row.get("start_time")
    return Conference(
        session_id=session_id,
        id=conference_id,
        title=text_of(row.get("topic")),
        owner=text_of(row.get("owner")),
        participant_count=number_of(row.get("participant_count")),
        age_s=number_of(row.get("duration")) or _age_s(start_time),
        server_url=server.url,
        start=text_of(start_time.get("date")) if isinstance(start_time, dict) else "",
    )


def _age_s(start_time: object) -> int | None:
    """Seconds since a date object of PHP: {"date", "timezone_type", "timezone"}, else None."""
    if not isinstance(start_time, dict):
        return None
    try:
        started = datetime.fromisoformat(text_of(start_time.get("date")).partition(".")[0])
        zone = _zone(text_of(start_time.get("timezone")))
        age = datetime.now(timezone.utc) - started.replace(tzinfo=zone)
    # KeyError: an unknown zone (Windows brings no list of zones), OverflowError: the year 1.
    except (ValueError, KeyError, OverflowError, OSError):
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


def count_people(server: Server, conference: Conference) -> People:
    """Return who is in the conference now.

    `GET logs/calls/{session}/participants`, those without a `leave_time`, each `call_id` once.
    Needs `logs.calls.participants:read`; where the token also allows ROLES_PERMISSION,
    `GET conference-sessions/{session}/participants` is asked instead, which knows moderators.
    Raises TrueConfError.
    """
    return _people(server, conference, press_deadline())


def _people(server: Server, conference: Conference, deadline: float) -> People:
    session = path_part(conference.session_id)
    rows = None
    if ROLES_PERMISSION in server.scopes:
        try:
            path = f"conference-sessions/{session}/participants"
            answer = call(server, "GET", path, ROLES_PERMISSION, deadline)
            rows = answer.get("participants")
            # Whether it has pages is not known; in a part of it the owner may be missing.
            is_whole = isinstance(rows, list) and len(rows) >= (number_of(answer.get("count")) or 0)
            rows = rows if is_whole else None
        except (PermissionMissing, NotFound):
            pass  # this server has no such list, or keeps it to itself: the log will do
    if rows is None:
        path, permission = f"logs/calls/{session}/participants", "logs.calls.participants:read"
        log_pages = pages(server, path, "list", permission, deadline)
        rows = [row for page in log_pages for row in page]

    present: dict[object, bool] = {}
    has_owner, knows_roles = False, False
    for row in dict_rows(rows):
        if row.get("leave_time"):
            continue
        person = next((text_of(row[key]) for key in ("call_id", "uid", "id") if row.get(key)), "")
        knows_roles = knows_roles or "role" in row
        is_moderator = number_of(row.get("role")) == 2
        key = _person(person) or object()
        present[key] = present.get(key, False) or is_moderator
        has_owner = has_owner or _is_same_person(person, conference.owner)
    return People(
        count=len(present),
        has_owner=has_owner if conference.owner else None,
        has_moderator=any(present.values()) if knows_roles else None,
    )


def _person(call_id: str) -> str:
    """`Anna@video.example.org/0A1B` is `anna@video.example.org` on one of her devices."""
    return call_id.partition("/")[0].casefold()


def _is_same_person(one: str, other: str) -> bool:
    one, other = _person(one), _person(other)
    if "@" not in one or "@" not in other:
        one, other = one.partition("@")[0], other.partition("@")[0]
    return one == other != ""


def find_forgotten(server: Server, age_h: float) -> list[Forgotten]:
    """Return the conferences that are older than `age_h` hours and that nobody leads any more.

    `GET logs/calls` and `GET conferences?state=running`, then one request for each candidate,
    SIDE_BY_SIDE at a time. A log row that is not running for the server (left open by a crash)
    is no candidate. Needs the four PERMISSIONS. Raises TrueConfError.
    """
    deadline = press_deadline()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        listed = pool.submit(_listed_ids, server, deadline)
        running = _running(server, deadline)
        ids = listed.result()
        candidates = [
            one
            for one in running
            if one.id in ids and (one.age_s is None or one.age_s >= age_h * 3600)
        ]
        judged = pool.map(lambda one: _examine(server, one, deadline), candidates)
        return [forgotten for forgotten in judged if forgotten]


def _listed_ids(server: Server, deadline: float) -> set[str]:
    """The IDs of the conferences that the server itself calls running."""
    ids: set[str] = set()
    for rows in pages(
        server, "conferences", "conferences", "conferences", deadline, state="running"
    ):
        known = len(ids)
        ids.update(text_of(row.get("id")) for row in rows)
        if rows and len(ids) == known:
            raise BadAnswer(server, "endless")
    return ids - {""}


def _examine(server: Server, conference: Conference, deadline: float) -> Forgotten | None:
    if conference.age_s is None:
        return Forgotten(conference, "age_unknown", conference.participant_count)
    if not conference.session_id:
        return Forgotten(conference, "not_examined", None)
    try:
        people = _people(server, conference, deadline)
    except (ServerUnreachable, BadAnswer, NotFound):
        return Forgotten(conference, "not_examined", None)
    reason = _why_forgotten(people)
    return Forgotten(conference, reason, people.count) if reason else None


def _why_forgotten(people: People) -> str:
    has_leader = people.has_owner or people.has_moderator
    if people.count == 0:
        return "empty"
    if has_leader:
        alone = "owner_alone" if people.has_owner else "moderator_alone"
        return alone if people.count == 1 else ""
    is_known = people.has_owner is not None or people.has_moderator is not None
    return "no_leader" if is_known else ""


def stop_conference(server: Server, conference: Conference) -> str:
    """Stop it, look again and return what is true: STOPPED, STILL_RUNNING or ALREADY_OVER.

    `POST conferences/{id}/stop`, then `GET conferences/{id}`. Needs `conferences`.
    Raises TrueConfError, OutcomeUnknown if the look failed; ValueError for a conference without
    an ID.
    """
    if not conference.id:
        raise ValueError("a call without a conference ID cannot be stopped")
    deadline = press_deadline()
    path = f"conferences/{path_part(conference.id)}"
    refusal = None
    try:
        call(server, "POST", f"{path}/stop", "conferences", deadline)
    except (NotFound, BadAnswer, ServerUnreachable) as error:
        refusal = error  # it may be over already, or stopped although the answer was lost
    try:
        conference_now = call(server, "GET", path, "conferences", deadline).get("conference")
        state = conference_now.get("state") if isinstance(conference_now, dict) else None
    except TrueConfError as error:
        if error.reason != "conference":
            raise OutcomeUnknown(server, error.reason, **error.details) from error
        state = "stopped"  # a conference that was made ad hoc vanishes when it ends
    if state == "stopped":
        is_late = isinstance(refusal, NotFound) or _status(refusal) == 400
        return ALREADY_OVER if is_late else STOPPED
    if state != "running":
        raise OutcomeUnknown(server, "shape")
    if refusal:
        raise refusal
    return STILL_RUNNING


def stop_conferences(
    server: Server, conferences: list[Conference]
) -> dict[Conference, str | TrueConfError]:
    """Stop several at the same time. Returns for each what `stop_conference` says or raises."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        results = pool.map(lambda one: or_error(stop_conference, server, one), conferences)
        return dict(zip(conferences, results, strict=True))


def _status(error: TrueConfError | None) -> int | None:
    return error.details.get("status") if error else None


# ---------------------------------------------------------------- people


def get_online(server: Server) -> Online:
    """Count the people who are online. `GET users`, all pages. Needs `users:read`.

    `status` above 0 is online: 1 free, 2 busy, 3 and 5 in a conference. Raises TrueConfError.
    """
    people: dict[object, int] = {}
    for rows in pages(server, "users", "users", "users:read", press_deadline()):
        for row in rows:
            if row.get("is_active") not in (0, "0", False):
                who = text_of(row.get("uid")) or text_of(row.get("id")) or object()
                people[who] = number_of(row.get("status")) or 0
    states = [state for state in people.values() if state > 0]
    return Online(
        accounts=len(people),
        online=len(states),
        free=states.count(1),
        busy=states.count(2),
        in_conference=states.count(3) + states.count(5),
    )


# ---------------------------------------------------------------- several servers


def get_overviews(servers: list[Server]) -> list[Overview]:
    """Ask all servers everything at the same time; a dead one costs only its own time-out."""
    with ThreadPoolExecutor(3 * max(1, len(servers))) as pool:
        asked = [
            (
                server,
                pool.submit(get_status, server),
                pool.submit(or_error, lambda one: len(get_running_conferences(one)), server),
                pool.submit(or_error, lambda one: get_online(one).online, server),
            )
            for server in servers
        ]
        return [
            Overview(server, *(answer.result() for answer in answers)) for server, *answers in asked
        ]


def or_error(ask: Callable, *args: object) -> object:
    """Return what `ask(*args)` returns, or the TrueConfError that it raises: for screens that
    show the rest all the same."""
    try:
        return ask(*args)
    except TrueConfError as error:
        return error
