"""What the bot asks of a TrueConf Server: is it up, what runs, who is online, stop this.

The only place that knows the server's addresses, field names and tokens. It shows nothing to
people and starts nothing by itself. Each public function asks the server anew, takes at most
`PRESS_LIMIT_S` seconds and raises a `TrueConfError` when it could not find out: "could not"
is never returned as zero or as an empty list.

Documentation: https://developers.trueconf.com/api/server/
"""

import json
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context

CONNECT_LIMIT_S = 3.05
READ_LIMIT_S = 8
PRESS_LIMIT_S = 12  # for all the requests of one call together: a person is waiting
PROBE_LIMIT_S = 4  # "is it up?" has to be quicker than that
MAX_BODY_BYTES = 16 * 1024 * 1024
PAGE_SIZE = 500
MAX_PAGES = 200
SIDE_BY_SIDE = 50  # requests to one server at the same time
PERMISSIONS = ("conferences", "users:read", "logs.calls:read", "logs.calls.participants:read")
ROLES_PERMISSION = "conferences.sessions.participants:read"

# `"ssl_certificate": false` is warned of once, when the settings are read.
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

UP, WEB_ONLY, DOWN = "up", "web_only", "down"
STOPPED, STILL_RUNNING, ALREADY_OVER = "stopped", "still_running", "already_over"


class TrueConfError(Exception):
    """Base of all errors of this module. Its text may be shown to people: it holds no secret.

    `reason`: one word that says what happened; `texts` has a sentence for each.
    """

    def __init__(self, server: "Server", reason: str, **details: object):
        self.server, self.reason, self.details = server, reason, details
        told = " ".join([reason, *(f"{name}={value}" for name, value in details.items())])
        super().__init__(f"{server.name}: {told}")


class ServerUnreachable(TrueConfError):
    """No answer came. `reason`: refused, timed_out, no_answer, name_not_found, no_route, cut,
    not_https, ca_file, certificate_expired, certificate_name, certificate_untrusted, failed."""


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
    status), redirect (`details["location"]`), not_json, shape, too_large or endless."""


@dataclass(frozen=True)
class Status:
    """`state`: UP, WEB_ONLY (the web part answers, the service does not) or DOWN. `reason` and
    `web_reason` say why `vsstatus` and the web part did not answer, "" where they did."""

    state: str
    reason: str = ""
    web_reason: str = ""


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
        return f"{self.server_url}/c/{_part(self.id)}"

    @property
    def realtime_url(self) -> str:
        return f"{self.server_url}/tools/real-time/{_part(self.session_id)}?a=cookies"


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


@lru_cache
def _tls_context(verify: bool | str, changed_at: float) -> ssl.SSLContext:
    """What the certificates are checked with; a CA file that has changed is read again."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)
    if verify:
        path = requests.certs.where() if verify is True else verify
        is_folder = os.path.isdir(path)
        context.load_verify_locations(
            capath=path if is_folder else None, cafile=None if is_folder else path
        )
    if isinstance(verify, str):
        # From Python 3.13 on certificates are refused for what many a company's own lack.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class _Adapter(HTTPAdapter):
    """All connections share one TLS context. By default each has its own, for which the list of
    authorities is read again: 15 ms a connection, and 443 MB instead of 95 for 500 servers."""

    def build_connection_pool_key_attributes(self, request, verify, cert=None):
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] != "https":
            return host, {}
        changed_at = os.stat(verify).st_mtime if isinstance(verify, str) else 0
        return host, {"ssl_context": _tls_context(verify, changed_at)}

    def cert_verify(self, conn, url, verify, cert):
        """Done by the context."""


def _new_session() -> requests.Session:
    session = requests.Session()
    # A server in the own network is asked directly: no proxy, .netrc or CA of the environment.
    session.trust_env = False
    # Redirects are not followed, but requests would read all of their body to find the next one.
    session.get_redirect_target = lambda response: None
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(pool_maxsize=SIDE_BY_SIDE + 14))
    return session


def _save_nothing(path: tuple[str, ...], value: object) -> None:
    """What `Server.save` does until the settings hand in something better."""


