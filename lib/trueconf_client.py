"""One question to a TrueConf Server: limits, token, version of the API, pages, errors.

`trueconf_api` says what is asked; `trueconf_v3` and `trueconf_v4` know the addresses and field
names of either API. It shows nothing to people.

    client = Client(server)
    for rows in client.pages("users", "users", "users:read"):
        ...

Documentation: https://developers.trueconf.com/api/server/
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from lib import trueconf_transport as transport
from lib.connections import reason_of
from lib.trueconf_fields import MAX_VALUES, Answer, dict_rows, names_of, next_page, number_of
from lib.trueconf_model import (
    LONGEST_ID,
    AccessRefused,
    BadAnswer,
    NotFound,
    PermissionMissing,
    Server,
    ServerUnreachable,
    TrueConfError,
    is_token,
)

PRESS_LIMIT_S = 12  # a press is answered after that, whatever the server drips
USUAL_HEADERS = requests.utils.default_headers()
PAGE_SIZES = (500, 200, 100, None)  # tried in this order; None: as many as the server likes
MAX_ROWS = 100_000  # of one list

PORTS = {"http": 80, "https": 443}
VERSIONS = ("v3.3", "v3.2", "v3.1", "v3.11", "v3.10", "v3.8", "v4")  # tried in this order
SEARCH_AGAIN_S = 60  # after none of them was there

log = logging.getLogger("bot.trueconf")


def get_certificate_end(server: Server) -> float | None:
    """Return when the certificate of the web part ends, time.time(); None if it is not checked.

    A new connection is made for it. Raises ServerUnreachable.
    """
    parts = urlsplit(server.url)
    if not server.verify or parts.scheme != "https":
        return None
    try:
        opened, server.learnt.certificate_end = transport.open_tls(
            parts.hostname or "", parts.port or 443, server.verify, PRESS_LIMIT_S
        )
    except OSError as error:
        raise ServerUnreachable(server, reason_of(error)) from error
    opened.close()
    return server.learnt.certificate_end


# ---------------------------------------------------------------- one question


class Client:
    """Asks one server one question, with as many requests as that takes, side by side or one
    after the other; `limits` and MAX_VALUES hold for all of them together.

    Paths are relative to the API, e.g. "conferences". `permission` is the one that a request
    needs, to name it if it is missing. All methods raise TrueConfError.
    """

    def __init__(self, server: Server, limit_s: float | None = None, max_bytes: int | None = None):
        self.server = server
        self.limits = transport.Limits(limit_s or PRESS_LIMIT_S, max_bytes)
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
        return self._answer_to("GET", self.find_out_version(), path, {})

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
        row_keys: tuple[str, ...] = (),
        **params: object,
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of one page after the other until the server says it was the last.

        `page_names`: the parameters that hold the number of the page. `row_keys`: the fields that
        tell one row from another. The end is `next_page_id` (-1, null or missing) for `users`, and
        the total (`cnt`, `results`) or an empty page for the others. Raises BadAnswer where the
        rows are missing or the pages never end.
        """
        page, row_count, size = 1, 0, self.server.learnt.page_size
        asked: set[int] = set()
        seen: set[tuple[str, ...]] = set()
        while page:
            numbers = dict.fromkeys(page_names, page)
            sizes = PAGE_SIZES[PAGE_SIZES.index(size) :] if page == 1 else (size,)
            answer, size = self._page(path, permission, {**params, **numbers}, sizes)
            if isinstance(answer, list) and len(dict_rows(answer)) == len(answer):
                answer = {rows_key: answer, "cnt": row_count + len(answer)}  # only the rows
            rows = answer.get(rows_key) if isinstance(answer, dict) else None
            if not isinstance(rows, list):
                raise BadAnswer(self.server, "shape")
            named = names_of(rows, row_keys)
            if named and named <= seen:
                raise BadAnswer(self.server, "endless")
            yield dict_rows(rows)

            seen |= named
            asked.add(page)
            row_count += len(rows)
            page = next_page(answer, rows_key, page, row_count, size)
            if page in asked or (page and row_count >= MAX_ROWS):
                raise BadAnswer(self.server, "endless")

    def _page(
        self,
        path: str,
        permission: str,
        params: dict[str, object],
        sizes: tuple[int | None, ...],
    ) -> tuple[Any, int | None]:
        """One page, as large as the server allows, and the size of `sizes` that it allowed. What
        is too large for it is not documented."""
        for size in sizes:
            sized = params if size is None else {**params, "page_size": size}
            try:
                answer = self._call("GET", path, permission, sized)
            except BadAnswer as error:
                if error.details.get("status") != 400 or size == sizes[-1]:
                    raise
            else:
                break
        self.server.learnt.page_size = size
        return answer, size

    # ------------------------------------------------------------ the version of the API

    def find_out_version(self) -> str:
        """Return the version of the API that this server speaks: as the settings say, or looked
        for once for all questions. Raises NotFound if it is none of VERSIONS."""
        return self.server.version or self._once("version", self._look_for_version)

    def is_version_gone(self, version: str) -> bool:
        """Look for the version of the API anew. Returns whether it is another one now, as after
        an update of the server; never where the settings name one. Raises NotFound."""
        server = self.server
        with server.shared.lock:
            if server.learnt.version == version:  # else another thread has noticed before
                server.learnt.version = ""
        return self.find_out_version() != version

    def search_version(self) -> str:
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

    def _look_for_version(self) -> str:
        server, learnt = self.server, self.server.learnt
        if not learnt.version and time.monotonic() >= learnt.search_again_at:
            learnt.version = self.search_version()
            if learnt.version:
                log.info("%s: API %s", server.name, learnt.version)
            else:
                learnt.search_again_at = time.monotonic() + SEARCH_AGAIN_S
        if not learnt.version:
            raise NotFound(server, "api_version", version="")
        return learnt.version

    def _once(self, job: str, do: Callable[[], str]) -> str:
        """Do something for all threads that want it at the same time: one does it, the others
        wait for what comes of it."""
        shared = self.server.shared
        with shared.lock:
            result = shared.under_way.get(job)
            is_mine = result is None
            if result is None:
                result = shared.under_way[job] = Future()
        if is_mine:
            try:
                result.set_result(do())
            except BaseException as error:
                result.set_exception(error)
            finally:
                with shared.lock:
                    del shared.under_way[job]
        try:
            return result.result(None if is_mine else max(0, self.limits.left_s()))
        except FutureTimeout:
            raise ServerUnreachable(self.server, "no_answer") from None

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
        server, learnt, answer = self.server, self.server.learnt, self.ask_for_token()
        if answer.status in (400, 401, 403) and answer.reason() is not None:
            raise AccessRefused(server, "wrong_secret")
        body = answer.json()
        token = body.get("access_token") if isinstance(body, dict) else None
        if answer.status != 200 or not is_token(token):
            raise _error_for(server, answer)
        lifetime_s = number_of(body.get("expires_in")) or 3600
        scopes = str(body.get("scope") or "")[: 100 * LONGEST_ID].split()
        with server.shared.lock:
            server.access_token = str(token)
            learnt.token_renewal_at = time.monotonic() + 0.9 * lifetime_s
            learnt.scopes = frozenset(scope for scope in scopes if len(scope) <= LONGEST_ID)
        return server.access_token

    # ------------------------------------------------------------ one request

    def _call(self, method: str, path: str, permission: str, params: dict[str, object]) -> Any:
        """Return the decoded JSON answer."""
        answer = self._answer_to(method, self.find_out_version(), path, params)
        return self._decoded(answer, permission)

    def _answer_to(self, method: str, version: str, path: str, params: dict[str, object]) -> Answer:
        """Send a request with the token. A rejected token is replaced once.

        The token travels in the header. Every known client of v3.1 to v3.3 puts it into the
        address, so if the header is refused we try that once and remember it.
        """
        learnt = self.server.learnt
        token = self.access_token()
        answer = self._send_with_token(method, version, path, token, params)
        if answer.is_token_rejected:
            token = self.access_token(rejected=token)
            answer = self._send_with_token(method, version, path, token, params)
        if answer.is_token_rejected and not learnt.token_in_query and version.startswith("v3"):
            learnt.token_in_query = True
            answer = self._send_with_token(method, version, path, token, params)
            learnt.token_in_query = not answer.is_token_rejected
        return answer

    def _send_with_token(
        self, method: str, version: str, path: str, token: str, params: dict[str, object]
    ) -> Answer:
        url = f"{self.server.url}/api/{version}/{path}"
        if self.server.learnt.token_in_query:
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

        What does no harm twice is sent once more, on a new connection, if a kept one broke or
        stayed silent.
        Raises ServerUnreachable if no complete answer came in time, BadAnswer if it is too large.
        """
        server, learnt = self.server, self.server.learnt
        for is_last_try in (False, True):
            attempt = transport.begin(self.limits, server.verify)
            left_s = self.limits.left_s()
            if left_s <= 0:
                break
            try:
                all_headers = {**USUAL_HEADERS, **(headers or {})}
                prepared = requests.Request(method, url, all_headers, **request).prepare()
                with server.shared.connections.send(
                    prepared, stream=True, timeout=left_s, verify=server.verify
                ) as response:
                    learnt.certificate_end = attempt.certificate_end or learnt.certificate_end
                    told = [response.headers.get(name, "") for name in ("Location", "Date")]
                    return Answer(response.status_code, self._read_body(response), *told)
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
                    server.shared.connections = transport.Connections()
                is_harmless = method == "GET" or url.endswith("/token")  # what a stop is not
                if is_last_try or not (is_harmless and (was_forgotten or reason == "cut")):
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


# What an answer of any status but success stands for: the first row that fits. The order matters:
# a refused token may come as 403 too, and a proxy in front of the server refuses with the same
# statuses as the server, but without a reason; only what is left is a missing permission.
_ERRORS: tuple[tuple[Callable[[Answer], bool], type[TrueConfError], str], ...] = (
    (lambda answer: answer.is_token_rejected, AccessRefused, "token_refused"),
    (lambda answer: answer.is_from_in_front, BadAnswer, "in_front"),
    (lambda answer: answer.status == 403, PermissionMissing, "permission"),
    (lambda answer: answer.is_thing_missing, NotFound, "conference"),
    (lambda answer: answer.is_version_missing, NotFound, "api_version"),
    (lambda answer: 300 <= answer.status < 400, BadAnswer, "redirect"),
    (lambda answer: answer.status != 200, BadAnswer, "status"),
    (lambda answer: answer.json() is None, BadAnswer, "not_json"),
    (lambda answer: True, BadAnswer, "shape"),
)


def _error_for(server: Server, answer: Answer, permission: str = "") -> TrueConfError:
    error, reason = next((error, reason) for fits, error, reason in _ERRORS if fits(answer))
    elsewhere = where_to(server, answer) if reason == "redirect" else ""
    if reason == "redirect" and not elsewhere:
        reason = "redirect_here"
    details: dict[str, dict[str, object]] = {
        "in_front": {"status": answer.status},
        "permission": {"permission": permission},
        "api_version": {"version": server.version},
        "redirect": {"location": elsewhere},
        "redirect_here": {"status": answer.status},
        "status": {"status": answer.status},
    }
    return error(server, reason, **details.get(reason, {}))


def where_to(server: Server, answer: Answer) -> str:
    """The host that a redirect leads to, with `https://` before it where only that is different;
    "" if it stays where it is, or leads to no address."""
    found = re.match(
        r"(?:(https?):)?//(?:[^/@]*@)?([^/?#@]{1,253})(?:[/?#]|$)", answer.location, re.IGNORECASE
    )
    if not found:
        return ""
    here = urlsplit(server.url)
    there = urlsplit(f"{found[1] or here.scheme}://{found[2]}")
    try:
        is_same_port = (there.port or PORTS[there.scheme]) == (here.port or PORTS[here.scheme])
    except ValueError:
        return ""
    if there.hostname == here.hostname and is_same_port:
        return ""
    is_other_scheme = there.hostname == here.hostname and there.scheme != here.scheme
    return f"{there.scheme}://{found[2]}" if is_other_scheme else found[2]
