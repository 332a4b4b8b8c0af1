"""What the bot asks a TrueConf Server: is it up, what runs, who is online, stop this.

One public function for each question, whatever version of the API the server speaks. Each asks
anew, takes at most `PRESS_LIMIT_S` seconds and raises a `TrueConfError` when it could not find
out: "could not" is never returned as zero or as an empty list.

A question of your own is a few lines with `Client`:

    def get_version(server):
        product = Client(server).get_public("api/v4/server").get("product") or {}
        return product.get("version") or ""

How requests are made is in lib/trueconf_client.py; what the versions of the API call things, in
lib/trueconf_v3.py and lib/trueconf_v4.py. Documentation: https://developers.trueconf.com/api/server/
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from types import ModuleType
from typing import TypeVar

from lib import trueconf_v3, trueconf_v4
from lib.connections import reason_of
from lib.trueconf_client import (
    DOWN,
    PRESS_LIMIT_S,
    SERVICE_DOWN,
    UP,
    WEB_DOWN,
    AccessRefused,
    Answer,
    BadAnswer,
    Client,
    Conference,
    NotFound,
    OutcomeUnknown,
    Participant,
    PermissionMissing,
    Server,
    ServerUnreachable,
    Status,
    TrueConfError,
    dict_rows,
    get_certificate_end,
    number_of,
    path_part,
    text_of,
)
from lib.trueconf_transport import beside, side_by_side

__all__ = [
    "ALREADY_OVER",
    "DOWN",
    "PRESS_LIMIT_S",
    "SERVICE_DOWN",
    "STILL_RUNNING",
    "STOPPED",
    "UP",
    "WEB_DOWN",
    "AccessRefused",
    "Answer",
    "BadAnswer",
    "Client",
    "Conference",
    "NotFound",
    "OutcomeUnknown",
    "Participant",
    "PermissionMissing",
    "Server",
    "ServerUnreachable",
    "Status",
    "TrueConfError",
    "get_certificate_end",
    "reason_of",
]

PROBE_LIMIT_S = 4  # "is it up?" has to be quicker than a press
STOPPED, STILL_RUNNING, ALREADY_OVER = "stopped", "still_running", "already_over"


@dataclass(frozen=True)
class Online:
    """People of a server: `accounts` in all, `online` of them now; of those, `free` ones and
    those `in_conference` (or in a call)."""

    accounts: int
    online: int
    free: int
    in_conference: int


@dataclass(frozen=True)
class People:
    """Who is in a conference now: `count` people, `guest_count` of them guests. `names`: of the
    others. `has_owner` and `has_leader` (an owner or a moderator) are None where unknown."""

    count: int
    guest_count: int
    names: tuple[str, ...]
    has_owner: bool | None
    has_leader: bool | None


@dataclass(frozen=True)
class Forgotten:
    """A conference that runs too long. `reason`: empty, owner_alone, leader_alone, no_leader, or,
    where that could not be found out, age_unknown and not_examined. `people`: None if unknown."""

    conference: Conference
    reason: str
    people: People | None = None

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


def _api(client: Client) -> ModuleType:
    """The room that knows what this server's version of the API calls things."""
    return trueconf_v4 if client.version.startswith("v4") else trueconf_v3


Result = TypeVar("Result")


def or_error(ask: Callable[..., Result], *args: object) -> Result | TrueConfError:
    """Return what `ask(*args)` returns, or the TrueConfError that it raises: for screens that
    show the rest all the same."""
    try:
        return ask(*args)
    except TrueConfError as error:
        return error


# ---------------------------------------------------------------- is it up


