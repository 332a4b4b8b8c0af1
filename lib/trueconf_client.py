"""One question to a TrueConf Server: limits, token, version of the API, pages, errors.

`trueconf_api` says what is asked; `trueconf_v3` and `trueconf_v4` know the addresses and field
names of either API. It shows nothing to people.

    client = Client(server)
    for rows in client.pages("users", "users", "users:read"):
        ...

Documentation: https://developers.trueconf.com/api/server/
"""

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import urllib3

from lib import trueconf_transport as transport
from lib.connections import reason_of
from lib.schedule import Window
from lib.server_version import LONGEST_BODY, version_in

PRESS_LIMIT_S = 12  # a press is answered after that, whatever the server drips
MAX_VALUES = 1_000_000  # in the JSON: 16 MB of "{}," would become 500 MB of objects
USUAL_HEADERS = requests.utils.default_headers()
PAGE_SIZE = 500
MAX_PAGES = 200
LEADER_ROLE = 2  # owner or moderator: the sources differ
SHORTEST_TOKEN, LONGEST_TOKEN = 16, 4096  # characters
LONGEST_ID = 500  # characters of an ID or a permission that is kept

VERSIONS = ("v3.3", "v3.2", "v3.1", "v3.11", "v3.10", "v3.8", "v4")  # tried in this order
SEARCH_AGAIN_S = 60  # after none of them was there

STATES = UP, SERVICE_DOWN, WEB_DOWN, DOWN = "up", "service_down", "web_down", "down"

log = logging.getLogger("bot.trueconf")


class TrueConfError(Exception):
    """Base of all errors of this module. Its text may be shown to people: it holds no secret.

    `reason`: one word that says what happened; `texts` has a sentence for each.
    """

    def __init__(self, server: "Server", reason: str, **details: object):
        self.server, self.reason, self.details = server, reason, details
        told = " ".join([reason, *(f"{name}={value}" for name, value in details.items())])
        super().__init__(f"{server.name}: {told}")


class ServerUnreachable(TrueConfError):
    """No answer came. `reason`: refused, timed_out, no_answer, name_not_found, dns_silent,
    no_route, cut, not_https, tls_version, ca_file, certificate_expired, certificate_name,
    certificate_no_names, certificate_chain, certificate_untrusted, failed."""


class AccessRefused(TrueConfError):
    """The server does not accept the OAuth2 application. `reason`: wrong_secret (the ID or the
    secret is wrong) or token_refused (it refuses the token that it has just given out)."""


class PermissionMissing(TrueConfError):
    """The OAuth2 application lacks `details["permission"]`, a name as in the control panel."""


class OutcomeUnknown(TrueConfError):
    """The server was told to stop a conference and could not be asked what came of it. `reason`
    and `details` are those of the error that kept us from knowing."""


class NotFound(TrueConfError):
    """404. `reason`: api_version (this address has no such API) or conference (it is gone)."""


class BadAnswer(TrueConfError):
    """An answer came that cannot be used. `reason`: status (`details["status"]`: the HTTP
    status), in_front (the same, from something in front of the server), redirect
    (`details["location"]`), not_json, shape, too_large or endless."""