@dataclass(eq=False)
class Server:
    """A TrueConf Server as the settings name it, and what the bot has learnt of it since."""

    name: str
    url: str  # "https://192.168.0.1", without a slash at the end
    client_id: str = ""
    client_secret: str = ""
    access_token: str = ""
    verify: bool | str = True  # True, False or the path of a CA file
    api_version: str = "v3.3"
    status_port: int = 4307  # 0: the server has no vsstatus for us, ask only the web part
    is_checked: bool = False
    check_interval_s: float = 15
    is_forgotten_watched: bool = False
    forgotten_age_h: float = 1
    forgotten_interval_s: float = 300
    reported: dict[str, float] = field(default_factory=dict)  # see status_watcher
    save: Callable[[tuple[str, ...], object], None] = _save_nothing

    token_renewal_at: float = 0  # time.monotonic(); a token of an earlier run is renewed at once
    scopes: frozenset[str] = frozenset()  # what the newest token allows
    last_status: Status | None = None
    page_size: int | None = PAGE_SIZE  # None: this server refuses to be asked for a size
    token_in_query: bool = False  # this server does not understand the header
    token_request: Future | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)  # tokens and `reported`
    session: requests.Session = field(default_factory=_new_session)

    @property
    def host(self) -> str:
        """The name or address, with brackets around an IPv6 address."""
        return self.url.partition("://")[2].removesuffix(f":{urlsplit(self.url).port}")

    @property
    def forgotten_age_min(self) -> int:
        return max(1, round(self.forgotten_age_h * 60))


# ---------------------------------------------------------------- one request


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes
    location: str
    date: str = ""

    def json(self) -> object:
        """The decoded body, None if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def reason(self) -> str:
        """What the error body gives as the reason, in any of the shapes seen, else ""."""
        body = self.json()
        error = body.get("error", body) if isinstance(body, dict) else None
        if not isinstance(error, dict):
            return str(error or "")
        first = next(iter(_rows(error.get("errors"))), error)
        return str(first.get("reason") or "")


# Where the chain of causes holds one of these, this is what happened; the first row that fits.
_REASONS: tuple[tuple[type, str], ...] = (
    (socket.gaierror, "name_not_found"),
    (urllib3.exceptions.NameResolutionError, "name_not_found"),
    (ssl.SSLCertVerificationError, "certificate_untrusted"),
    (requests.exceptions.SSLError, "not_https"),
    (ConnectionRefusedError, "refused"),
    (requests.exceptions.ConnectTimeout, "timed_out"),
    (urllib3.exceptions.ReadTimeoutError, "no_answer"),
    (TimeoutError, "no_answer"),
    (urllib3.exceptions.ProtocolError, "cut"),
    (ConnectionError, "cut"),
)
# X509_V_ERR_* of OpenSSL: https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_CERTIFICATE_REASONS = {
    9: "certificate_expired",
    10: "certificate_expired",
    62: "certificate_name",
    64: "certificate_name",
}
_NO_ROUTE = {101, 113, 10051, 10065, 51, 65}  # ENETUNREACH, EHOSTUNREACH: Linux, Windows, macOS


def _causes(error: BaseException | None) -> list[BaseException]:
    """The error and all that it wraps: requests wraps urllib3, which wraps the socket's."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [getattr(one, "reason", None), one.__cause__, one.__context__, *one.args]
    return found


def reason_of(error: Exception) -> str:
    """One word for what kept an answer from coming, see ServerUnreachable."""
    causes = _causes(error)
    if any(isinstance(cause, OSError) and cause.errno in _NO_ROUTE for cause in causes):
        return "no_route"
    for kind, reason in _REASONS:
        for cause in causes:
            if isinstance(cause, kind):
                return _CERTIFICATE_REASONS.get(getattr(cause, "verify_code", None), reason)
    # requests raises a plain OSError where the CA file is missing.
    is_plain = isinstance(error, OSError) and not isinstance(error, requests.RequestException)
    return "ca_file" if is_plain else "failed"


def _send(server: Server, method: str, url: str, deadline: float, **request) -> _Answer:
    """Send one request and read its answer, whatever its status. Redirects are not followed:
    a token must not travel to another host.

    Raises ServerUnreachable if no complete answer came before `deadline` (time.monotonic()),
    BadAnswer if it is larger than MAX_BODY_BYTES.
    """
    for is_last_try in (False, True):
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            break
        limits = (min(CONNECT_LIMIT_S, left_s), min(READ_LIMIT_S, left_s))
        try:
            with server.session.request(
                method, url, timeout=limits, verify=server.verify,
                allow_redirects=False, stream=True, **request,
            ) as response:  # fmt: skip
                body = _read_body(server, response, deadline)
                location = response.headers.get("Location", "")
                date = response.headers.get("Date", "")
                return _Answer(response.status_code, body, location, date)
        # urllib3's own errors come while the body is read, OSError for a missing CA file,
        # ValueError for an address that no request can be made of.
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as e:
            reason = reason_of(e)
            # A kept connection may be closed by the server just as it is used again.
            if reason == "cut" and method == "GET" and not is_last_try:
                continue
            raise ServerUnreachable(server, reason) from e
    raise ServerUnreachable(server, "no_answer")