def get_status(server: Server) -> Status:
    """Look at both parts of the server at the same time. Never raises TrueConfError.

    The service works if `GET http://HOST:4307/vsstatus` answers 200, the web part if
    `GET https://HOST/api/v4/server` gives any answer below 500. Neither needs a token. With
    `status_port` 0 only the web part is asked, and its state is the server's.
    """
    web_url = f"{server.url}/api/v4/server"
    if server.status_port:
        service_url = f"http://{server.host}:{server.status_port}/vsstatus"
        with beside(_why_silent, server, service_url, range(200, 201)) as service:
            web_reason = _why_silent(server, web_url, range(500))
        service_reason = service.result()
    else:
        service_reason = web_reason = _why_silent(server, web_url, range(500))
    if service_reason and web_reason:
        state = DOWN
    elif service_reason:
        state = SERVICE_DOWN
    else:
        state = WEB_DOWN if web_reason else UP
    if not server.status_port:
        service_reason = ""
    certificate_end = server.certificate_end
    status = Status(state, service_reason, web_reason, certificate_end=certificate_end)
    server.last_status = status
    return status


def _why_silent(server: Server, url: str, good: range) -> str:
    """Return why nothing useful answers there, "" if a status in `good` does."""
    try:
        answer = Client(server, PROBE_LIMIT_S).send("GET", url)
    except ServerUnreachable as error:
        return error.reason
    except BadAnswer:
        return ""  # too much of an answer is an answer
    server.learn_version(url, answer.body)
    return "" if answer.status in good else f"http_{answer.status}"


def get_clock_skew(server: Server) -> float | None:
    """Return how many seconds the server's clock is ahead of ours, None if it does not say.

    Asks the web part as `get_status` does. Raises ServerUnreachable, BadAnswer.
    """
    url = f"{server.url}/api/v4/server"
    answer = Client(server, PROBE_LIMIT_S).send("GET", url)
    server.learn_version(url, answer.body)
    # 400 is what a port of HTTPS says to who speaks without.
    if answer.status >= 500 or (answer.status == 400 and server.url.startswith("http://")):
        raise BadAnswer(server, "status", status=answer.status)
    try:
        return parsedate_to_datetime(answer.date).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError, OSError):  # no date, or one of the year 10**20
        return None


def renew_access_token(server: Server) -> None:
    """Get a new access token, and find out which version of the API the server speaks if that
    is not known. `POST oauth2/v1/token`, client credentials. Raises TrueConfError."""
    client = Client(server)
    client.access_token(rejected=server.access_token)
    _ = client.version


def find_version(server: Server) -> str:
    """Return the version of the API that answers: the one of the settings if it does, else the
    first that is there; "" if none is. Raises TrueConfError."""
    return Client(server).find_version()


def try_permissions(server: Server) -> dict[str, TrueConfError | None]:
    """Try each permission with a request that needs it. Returns what was wrong, None where
    nothing was. Stops nothing, so the right to stop is read from the token."""
    client = Client(server)
    api = _api(client)
    found: dict[str, TrueConfError | None] = {}
    example = "none"
    for permission, path in api.PERMISSIONS.items():
        answer = or_error(client.get, path.format(example=example), permission) if path else {}
        if path == api.EXAMPLE[0]:
            example = _example(api, answer)
        found[permission] = answer if isinstance(answer, TrueConfError) else None
        if isinstance(answer, NotFound) and answer.reason == "conference":
            found[permission] = None  # it was allowed to look for it
    permission, scopes = api.STOP_PERMISSION, server.scopes
    if scopes and not scopes & api.STOP_SCOPES and not found[permission]:
        found[permission] = PermissionMissing(server, "permission", permission=permission)
    return found


def get_raw_answers(server: Server) -> dict[str, Answer | TrueConfError]:
    """Return what the server answers to each call that the bot makes, but the stop: the call, and
    the answer of any status, or why none came. For `--report`."""
    client = Client(server)
    found: dict[str, Answer | TrueConfError] = {}
    if server.status_port:
        service_url = f"http://{server.host}:{server.status_port}/vsstatus"
        found["GET vsstatus"] = or_error(client.send, "GET", service_url)
    for path in ("api/v4/server", "api/v4/endpoints/connects"):
        found[f"GET {path}"] = or_error(client.send, "GET", f"{server.url}/{path}")
    found["POST token"] = or_error(client.ask_for_token)
    if isinstance(or_error(lambda: client.version), TrueConfError):
        return found
    api, example = _api(client), "none"
    for path in filter(None, api.PERMISSIONS.values()):
        answer = or_error(client.look, path.format(example=example))
        found[f"GET {path}"] = answer
        if isinstance(answer, Answer) and path == api.EXAMPLE[0]:
            example = _example(api, answer.json())
    return found


