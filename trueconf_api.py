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
from email.utils import parsedate_to_datetime
from types import ModuleType
from typing import TypeVar
from urllib.parse import urlsplit

from lib import trueconf_v3, trueconf_v4
from lib.connections import wait_for_name
from lib.trueconf_client import PRESS_LIMIT_S, Answer, Client, get_certificate_end
from lib.trueconf_fields import dict_rows, text_of
from lib.trueconf_model import (
    DOWN,
    SERVICE_DOWN,
    UP,
    WEB_DOWN,
    Account,
    BadAnswer,
    Conference,
    ConferencePage,
    Forgotten,
    Match,
    NotFound,
    Online,
    OutcomeUnknown,
    Overview,
    Participant,
    People,
    PermissionMissing,
    Recording,
    Search,
    Server,
    ServerUnreachable,
    Status,
    TrueConfError,
    path_part,
)
from lib.trueconf_rules import (
    account_of,
    account_rank,
    conferences_of,
    has_words,
    people_of,
    why_forgotten,
    with_names,
    without_ghosts,
)
from lib.trueconf_transport import beside, side_by_side

# What screens and a question of your own need. All the errors: lib/trueconf_model.py
__all__ = [
    "ALREADY_OVER",
    "DOWN",
    "SERVICE_DOWN",
    "STILL_RUNNING",
    "STOPPED",
    "UP",
    "WEB_DOWN",
    "Account",
    "Client",
    "Conference",
    "ConferencePage",
    "Forgotten",
    "Match",
    "Online",
    "OutcomeUnknown",
    "Overview",
    "Participant",
    "People",
    "Recording",
    "Search",
    "Server",
    "Status",
    "TrueConfError",
    "find_forgotten",
    "find_people",
    "find_running",
    "get_certificate_end",
    "get_conference_page",
    "get_online",
    "get_online_people",
    "get_overviews",
    "get_people",
    "get_running_conferences",
    "get_status",
    "or_error",
    "stop_conference",
    "stop_conferences",
]

MOST_MATCHES, MOST_ASKED = 5, 50  # accounts and conferences of one server, see find_people
PROBE_LIMIT_S = 4  # "is it up?" has to be quicker than a press
PROBE_BYTES = 1024 * 1024  # many servers are looked at at the same time
STOPPED, STILL_RUNNING, ALREADY_OVER = "stopped", "still_running", "already_over"

Result = TypeVar("Result")


def _api(client: Client) -> ModuleType:
    """The room that knows what this server's version of the API calls things."""
    return trueconf_v4 if client.find_out_version().startswith("v4") else trueconf_v3


def _ask(client: Client, question: Callable[[], Result]) -> Result:
    """Ask a question that changes nothing, and ask it anew if the version of the API that it was
    asked in has gone meanwhile, as after an update of the server."""
    version = client.find_out_version()
    try:
        return question()
    except NotFound as error:
        if error.reason != "api_version" or not client.is_version_gone(version):
            raise
    return question()


def or_error(ask: Callable[..., Result], *args: object) -> Result | TrueConfError:
    """Return what `ask(*args)` returns, or the TrueConfError that it raises: for screens that
    show the rest all the same."""
    try:
        return ask(*args)
    except TrueConfError as error:
        return error


# ---------------------------------------------------------------- is it up