@dataclass(frozen=True)
class Status:
    """What a look at both parts of a server found.

    `state`: UP, SERVICE_DOWN (the web part works, the service does not), WEB_DOWN (the other way
    round) or DOWN. `service_reason` and `web_reason` say why a part does not work, "" where it
    does. `looked_at`: time.time(). `certificate_end`: time.time(), None where unknown or not
    checked.
    """

    state: str
    service_reason: str = ""
    web_reason: str = ""
    looked_at: float = field(default_factory=time.time, compare=False)
    certificate_end: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Conference:
    """One running session of a conference. Texts are "" and numbers None where unknown.

    `session_id` is this run; `id` is the conference itself ("" for a call without one, which
    cannot be stopped); `age_s` counts seconds. `is_listed`: the server itself calls it running;
    False for a row of the log that a crash may have left open.
    """

    session_id: str
    id: str
    title: str
    owner: str
    participant_count: int | None
    age_s: int | None
    server_url: str
    start: str = ""  # the date as the server writes it: good for comparing, whatever the zone
    is_listed: bool = True
    has_realtime_page: bool = True

    # Made when shown: 1200 conferences have 2400 addresses, a screen shows 10 (7 ms).
    @property
    def page_url(self) -> str:
        return f"{self.server_url}/c/{path_part(self.id)}"

    @property
    def realtime_url(self) -> str:
        """TrueConf's real-time management of this run; "" where the run has no name for it."""
        if not (self.session_id and self.has_realtime_page):
            return ""
        return f"{self.server_url}/tools/real-time/{path_part(self.session_id)}?a=cookies"


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody who is in a conference now. `is_leader` is None where roles are not known."""

    id: str  # "anna@video.example.org/0A1B", "#guest:..." or ""
    name: str
    is_guest: bool
    is_leader: bool | None


# ---------------------------------------------------------------- the server


@dataclass(eq=False)
class Server:
    """A TrueConf Server as the settings name it, and what the bot has learnt of it since.

    A setting's default is the one that stands here. What the bot changes itself is a plain
    field; `lib.settings` compares and saves.
    """

    name: str
    url: str  # "https://192.168.0.1", without a slash at the end
    client_id: str = ""
    client_secret: str = ""
    access_token: str = ""
    verify: bool | str = True  # True, False or the path of a CA file
    api_version: str = "auto"
    status_port: int = 4307  # 0: the server has no vsstatus for us, ask only the web part
    is_monitored: bool = False
    look_interval_s: float = 15
    repeat_h: float = 0  # hours between reminders of an outage; 0: none
    maintenance: tuple[Window, ...] = ()  # nothing is announced in them
    has_forgotten_alerts: bool = False
    forgotten_age_min: int = 60
    forgotten_interval_s: float = 300
    down_since: float | None = None  # time.time(), as are the next two; see status_watcher
    paused_until: float | None = None
    reported: dict[str, float] = field(default_factory=dict)
    told_states: list[str] = field(default_factory=list)  # of the outage that people know of
    taken_by: str = ""  # who takes care of it
    pause_changes: list[list[Any]] = field(default_factory=list)  # [time.time(), state] each
    certificate_told: float = 0  # time.time() of the newest of the moments that were told
    # key of an alert -> recipient, as the settings name it -> ID of the message, see alerts
    alert_messages: dict[str, dict[str, int]] = field(default_factory=dict)

    # runs of conferences, as `stopping` names them -> who is stopping them, or has
    stopped_by: dict[str, str] = field(default_factory=dict)

    token_renewal_at: float = 0  # time.monotonic(); a token of an earlier run is renewed at once
    scopes: frozenset[str] = frozenset()  # what the newest token allows
    last_status: Status | None = None
    told_versions: dict[str, tuple[int, str]] = field(default_factory=dict)  # see learn_version
    page_size: int | None = PAGE_SIZE  # None: this server refuses to be asked for a size
    token_in_query: bool = False  # this server does not understand the header
    is_log_ascending: bool = False  # the log's open rows come first in ascending order
    unknown_zone: str = ""  # a time zone in its log that this computer does not know
    certificate_end: float | None = None  # time.time(), as of the newest connection
    found_version: str = ""  # "auto": the version that answered
    search_again_at: float = 0  # time.monotonic()
    under_way: "dict[str, Future[str]]" = field(default_factory=dict)  # see Client._once
    lock: threading.Lock = field(
        default_factory=threading.Lock
    )  # of this section and the one above
    connections: transport.Connections = field(default_factory=transport.Connections)

    @property
    def host(self) -> str:
        """The name or address, with brackets around an IPv6 address."""
        return self.url.partition("://")[2].removesuffix(f":{urlsplit(self.url).port}")

    def learn_version(self, url: str, body: bytes | bytearray) -> None:
        """Note which version of TrueConf Server an answer tells, if any. Read only where the
        answer is another one than the last of this address."""
        head = bytes(body[:LONGEST_BODY])
        known, _ = self.told_versions.get(url, (None, ""))
        if known != hash(head):
            self.told_versions[url] = hash(head), version_in(head)

    @property
    def product_version(self) -> str:
        """The version of TrueConf Server, as far as it tells; else ""."""
        return next((version for _, version in [*self.told_versions.values()] if version), "")

    @property
    def version(self) -> str:
        """The API version in use; "" while it is to be found out."""
        return self.found_version if self.api_version == "auto" else self.api_version


def get_certificate_end(server: Server) -> float | None:
    """Return when the certificate of the web part ends, time.time(); None if it is not checked.

    A new connection is made for it. Raises ServerUnreachable.
    """
    parts = urlsplit(server.url)
    if not server.verify or parts.scheme != "https":
        return None
    try:
        opened, server.certificate_end = transport.open_tls(
            parts.hostname or "", parts.port or 443, server.verify, PRESS_LIMIT_S
        )
    except OSError as error:
        raise ServerUnreachable(server, reason_of(error)) from error
    opened.close()
    return server.certificate_end


# ---------------------------------------------------------------- one question


@dataclass(frozen=True)
class Answer:
    """An answer of any status."""

    status: int
    body: bytes | bytearray
    location: str = ""
    date: str = ""

    @property
    def value_count(self) -> int:
        """About how many values its JSON has."""
        return len(self.body) - len(self.body.translate(None, b",[{"))

    def json(self) -> Any:
        """The decoded body, None if it is not JSON, or has too many values."""
        if self.value_count > MAX_VALUES:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def reason(self) -> str | None:
        """What an error of TrueConf gives as the reason, in any of the shapes seen; None if this
        is no error of TrueConf's."""
        body = self.json()
        if not isinstance(body, dict) or not ({"error", "reason"} & body.keys()):
            return None
        error = body.get("error", body)
        if not isinstance(error, dict):
            return str(error or "")
        first = next(iter(dict_rows(error.get("errors"))), error)
        return str(first.get("reason") or "")

    @property
    def is_token_rejected(self) -> bool:
        if self.status == 401:
            return self.reason() is not None
        return self.status == 403 and self.reason() == "accessTokenInvalid"

    @property
    def is_version_missing(self) -> bool:
        """Whether it says that this version of the API, or this path of it, is not there: a 404
        that is not about a conference, a user or a record."""
        return self.status == 404 and not self.is_thing_missing

    @property
    def is_thing_missing(self) -> bool:
        reason = (self.status == 404 and self.reason()) or ""
        return reason.endswith("NotFound") and reason != "routeNotFound"