def _example(api: ModuleType, body: object) -> str:
    """The ID in the first row that has one, as a part of a path; "none" where none has."""
    _, rows_key, id_key = api.EXAMPLE
    rows = dict_rows(body.get(rows_key)) if isinstance(body, dict) else []
    return path_part(next(filter(None, (text_of(row.get(id_key)) for row in rows)), "none"))


# ---------------------------------------------------------------- conferences


def get_running_conferences(server: Server) -> list[Conference]:
    """Return the conferences that run now, on API v3 those without a conference ID too.

    Asks the list of running conferences and, at the same time, the call log (v3) or the sessions
    (v4); see `get_running` of either. Raises TrueConfError.
    """
    return _running(Client(server))


def find_running(server: Server, is_wanted: Callable[[Conference], bool]) -> Conference | None:
    """Return the running conference for which `is_wanted` is true, None if there is none.

    On API v3 one request is enough where the log has it. Raises TrueConfError.
    """
    client = Client(server)
    for look in (_api(client).get_logged, _api(client).get_running):
        for conference in _without_ghosts(look(client)):
            if is_wanted(conference):
                return conference
    return None


def _running(client: Client) -> list[Conference]:
    return _without_ghosts(_api(client).get_running(client))


def _without_ghosts(found: list[Conference]) -> list[Conference]:
    """A conference runs once at a time, so of several open rows of one ID the newest is it.
    The others were left open by a crash; they lose the ID, as a stop would hit the live run.
    Where a start is missing nobody knows which is which, and all of them lose it."""
    starts: dict[str, list[str]] = {}
    for conference in found:
        if conference.id:  # without an ID they are no group
            starts.setdefault(conference.id, []).append(conference.start)
    newest = {
        conference_id: max(runs) if "" not in runs and runs.count(max(runs)) == 1 else None
        for conference_id, runs in starts.items()
        if len(runs) > 1
    }
    return [
        conference
        if newest.get(conference.id, conference.start) == conference.start
        else replace(conference, id="", is_listed=False)
        for conference in found
    ]


def get_people(server: Server, conference: Conference) -> People:
    """Return who is in the conference now, each person once. Raises TrueConfError.

    See `get_participants` of lib/trueconf_v3.py and lib/trueconf_v4.py.
    """
    return _people(Client(server), conference)


def _people(client: Client, conference: Conference) -> People:
    people: dict[object, list[Participant]] = {}
    for participant in _api(client).get_participants(client, conference):
        people.setdefault(_person(participant.id) or object(), []).append(participant)
    firsts = [devices[0] for devices in people.values()]
    leads = [device.is_leader for devices in people.values() for device in devices]
    has_owner = any(_is_same_person(first.id, conference.owner) for first in firsts)
    return People(
        count=len(firsts),
        guest_count=sum(first.is_guest for first in firsts),
        names=tuple(first.name or _login(first.id) for first in firsts if not first.is_guest),
        has_owner=has_owner if conference.owner else None,
        has_leader=None if all(lead is None for lead in leads) else any(leads),
    )


def _login(call_id: str) -> str:
    return call_id.partition("@")[0]


def _person(call_id: str) -> str:
    """`Anna@video.example.org/0A1B` is `anna@video.example.org` on one of her devices."""
    return call_id.partition("/")[0].casefold()


def _is_same_person(one: str, other: str) -> bool:
    one, other = _person(one), _person(other)
    if "@" not in one or "@" not in other:
        one, other = _login(one), _login(other)
    return one == other != ""