def get_status(server: Server) -> Status:
    """Look at both parts of the server at the same time. Raises ServerUnreachable with the reason
    own_lack where the bot itself lacks something, which says nothing of the server.

    The service works if `GET http://HOST:4307/vsstatus` answers 200, the web part if
    `GET https://HOST/api/v4/server` gives any answer below 500. Neither needs a token. With
    `status_port` 0 only the web part is asked, and its state is the server's.
    """
    web_url = f"{server.url}/api/v4/server"
    # A slow resolver delays the first look, and makes no server unreachable.
    wait_for_name(urlsplit(server.url).hostname or "", PRESS_LIMIT_S - PROBE_LIMIT_S)
    service, web = ("", False), ("", False)
    if server.status_port:
        service_url = f"http://{server.host}:{server.status_port}/vsstatus"
        with beside(_look, server, service_url, range(200, 201)) as looking:
            web = _look(server, web_url, range(500))
        service = looking.result()
    else:
        web = _look(server, web_url, range(500))
    (service_reason, is_service_doubtful), (web_reason, is_web_doubtful) = service, web
    if "own_lack" in (service_reason, web_reason):
        raise ServerUnreachable(server, "own_lack")
    if web_reason and (service_reason or not server.status_port):
        state = DOWN
    elif service_reason:
        state = SERVICE_DOWN
    else:
        state = WEB_DOWN if web_reason else UP
    status = Status(
        state,
        service_reason,
        web_reason,
        certificate_end=server.learnt.certificate_end,
        is_doubtful=is_service_doubtful or is_web_doubtful,
    )
    server.learnt.last_status = status
    return status


def _look(server: Server, url: str, good: range) -> tuple[str, bool]:
    """Return why nothing useful answers there, "" if a status in `good` does; and whether
    something on the way could have answered so."""
    is_checked = url.startswith("https") and bool(server.verify)
    try:
        answer = Client(server, PROBE_LIMIT_S, PROBE_BYTES).send("GET", url)
    except ServerUnreachable as error:
        return error.reason, error.reason.startswith(("certificate_", "tls_", "not_https"))
    except BadAnswer:
        return "", not is_checked  # too much of an answer is an answer
    server.learn_version(url, answer.body)
    told = answer.json()  # a sign-in page or a gateway may speak JSON too
    in_shape = isinstance(told, dict) and isinstance(told.get("product") or told.get("error"), dict)
    is_trueconfs = in_shape or b"TrueConf" in answer.body
    reason = "" if answer.status in good else f"http_{answer.status}"
    return reason, not (is_checked or is_trueconfs)


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
    client.find_out_version()


def search_version(server: Server) -> str:
    """Return the version of the API that answers: the one of the settings if it does, else the
    first that is there; "" if none is. Raises TrueConfError."""
    return Client(server).search_version()


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
    permission, scopes = api.STOP_PERMISSION, server.learnt.scopes
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
    if isinstance(or_error(client.find_out_version), TrueConfError):
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
    client = Client(server)
    return _ask(client, lambda: _running(client))


def find_running(server: Server, is_wanted: Callable[[Conference], bool]) -> Conference | None:
    """Return the running conference for which `is_wanted` is true, None if there is none.

    On API v3 one request is enough where the log has it. Raises TrueConfError.
    """
    client = Client(server)
    return _ask(client, lambda: _find(client, is_wanted, _api(client).get_logged))


def _find(
    client: Client,
    is_wanted: Callable[[Conference], bool],
    quick_look: Callable[[Client], list[Conference]],
) -> Conference | None:
    """The running conference that is wanted, in all that runs if a quicker look lacks it."""
    # What has no name there is named by the look at everything.
    named = [found for found in without_ghosts(quick_look(client)) if found.session_id]
    quickly = next(filter(is_wanted, named), None)
    return quickly or next(filter(is_wanted, _running(client)), None)


def get_conference_page(
    server: Server, is_wanted: Callable[[Conference], bool]
) -> ConferencePage | None:
    """Return the running conference for which `is_wanted` is true with who is in it and whether
    it is recorded, None if it does not run.

    Two round trips: what runs, and then the rest side by side, of which each part may fail alone.
    Raises TrueConfError if it could not find out what runs.
    """
    client = Client(server)
    return _ask(client, lambda: _page(client, is_wanted))


def _page(client: Client, is_wanted: Callable[[Conference], bool]) -> ConferencePage | None:
    api = _api(client)
    conference = _find(client, is_wanted, api.get_at_once)
    if conference is None:
        return None
    with (
        beside(or_error, api.get_details, client, conference) as details,
        beside(or_error, api.get_recording, client, conference) as recording,
    ):
        people = or_error(_people, client, conference)
    if isinstance(detailed := details.result(), Conference):
        conference = detailed
    return ConferencePage(conference, people, recording.result())