def _read_body(server: Server, response: requests.Response, deadline: float) -> bytes:
    # read1 returns what has come, so that a body that drips is noticed at the deadline.
    chunks, size = [], 0
    while chunk := response.raw.read1(65536, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise BadAnswer(server, "too_large")
        if time.monotonic() > deadline:
            raise ServerUnreachable(server, "no_answer")
    return b"".join(chunks)


# ---------------------------------------------------------------- the access token


def renew_access_token(server: Server) -> None:
    """Get a new access token and save it (`POST /oauth2/v1/token`, client credentials).

    Raises TrueConfError.
    """
    _access_token(server, _deadline(), rejected=server.access_token)


def _access_token(server: Server, deadline: float, rejected: str | None = None) -> str:
    """Return the token, a new one if there is none or the one at hand was `rejected`.

    Whoever comes while a new one is being fetched waits for it: many threads, one request.
    """
    with server.lock:
        if server.access_token and server.access_token != rejected:
            return server.access_token
        is_mine = server.token_request is None
        if is_mine:
            server.token_request = Future()
        request = server.token_request
    if is_mine:
        try:
            request.set_result(_fetch_token(server, deadline))
        except BaseException as error:
            request.set_exception(error)
        finally:
            with server.lock:
                server.token_request = None
    return request.result()


def _fetch_token(server: Server, deadline: float) -> str:
    answer = _send(
        server, "POST", f"{server.url}/oauth2/v1/token", deadline,
        data={
            "grant_type": "client_credentials",
            "client_id": server.client_id,
            "client_secret": server.client_secret,
        },
    )  # fmt: skip
    body = answer.json()
    token = body.get("access_token") if isinstance(body, dict) else None
    if answer.status in (400, 401, 403):
        raise AccessRefused(server, "wrong_secret")
    is_token = isinstance(token, str) and re.fullmatch(r"[!-~]+", token)
    if answer.status != 200 or not is_token:
        raise _error_for(server, answer)
    lifetime_s = _number(body.get("expires_in")) or 3600
    with server.lock:
        server.access_token = token
        server.token_renewal_at = time.monotonic() + 0.9 * lifetime_s
        server.scopes = frozenset(str(body.get("scope") or "").split())
    server.save(("access_token",), token)
    return token


# ---------------------------------------------------------------- one call of the API


def _deadline() -> float:
    return time.monotonic() + PRESS_LIMIT_S


def _token_rejected(answer: _Answer) -> bool:
    return answer.status == 401 or (
        answer.status == 403 and answer.reason() == "accessTokenInvalid"
    )


def _call(
    server: Server, method: str, path: str, permission: str, deadline: float, **params: object
) -> dict:
    """Return the decoded JSON answer. A rejected token is replaced once.

    The token travels in the header; in the address only for a server that does not understand
    the header (nobody has seen v3.1 to v3.3 do it), which is found out once and remembered.
    """
    token = _access_token(server, deadline)
    answer = _send_with_token(server, method, path, token, deadline, params)
    if _token_rejected(answer):
        token = _access_token(server, deadline, rejected=token)
        answer = _send_with_token(server, method, path, token, deadline, params)
    if _token_rejected(answer) and not server.token_in_query:
        server.token_in_query = True
        answer = _send_with_token(server, method, path, token, deadline, params)
        server.token_in_query = not _token_rejected(answer)
    return _checked(server, answer, permission)


def _send_with_token(
    server: Server, method: str, path: str, token: str, deadline: float, params: dict
) -> _Answer:
    url = f"{server.url}/api/{server.api_version}/{path}"
    if server.token_in_query:
        return _send(server, method, url, deadline, params={**params, "access_token": token})
    return _send(
        server, method, url, deadline, params=params, headers={"Authorization": f"Bearer {token}"}
    )


def _checked(server: Server, answer: _Answer, permission: str) -> dict:
    if answer.status == 204:
        return {}
    if answer.status != 200:
        raise _error_for(server, answer, permission)
    body = answer.json()
    if not isinstance(body, dict):
        raise BadAnswer(server, "not_json" if body is None else "shape")
    return body


def _error_for(server: Server, answer: _Answer, permission: str = "") -> TrueConfError:
    if _token_rejected(answer):
        return AccessRefused(server, "token_refused")
    if answer.status == 403:
        return PermissionMissing(server, "permission", permission=permission)
    if answer.status == 404:
        is_gone = answer.reason() in ("conferenceNotFound", "recordNotFound")
        return NotFound(server, "conference" if is_gone else "api_version")
    if 300 <= answer.status < 400:
        found = re.match(r"https?://(?:[^/@]*@)?([^/?#@]{1,253})(?:[/?#]|$)", answer.location)
        return BadAnswer(server, "redirect", location=found[1] if found else server.host)
    if answer.status == 200:
        return BadAnswer(server, "not_json" if answer.json() is None else "shape")
    return BadAnswer(server, "status", status=answer.status)


# ---------------------------------------------------------------- fields and pages


def _number(value: object) -> int | None:
    """A whole number from 0 up, also if it was sent as text; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value):
        return int(value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value < 1e15 else None


def _text(value: object) -> str:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _part(text: str) -> str:
    """One part of a path, whatever it holds: `/`, `#`, half a character (JSON can carry that)."""
    return quote(text, safe="", errors="surrogatepass")


def _rows(value: object) -> list[dict]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _pages(
    server: Server, path: str, rows_key: str, permission: str, deadline: float, **params: object
) -> Iterator[list[dict]]:
    """Yield the rows of one page after the other until the server says that it was the last.

    The end is `next_page_id` (-1, null or missing) for `users`, and `cnt` rows for the others.
    Raises BadAnswer where the rows are missing or the pages never end.
    """
    page_id, row_count, seen = 1, 0, set()
    while True:
        answer = _page(server, path, permission, deadline, {**params, "page_id": page_id})
        if not isinstance(answer.get(rows_key), list):
            raise BadAnswer(server, "shape")
        rows = _rows(answer[rows_key])
        yield rows

        row_count += len(answer[rows_key])
        if rows_key == "users":
            next_page_id = _number(answer.get("next_page_id")) or 0
        else:
            total = _number(answer.get("cnt"))
            is_last = not answer[rows_key] or (total is not None and row_count >= total)
            next_page_id = 0 if is_last else page_id + 1
        if next_page_id == 0:
            return
        seen.add(page_id)
        if next_page_id in seen or len(seen) >= MAX_PAGES:
            raise BadAnswer(server, "endless")
        page_id = next_page_id


def _page(server: Server, path: str, permission: str, deadline: float, params: dict) -> dict:
    """One page, as large as the server allows. What is too large for it is not documented."""
    if server.page_size is not None:
        try:
            size = server.page_size
            return _call(server, "GET", path, permission, deadline, page_size=size, **params)
        except BadAnswer as error:
            if _status(error) != 400:
                raise
    answer = _call(server, "GET", path, permission, deadline, **params)
    server.page_size = None
    return answer


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
        answer = _send(server, "GET", url, time.monotonic() + PROBE_LIMIT_S)
    except ServerUnreachable as error:
        return error.reason
    except BadAnswer:
        return ""  # too much of an answer is an answer
    return f"http_{answer.status}" if answer.status >= 500 else ""


def probe_web(server: Server) -> float | None:
    """Ask the web part as `get_status` does. Returns how many seconds its clock is ahead of
    ours, None if it does not say. Raises ServerUnreachable, BadAnswer."""
    url = f"{server.url}/api/v4/server"
    answer = _send(server, "GET", url, time.monotonic() + PROBE_LIMIT_S)
    if answer.status >= 500:
        raise BadAnswer(server, "status", status=answer.status)
    try:
        return parsedate_to_datetime(answer.date).timestamp() - time.time()
    except ValueError:
        return None


def try_permissions(server: Server) -> dict[str, TrueConfError | None]:
    """Try each of the four PERMISSIONS with a request that needs it. Returns what was wrong,
    None where nothing was. Stops nothing, so the right to stop is read from the token."""
    deadline = _deadline()
    log = or_error(_page, server, "logs/calls", "logs.calls:read", deadline, {"page_id": 1})
    rows = _rows(log.get("list")) if isinstance(log, dict) else []
    session = _part(_text(rows[0].get("conference_id")) if rows else "none")
    paths = {
        "conferences": "conferences",
        "users:read": "users",
        "logs.calls.participants:read": f"logs/calls/{session}/participants",
    }
    answers: dict[str, object] = {"logs.calls:read": log}
    for permission, path in paths.items():
        answers[permission] = or_error(_page, server, path, permission, deadline, {"page_id": 1})
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
    return _running(server, _deadline())


def _running(server: Server, deadline: float) -> list[Conference]:
    found: dict[object, Conference] = {}
    pages = _pages(
        server, "logs/calls", "list", "logs.calls:read", deadline,
        sort_field="end_time", sort_order=1,
    )  # fmt: skip
    for rows in pages:
        known = len(found)
        for row in rows:
            if row.get("end_time"):
                return _without_ghosts(list(found.values()))
            kind = _number(row.get("class"))
            if kind is None or kind > 1:
                # Rows move to another page while we read, so the same one may come twice.
                key = _text(row.get("conference_id")) or object()
                found.setdefault(key, _conference(server, row))
        if (
            rows
            and len(found) == known
            and all(_text(r.get("conference_id")) in found for r in rows)
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
    session_id, conference_id = _text(row.get("conference_id")), _text(row.get("named_conf_id"))
    start_time = row.get("start_time")
    return Conference(
        session_id=session_id,
        id=conference_id,
        title=_text(row.get("topic")),
        owner=_text(row.get("owner")),
        participant_count=_number(row.get("participant_count")),
        age_s=_number(row.get("duration")) or _age_s(start_time),
        server_url=server.url,
        start=_text(start_time.get("date")) if isinstance(start_time, dict) else "",
    )


def _age_s(start_time: object) -> int | None:
    """Seconds since a date object of PHP: {"date", "timezone_type", "timezone"}, else None."""
    if not isinstance(start_time, dict):
        return None
    try:
        started = datetime.fromisoformat(_text(start_time.get("date")).partition(".")[0])
        zone = _zone(_text(start_time.get("timezone")))
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
    return _people(server, conference, _deadline())


def _people(server: Server, conference: Conference, deadline: float) -> People:
    session = _part(conference.session_id)
    rows = None
    if ROLES_PERMISSION in server.scopes:
        try:
            path = f"conference-sessions/{session}/participants"
            answer = _call(server, "GET", path, ROLES_PERMISSION, deadline)
            rows = answer.get("participants")
            # Whether it has pages is not known; in a part of it the owner may be missing.
            is_whole = isinstance(rows, list) and len(rows) >= (_number(answer.get("count")) or 0)
            rows = rows if is_whole else None
        except (PermissionMissing, NotFound):
            pass  # this server has no such list, or keeps it to itself: the log will do
    if rows is None:
        path, permission = f"logs/calls/{session}/participants", "logs.calls.participants:read"
        pages = _pages(server, path, "list", permission, deadline)
        rows = [row for page in pages for row in page]

    present: dict[object, bool] = {}
    has_owner, knows_roles = False, False
    for row in _rows(rows):
        if row.get("leave_time"):
            continue
        person = next((_text(row[key]) for key in ("call_id", "uid", "id") if row.get(key)), "")
        knows_roles = knows_roles or "role" in row
        is_moderator = _number(row.get("role")) == 2
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
    deadline = _deadline()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        listed = pool.submit(_listed_ids, server, deadline)
        running = _running(server, deadline)
        ids = listed.result()
        candidates = [
            one
            for one in running
            if one.id in ids and (one.age_s is None or one.age_s >= age_h * 3600)
        ]
        judged = pool.map(lambda one: _judge(server, one, deadline), candidates)
        return [forgotten for forgotten in judged if forgotten]


def _listed_ids(server: Server, deadline: float) -> set[str]:
    """The IDs of the conferences that the server itself calls running."""
    ids: set[str] = set()
    for rows in _pages(
        server, "conferences", "conferences", "conferences", deadline, state="running"
    ):
        known = len(ids)
        ids.update(_text(row.get("id")) for row in rows)
        if rows and len(ids) == known:
            raise BadAnswer(server, "endless")
    return ids - {""}


def _judge(server: Server, conference: Conference, deadline: float) -> Forgotten | None:
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
    deadline = _deadline()
    path = f"conferences/{_part(conference.id)}"
    refusal = None
    try:
        _call(server, "POST", f"{path}/stop", "conferences", deadline)
    except (NotFound, BadAnswer, ServerUnreachable) as error:
        refusal = error  # it may be over already, or stopped although the answer was lost
    try:
        conference_now = _call(server, "GET", path, "conferences", deadline).get("conference")
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
    for rows in _pages(server, "users", "users", "users:read", _deadline()):
        for row in rows:
            if row.get("is_active") not in (0, "0", False):
                who = _text(row.get("uid")) or _text(row.get("id")) or object()
                people[who] = _number(row.get("status")) or 0
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