class Client:
    """Asks one server one question, with as many requests as that takes, side by side or one
    after the other; `limits` and MAX_VALUES hold for all of them together.

    Paths are relative to the API, e.g. "conferences". `permission` is the one that a request
    needs, to name it if it is missing. All methods raise TrueConfError.
    """

    def __init__(self, server: Server, limit_s: float | None = None):
        self.server = server
        self.limits = transport.Limits(limit_s or PRESS_LIMIT_S)
        self._values_left = MAX_VALUES
        self._lock = threading.Lock()  # guards the values

    # ------------------------------------------------------------ what is asked

    def get(self, path: str, permission: str, **params: object) -> dict[str, Any]:
        """Return the decoded JSON object of `GET path`."""
        return _as_object(self.server, self._call("GET", path, permission, params))

    def post(self, path: str, permission: str) -> dict[str, Any]:
        """Send `POST path` and return the decoded JSON object, {} for an empty answer."""
        return _as_object(self.server, self._call("POST", path, permission, {}))

    def look(self, path: str) -> Answer:
        """Return what `GET path` answers, whatever its status."""
        return self._answer_to("GET", self.version, path, {})

    def get_public(self, path: str) -> dict[str, Any]:
        """Return the decoded JSON object of a whole path that needs no token, e.g.
        "api/v4/server"."""
        answer = self.send("GET", f"{self.server.url}/{path}")
        return _as_object(self.server, self._decoded(answer, permission=""))

    def pages(
        self,
        path: str,
        rows_key: str,
        permission: str,
        page_names: tuple[str, ...] = ("page_id",),
        **params: object,
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of one page after the other until the server says it was the last.

        `page_names`: the parameters that hold the number of the page. The end is `next_page_id`
        (-1, null or missing) for `users`, and the total (`cnt`, `results`) or an empty page for
        the others. Raises BadAnswer where the rows are missing or the pages never end.
        """
        page, row_count = 1, 0
        seen: set[int] = set()
        while True:
            numbers = dict.fromkeys(page_names, page)
            answer = self._page(path, permission, {**params, **numbers})
            if isinstance(answer, list) and len(dict_rows(answer)) == len(answer):
                answer = {rows_key: answer, "cnt": row_count + len(answer)}  # only the rows
            rows = answer.get(rows_key) if isinstance(answer, dict) else None
            if not isinstance(rows, list):
                raise BadAnswer(self.server, "shape")
            yield dict_rows(rows)

            row_count += len(rows)
            total = number_of(answer.get("cnt", answer.get("results")))
            if "next_page_id" in answer or (rows_key == "users" and total is None):
                next_page = number_of(answer.get("next_page_id")) or 0
            else:
                is_whole = total is not None and row_count >= total
                # `results` may count the rows of this page; a full one is then not the last.
                is_full = len(rows) >= (self.server.page_size or 1)
                is_doubtful = "cnt" not in answer and total == len(rows) and is_full
                next_page = 0 if not rows or (is_whole and not is_doubtful) else page + 1
            if next_page == 0:
                return
            seen.add(page)
            if next_page in seen or len(seen) >= MAX_PAGES:
                raise BadAnswer(self.server, "endless")
            page = next_page

    def _page(self, path: str, permission: str, params: dict[str, object]) -> Any:
        """One page, as large as the server allows. What is too large for it is not documented."""
        size = self.server.page_size
        if size is not None:
            try:
                return self._call("GET", path, permission, {**params, "page_size": size})
            except BadAnswer as error:
                if error.details.get("status") != 400:
                    raise
        answer = self._call("GET", path, permission, params)
        self.server.page_size = None
        return answer

    # ------------------------------------------------------------ the version of the API

    @property
    def version(self) -> str:
        """The version of the API that this server speaks: as the settings say, or found out once
        for all questions. Raises NotFound if it is none of VERSIONS."""
        return self.server.version or self._once("version", self._search_version)

    def find_version(self) -> str:
        """Return the first version that this server has, that of the settings before VERSIONS;
        "" if it has none of them.

        What says so is the path of a list: it is missing, or there is any answer of TrueConf's.
        """
        named = self.server.api_version
        for version in [*({named} - {"auto"}), *VERSIONS]:
            answer = self._answer_to("GET", version, "conferences", {"page_size": 1})
            if answer.status == 200 or (answer.reason() is not None and answer.status < 500):
                if not answer.is_version_missing:
                    return version
            elif answer.status != 404:
                raise _error_for(self.server, answer)
        return ""

    def _search_version(self) -> str:
        server = self.server
        if not server.found_version and time.monotonic() >= server.search_again_at:
            server.found_version = self.find_version()
            server.search_again_at = time.monotonic() + SEARCH_AGAIN_S
            if server.found_version:
                log.info("%s: API %s", server.name, server.found_version)
        if not server.found_version:
            raise NotFound(server, "api_version", version=", ".join(VERSIONS))
        return server.found_version

    def _once(self, job: str, do: Callable[[], str]) -> str:
        """Do something for all threads that want it at the same time: one does it, the others
        wait for what comes of it."""
        server = self.server
        with server.lock:
            result = server.under_way.get(job)
            is_mine = result is None
            if result is None:
                result = server.under_way[job] = Future()
        if is_mine:
            try:
                result.set_result(do())
            except BaseException as error:
                result.set_exception(error)
            finally:
                with server.lock:
                    del server.under_way[job]
        return result.result()

    # ------------------------------------------------------------ the access token

    def access_token(self, rejected: str | None = None) -> str:
        """Return the token, a new one if there is none or the one at hand was `rejected`."""
        token = self.server.access_token
        if token and token != rejected:
            return token

        def fetch() -> str:  # unless another thread has just done it
            newest = self.server.access_token
            return newest if newest and newest != rejected else self._fetch_token()

        return self._once("token", fetch)

    def ask_for_token(self) -> Answer:
        """Return what the server answers to client credentials, whatever its status."""
        fields = {
            "grant_type": "client_credentials",
            "client_id": self.server.client_id,
            "client_secret": self.server.client_secret,
        }
        answer = self.send("POST", f"{self.server.url}/oauth2/v1/token", data=fields)
        if answer.status == 404:
            answer = self.send("POST", f"{self.server.url}/api/v4/oauth2/token", json=fields)
        return answer

    def _fetch_token(self) -> str:
        server, answer = self.server, self.ask_for_token()
        if answer.status in (400, 401, 403) and answer.reason() is not None:
            raise AccessRefused(server, "wrong_secret")
        body = answer.json()
        token = body.get("access_token") if isinstance(body, dict) else None
        if answer.status != 200 or not is_token(token):
            raise _error_for(server, answer)
        lifetime_s = number_of(body.get("expires_in")) or 3600
        scopes = str(body.get("scope") or "")[: 100 * LONGEST_ID].split()
        with server.lock:
            server.access_token = str(token)
            server.token_renewal_at = time.monotonic() + 0.9 * lifetime_s
            server.scopes = frozenset(scope for scope in scopes if len(scope) <= LONGEST_ID)
        return server.access_token

    # ------------------------------------------------------------ one request

    def _call(self, method: str, path: str, permission: str, params: dict[str, object]) -> Any:
        """Return the decoded JSON answer."""
        answer = self._answer_to(method, self.version, path, params)
        if answer.is_version_missing and path == "conferences":
            self.server.found_version = ""  # it was found by this path: the server has changed
        return self._decoded(answer, permission)

    def _answer_to(self, method: str, version: str, path: str, params: dict[str, object]) -> Answer:
        """Send a request with the token. A rejected token is replaced once.

        The token travels in the header. Every known client of v3.1 to v3.3 puts it into the
        address, so if the header is refused we try that once and remember it.
        """
        server = self.server
        token = self.access_token()
        answer = self._send_with_token(method, version, path, token, params)
        if answer.is_token_rejected:
            token = self.access_token(rejected=token)
            answer = self._send_with_token(method, version, path, token, params)
        if answer.is_token_rejected and not server.token_in_query and version.startswith("v3"):
            server.token_in_query = True
            answer = self._send_with_token(method, version, path, token, params)
            server.token_in_query = not answer.is_token_rejected
        return answer

    def _send_with_token(
        self, method: str, version: str, path: str, token: str, params: dict[str, object]
    ) -> Answer:
        url = f"{self.server.url}/api/{version}/{path}"
        if self.server.token_in_query:
            return self.send(method, url, params={**params, "access_token": token})
        return self.send(method, url, {"Authorization": f"Bearer {token}"}, params=params)

    def _decoded(self, answer: Answer, permission: str) -> Any:
        if answer.status == 204:
            return {}
        if answer.status != 200:
            raise _error_for(self.server, answer, permission)
        with self._lock:
            self._values_left -= answer.value_count
            if self._values_left < 0:
                raise BadAnswer(self.server, "too_large")
        body = answer.json()
        if body is None:
            raise BadAnswer(self.server, "not_json")
        return body

    def send(
        self, method: str, url: str, headers: dict[str, str] | None = None, **request: Any
    ) -> Answer:
        """Send one request to a whole address and read its answer, whatever its status.

        A GET is sent once more, on a new connection, if a kept one broke or stayed silent.
        Raises ServerUnreachable if no complete answer came in time, BadAnswer if it is too large.
        """
        server = self.server
        for is_last_try in (False, True):
            attempt = transport.begin(self.limits, server.verify)
            left_s = self.limits.left_s()
            if left_s <= 0:
                break
            try:
                all_headers = {**USUAL_HEADERS, **(headers or {})}
                prepared = requests.Request(method, url, all_headers, **request).prepare()
                with server.connections.send(
                    prepared, stream=True, timeout=left_s, verify=server.verify
                ) as response:
                    server.certificate_end = attempt.certificate_end or server.certificate_end
                    body = self._read_body(response)
                    location = response.headers.get("Location", "")
                    date = response.headers.get("Date", "")
                    return Answer(response.status_code, body, location, date)
            # urllib3's own errors come while the body is read; ValueError: an address that no
            # request can be made of.
            except (
                requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError
            ) as error:  # fmt: skip
                reason = reason_of(error)
                if reason == "too_large":
                    raise BadAnswer(server, reason) from error
                was_forgotten = attempt.is_on_kept and reason == "no_answer"
                if was_forgotten:  # and so, most likely, were all the other kept ones
                    server.connections = transport.Connections()
                may_repeat = method == "GET" and (was_forgotten or reason == "cut")
                if is_last_try or not may_repeat:
                    raise ServerUnreachable(server, reason) from error
        raise ServerUnreachable(server, "no_answer")

    def _read_body(self, response: requests.Response) -> bytearray:
        # read1 returns what has come, so what is unpacked is counted before more is read.
        body = bytearray()
        while chunk := response.raw.read1(65536, decode_content=True):
            self.limits.take_unpacked_bytes(len(chunk))
            body += chunk
        return body


def _as_object(server: Server, body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise BadAnswer(server, "shape")
    return body


# ---------------------------------------------------------------- what went wrong


def _error_for(server: Server, answer: Answer, permission: str = "") -> TrueConfError:
    """The error that an answer of any status but success stands for."""
    reason = answer.reason()
    if answer.is_token_rejected:
        return AccessRefused(server, "token_refused")
    if answer.status in (400, 401, 403) and reason is None:
        return BadAnswer(server, "in_front", status=answer.status)
    if answer.status == 403:
        return PermissionMissing(server, "permission", permission=permission)
    if answer.status == 404:
        if answer.is_thing_missing:
            return NotFound(server, "conference")
        return NotFound(server, "api_version", version=server.version)
    if 300 <= answer.status < 400:
        found = re.match(r"https?://(?:[^/@]*@)?([^/?#@]{1,253})(?:[/?#]|$)", answer.location)
        return BadAnswer(server, "redirect", location=found[1] if found else server.host)
    if answer.status == 200:
        return BadAnswer(server, "not_json" if answer.json() is None else "shape")
    return BadAnswer(server, "status", status=answer.status)


# ---------------------------------------------------------------- fields


def is_token(value: object) -> bool:
    """Whether this can be kept and sent as an access token."""
    longest = LONGEST_TOKEN
    return (
        isinstance(value, str)
        and SHORTEST_TOKEN <= len(value) <= longest
        and bool(re.fullmatch(r"[!-~]+", value))
    )


def number_of(value: object) -> int | None:
    """A whole number from 0 up, also if it was sent as text; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value):
        return int(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e15:
        return int(value)
    return None


def text_of(value: object) -> str:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def id_of(value: object) -> str:
    """An ID of the server; one that is longer than any real one is no ID."""
    text = text_of(value)
    return text if len(text) <= LONGEST_ID else ""


def path_part(text: str) -> str:
    """One part of a path, whatever it holds: `/`, `#`, half a character (JSON can carry that)."""
    return quote(text, safe="", errors="surrogatepass")


def dict_rows(value: object) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def participant(row: dict[str, Any], role_key: str) -> Participant:
    """A row of any list of participants; `role_key`: the field that holds the role, if it has."""
    ids = [text_of(row[key]) for key in ("call_id", "uid", "id") if row.get(key)]
    return Participant(
        id=next(iter(ids), ""),
        name=text_of(row.get("display_name")),
        is_guest=any(one_id.startswith("#guest") for one_id in ids),
        is_leader=number_of(row[role_key]) == LEADER_ROLE if role_key in row else None,
    )
