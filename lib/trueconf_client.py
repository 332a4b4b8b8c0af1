"""One question to a TrueConf Server: TLS, token, time limit, size limit, pages, errors.

`trueconf_api` says what is asked; this knows how. It shows nothing to people.

Documentation: https://developers.trueconf.com/api/server/
"""

import json
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import quote, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context

CONNECT_LIMIT_S = 3.05
READ_LIMIT_S = 8
PRESS_LIMIT_S = 12  # for all the requests of one call together: a person is waiting
MAX_BODY_BYTES = 16 * 1024 * 1024
PAGE_SIZE = 500
MAX_PAGES = 200
SIDE_BY_SIDE = 50  # requests to one server at the same time

# `"ssl_certificate": false` is warned of once, when the settings are read.
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

UP, WEB_ONLY, DOWN = "up", "web_only", "down"


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
    api_version: str = "v3.3"
    status_port: int = 4307  # 0: the server has no vsstatus for us, ask only the web part
    is_monitored: bool = False
    look_interval_s: float = 15
    repeat_h: float = 0  # hours between reminders of an outage; 0: none
    has_forgotten_alerts: bool = False
    forgotten_age_min: int = 60
    forgotten_interval_s: float = 300
    down_since: float | None = None  # time.time(), as are the next two; see status_watcher
    paused_until: float | None = None
    reported: dict[str, float] = field(default_factory=dict)
    # key of an alert -> recipient, as the settings name it -> ID of the message, see alerts
    alert_messages: dict[str, dict[str, int]] = field(default_factory=dict)

    token_renewal_at: float = 0  # time.monotonic(); a token of an earlier run is renewed at once
    scopes: frozenset[str] = frozenset()  # what the newest token allows
    last_status: Status | None = None
    page_size: int | None = PAGE_SIZE  # None: this server refuses to be asked for a size
    token_in_query: bool = False  # this server does not understand the header
    token_request: Future | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)  # tokens and the two above
    session: requests.Session = field(default_factory=_new_session)

    @property
    def host(self) -> str:
        """The name or address, with brackets around an IPv6 address."""
        return self.url.partition("://")[2].removesuffix(f":{urlsplit(self.url).port}")


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
        first = next(iter(dict_rows(error.get("errors"))), error)
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


def send(server: Server, method: str, url: str, deadline: float, **request) -> _Answer:
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
    _access_token(server, press_deadline(), rejected=server.access_token)


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
    answer = send(
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
    lifetime_s = number_of(body.get("expires_in")) or 3600
    with server.lock:
        server.access_token = token
        server.token_renewal_at = time.monotonic() + 0.9 * lifetime_s
        server.scopes = frozenset(str(body.get("scope") or "").split())
    return token


# ---------------------------------------------------------------- one call of the API


def press_deadline() -> float:
    return time.monotonic() + PRESS_LIMIT_S


def _token_rejected(answer: _Answer) -> bool:
    return answer.status == 401 or (
        answer.status == 403 and answer.reason() == "accessTokenInvalid"
    )


def call(
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
        return send(server, method, url, deadline, params={**params, "access_token": token})
    return send(
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


def number_of(value: object) -> int | None:
    """A whole number from 0 up, also if it was sent as text; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value):
        return int(value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value < 1e15 else None


def text_of(value: object) -> str:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def path_part(text: str) -> str:
    """One part of a path, whatever it holds: `/`, `#`, half a character (JSON can carry that)."""
    return quote(text, safe="", errors="surrogatepass")


def dict_rows(value: object) -> list[dict]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def pages(
    server: Server, path: str, rows_key: str, permission: str, deadline: float, **params: object
) -> Iterator[list[dict]]:
    """Yield the rows of one page after the other until the server says that it was the last.

    The end is `next_page_id` (-1, null or missing) for `users`, and `cnt` rows for the others.
    Raises BadAnswer where the rows are missing or the pages never end.
    """
    page_id, row_count, seen = 1, 0, set()
    while True:
        answer = one_page(server, path, permission, deadline, {**params, "page_id": page_id})
        if not isinstance(answer.get(rows_key), list):
            raise BadAnswer(server, "shape")
        rows = dict_rows(answer[rows_key])
        yield rows

        row_count += len(answer[rows_key])
        if rows_key == "users":
            next_page_id = number_of(answer.get("next_page_id")) or 0
        else:
            total = number_of(answer.get("cnt"))
            is_last = not answer[rows_key] or (total is not None and row_count >= total)
            next_page_id = 0 if is_last else page_id + 1
        if next_page_id == 0:
            return
        seen.add(page_id)
        if next_page_id in seen or len(seen) >= MAX_PAGES:
            raise BadAnswer(server, "endless")
        page_id = next_page_id


def one_page(server: Server, path: str, permission: str, deadline: float, params: dict) -> dict:
    """One page, as large as the server allows. What is too large for it is not documented."""
    if server.page_size is not None:
        try:
            size = server.page_size
            return call(server, "GET", path, permission, deadline, page_size=size, **params)
        except BadAnswer as error:
            if error.details.get("status") != 400:
                raise
    answer = call(server, "GET", path, permission, deadline, **params)
    server.page_size = None
    return answer