def _running(client: Client) -> list[Conference]:
    return with_names(client.server, without_ghosts(_api(client).get_running(client)))


def get_people(server: Server, conference: Conference) -> People:
    """Return who is in the conference now, each person once. Raises TrueConfError.

    See `get_participants` of lib/trueconf_v3.py and lib/trueconf_v4.py.
    """
    client = Client(server)
    return _ask(client, lambda: _people(client, conference))


def _people(client: Client, conference: Conference) -> People:
    return people_of(_api(client).get_participants(client, conference), conference)


def find_forgotten(server: Server, age_min: float) -> list[Forgotten]:
    """Return the conferences that are older than `age_min` minutes and that nobody leads any more.

    The questions of `get_running_conferences` and then `get_people` for each candidate, side by
    side. A row of the log that the server itself does not call running (left open by a crash) is
    no candidate. Raises TrueConfError.
    """
    client = Client(server)
    return _ask(client, lambda: _forgotten(client, age_min))


def _forgotten(client: Client, age_min: float) -> list[Forgotten]:
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
    reason = why_forgotten(people)
    return Forgotten(conference, reason, people) if reason else None


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
        answer = _ask(client, lambda: client.get(path, _api(client).READ_PERMISSION))
        conference_now = answer.get("conference")
        state = conference_now.get("state") if isinstance(conference_now, dict) else None
    except TrueConfError as error:
        if error.reason != "conference":
            raise OutcomeUnknown(server, error.reason, **error.details) from error
        state = "stopped"  # a conference that was made ad hoc vanishes when it ends
    if state == "stopped":
        with server.shared.lock:
            # The next run is another one.
            server.learnt.run_names.pop(conference.id, None)
            server.learnt.earlier_names.pop(conference.id, None)
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
    accounts = [account for account in _accounts(Client(server)) if account.is_active]
    return Online(
        accounts=len(accounts),
        online=sum(account.is_online for account in accounts),
        free=sum(account.is_free for account in accounts),
        in_conference=sum(account.is_in_conference for account in accounts),
    )


def get_online_people(server: Server) -> list[Account]:
    """Return the people who are online: in a call or conference first, then the others, each by
    name. The same request as `get_online`. Raises TrueConfError."""
    accounts = _accounts(Client(server))
    online = [account for account in accounts if account.is_active and account.is_online]
    return sorted(online, key=account_rank)


def find_people(servers: list[Server], words: str) -> list[Search]:
    """Look for accounts with each of these words in their name or login, on all servers at the
    same time. Never raises TrueConfError.

    `GET users`; where one of the first MOST_MATCHES of a server is in a call or conference, also
    what runs there and who is in it, for at most MOST_ASKED conferences.
    """
    small = words.casefold().split()

    def search(server: Server) -> Search:
        found = or_error(_search, server, small)
        return Search(server, found) if isinstance(found, TrueConfError) else found

    return side_by_side(search, servers, at_a_time=len(servers) or 1)


def _search(server: Server, words: list[str]) -> Search:
    client = Client(server)
    wanted = [account for account in _accounts(client) if has_words(account, words)]
    first = sorted(wanted, key=account_rank)[:MOST_MATCHES]
    is_busy = any(account.is_in_conference for account in first)
    answers = or_error(_who_is_where, client) if is_busy else []
    matches = tuple(Match(account, conferences_of(account, answers)) for account in first)
    return Search(server, matches, len(wanted))


def _who_is_where(client: Client) -> list[tuple[Conference, People | TrueConfError]]:
    """The conferences that run, and who is in them; an error for what is not asked any more."""
    running = _ask(client, lambda: _running(client))
    people = side_by_side(lambda run: or_error(_people, client, run), running[:MOST_ASKED])
    people += [BadAnswer(client.server, "too_large")] * (len(running) - len(people))
    return list(zip(running, people, strict=True))


def _accounts(client: Client) -> list[Account]:
    """All accounts, each once: rows move to another page while we read."""
    accounts = _ask(
        client,
        lambda: [account_of(row) for rows in _api(client).get_user_pages(client) for row in rows],
    )
    return list({account.id or object(): account for account in accounts}.values())


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