def find_forgotten(server: Server, age_min: float) -> list[Forgotten]:
    """Return the conferences that are older than `age_min` minutes and that nobody leads any more.

    The questions of `get_running_conferences` and then `get_people` for each candidate, side by
    side. A row of the log that the server itself does not call running (left open by a crash) is
    no candidate. Raises TrueConfError.
    """
    client = Client(server)
    candidates = [
        conference
        for conference in _running(client)
        if conference.is_listed and (conference.age_s is None or conference.age_s >= age_min * 60)
    ]
    examined = side_by_side(lambda conference: _examine(client, conference), candidates)
    return [forgotten for forgotten in examined if forgotten]


def _examine(client: Client, conference: Conference) -> Forgotten | None:
    if conference.age_s is None:
        return Forgotten(conference, "age_unknown")
    if not conference.session_id:
        return Forgotten(conference, "not_examined")
    try:
        people = _people(client, conference)
    except (ServerUnreachable, BadAnswer, NotFound):
        return Forgotten(conference, "not_examined")
    reason = _why_forgotten(people)
    return Forgotten(conference, reason, people) if reason else None


def _why_forgotten(people: People) -> str:
    """The reason, "" if the conference is not forgotten."""
    if people.count == 0:
        return "empty"
    if people.has_owner or people.has_leader:
        alone = "owner_alone" if people.has_owner else "leader_alone"
        return alone if people.count == 1 else ""
    is_known = people.has_owner is not None or people.has_leader is not None
    return "no_leader" if is_known else ""


def stop_conference(server: Server, conference: Conference) -> str:
    """Stop it, look again and return what is true: STOPPED, STILL_RUNNING or ALREADY_OVER.

    `POST conferences/{id}/stop`, then `GET conferences/{id}`. Raises TrueConfError,
    OutcomeUnknown if the look failed; ValueError for a conference without an ID.
    """
    if not conference.id:
        raise ValueError("a call without a conference ID cannot be stopped")
    client = Client(server)
    api, path = _api(client), f"conferences/{path_part(conference.id)}"
    refusal: TrueConfError | None = None
    try:
        client.post(f"{path}/stop", api.STOP_PERMISSION)
    except (NotFound, BadAnswer, ServerUnreachable) as error:
        refusal = error  # it may be over already, or stopped although the answer was lost
    try:
        conference_now = client.get(path, api.READ_PERMISSION).get("conference")
        state = conference_now.get("state") if isinstance(conference_now, dict) else None
    except TrueConfError as error:
        if error.reason != "conference":
            raise OutcomeUnknown(server, error.reason, **error.details) from error
        state = "stopped"  # a conference that was made ad hoc vanishes when it ends
    if state == "stopped":
        is_late = refusal is not None and (
            isinstance(refusal, NotFound) or refusal.details.get("status") == 400
        )
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
    results = side_by_side(
        lambda conference: or_error(stop_conference, server, conference), conferences
    )
    return dict(zip(conferences, results, strict=True))


# ---------------------------------------------------------------- people


def get_online(server: Server) -> Online:
    """Count the people who are online. `GET users`, all pages. Needs `users:read`.

    `status` above 0 is online: 1 free; 2, 3 and 5 in a call or conference. Raises TrueConfError.
    """
    client = Client(server)
    people: dict[object, int] = {}
    for rows in _api(client).get_user_pages(client):
        for row in rows:
            if row.get("is_active") not in (0, "0", False):
                who = text_of(row.get("uid")) or text_of(row.get("id")) or object()
                people[who] = number_of(row.get("status")) or 0
    states = [state for state in people.values() if state > 0]
    return Online(
        accounts=len(people),
        online=len(states),
        free=states.count(1),
        in_conference=sum(state in (2, 3, 5) for state in states),
    )


# ---------------------------------------------------------------- several servers


def get_overviews(servers: list[Server]) -> list[Overview]:
    """Ask all servers everything at the same time; a dead one costs only its own time-out."""

    def get_overview(server: Server) -> Overview:
        with (
            beside(get_status, server) as status,
            beside(or_error, lambda: len(get_running_conferences(server))) as running,
        ):
            online = or_error(lambda: get_online(server).online)
        return Overview(server, status.result(), running.result(), online)

    return side_by_side(get_overview, servers, at_a_time=len(servers) or 1)
