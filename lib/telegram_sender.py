"""One request to Telegram: the way there, its limits, and one word for what went wrong.

pyTelegramBotAPI hands its requests over to `Sender.send`. What is to be repeated, and for how
long, is decided in `telegram.py`; the sentences that people read stand in `texts`.
"""

import logging
import os
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

from lib import connections
from lib.clock import steady_clock
from lib.connections import reason_of
from lib.logs import OnceAMinute
from lib.own_venv import PROXY_SCRIPT

TELEGRAM = "https://api.telegram.org"
LOOKUP_LIMIT_S = 10  # with two silent name servers before the good one it takes 8 s
# A connection that the network has forgotten is noticed when its poll is overdue, which
# pyTelegramBotAPI takes 5 s for. Until then no press arrives, so polls are short.
LONG_POLL_S = 5
HUNG_S = 3  # an answer of Telegram that took longer may have waited for the network
CONNECT_LIMIT_S = 6.1  # shared out among the addresses; there are two, IPv4 and IPv6
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

# As in `connections`: what was given up must never be delivered later.
_NOTHING_LATER = (
    socket.SOL_SOCKET,
    socket.SO_LINGER,
    struct.pack("hh" if os.name == "nt" else "ii", 1, 0),
)
# What a proxy says, in the texts of http.client and PySocks, and our word for it.
_PROXY_ANSWERS = (
    (r"Tunnel connection failed: 40[17]|authentication", "proxy_login"),
    (r"Tunnel connection failed: 5\d\d|\b0x0[13456]: ", "proxy_cannot"),
    (r"Tunnel connection failed|\b0x02: ", "proxy_refuses"),
)

_BAD_CA_FILE = "NO_CERTIFICATE_OR_CRL_FOUND"

log = logging.getLogger("bot.telegram")


@dataclass(frozen=True)
class Trouble:
    """What is wrong on the way to Telegram. `screens.telegram_trouble` has a sentence for each.

    `kind`: silent, by_proxy, proxy_login, proxy_refuses, proxy_cannot, proxy_address, proxy_script
    (a PAC file), ca_file, certificate, clock (a certificate is not valid at this time), foreign
    (somebody answers in Telegram's place), foreign_api (what answers at `tg-api-url` is no Bot API
    server), second_copy or webhook.
    `reason`: one of those of `reason_of`; `proxy`: its host and port; `where`: the setting or the
    environment variable that has to be looked at, "" for the settings of the system.
    """

    kind: str
    reason: str = "failed"
    proxy: str = ""
    where: str = ""

    @property
    def is_timeout(self) -> bool:
        return self.reason in ("timed_out", "no_answer", "dns_silent")


class Unreachable(Exception):
    """No answer of Telegram came."""

    def __init__(self, trouble: Trouble):
        super().__init__(f"no answer came ({trouble.reason})")
        self.trouble = trouble


# ---------------------------------------------------------------- connections


def _open(connection: "_Plain | _Encrypted") -> socket.socket:
    """The socket of a new connection: to Telegram, or to an HTTP proxy on the way."""
    host, limit_s = connection._dns_host, float(connection.timeout or CONNECT_LIMIT_S)
    try:
        connections.wait_for_name(host, LOOKUP_LIMIT_S)
        return connections.open_socket(host, connection.port, limit_s)
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, f"no connection within {limit_s} s") from error
    except OSError as error:
        raise NewConnectionError(connection, str(error)) from error


class _Plain(urllib3.connection.HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _open(self)


class _Encrypted(urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        if self.ca_certs and self.ca_certs != certifi.where():
            # From Python 3.13 on the default is to refuse what many a company's own CA lacks.
            self.ssl_context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
            self.ssl_context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        super().connect()

    def _new_conn(self) -> socket.socket:
        return _open(self)


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _EncryptedPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Encrypted


_POOLS = {"http": _PlainPool, "https": _EncryptedPool}


class _Adapter(HTTPAdapter):
    """Opens connections by `connections.open_socket`. Both methods are made to be overridden:
    https://requests.readthedocs.io/en/latest/api/#requests.adapters.HTTPAdapter"""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        if proxy.lower().startswith("socks"):  # PySocks opens the connections itself
            return super().proxy_manager_for(proxy, socket_options=[_NOTHING_LATER], **options)
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def _new_session(connection_count: int) -> requests.Session:
    session = requests.Session()
    # What the environment says is looked up in `Sender.send`: that is the whole of it, and the
    # same with and without a proxy in the settings.
    session.trust_env = False
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(pool_maxsize=connection_count))
    return session


# ---------------------------------------------------------------- requests


class Sender:
    """Sends the requests of pyTelegramBotAPI and keeps an eye on whether Telegram answers.

    Its session keeps connections open for all threads: by default each thread would begin with
    a TLS handshake of its own. `say(trouble)` puts a Trouble into words for the log.
    """

    def __init__(
        self, api_url: str, proxy: str, connection_count: int, say: Callable[[Trouble], str]
    ):
        self.url, self.own_proxy, self.say = api_url or TELEGRAM, proxy, say
        self.is_local = urlsplit(self.url).hostname in ("127.0.0.1", "localhost", "::1")
        self.connection_count = connection_count
        self.is_ending = False  # what fails from now on is nobody's concern
        self._said_lately = OnceAMinute()
        self._session = _new_session(connection_count)
        self._lock = threading.Lock()  # guards the session and what follows
        self.silent_since: float | None = None  # time.time(); None while Telegram answers
        self.last_silence = (0.0, 0.0)  # from when to when
        self._kind_of_silence = ""
        # Called after each request: whether Telegram answered, and from when to when, by the
        # steady clock.
        self.note: Callable[[bool, float, float], None] = lambda *_: None

    def send(
        self, method: str, url: str, params: Any = None, files: Any = None, timeout: Any = None,
        proxies: Any = None
    ) -> requests.Response:  # fmt: skip
        """Send one request: pyTelegramBotAPI's CUSTOM_REQUEST_SENDER. Raises Unreachable."""
        limits = (CONNECT_LIMIT_S, timeout[1])
        began_at, began, cause = time.time(), steady_clock(), None
        is_there = False
        try:
            response = self._post(url, data=params, files=files, timeout=limits)
        except Exception as error:  # of requests, urllib3, ssl, PySocks: any is possible
            trouble, cause = self._trouble(error), error
            if trouble.is_timeout:  # whatever swallows packets has forgotten the others too
                self._drop_connections()
        else:
            if _is_telegrams(response) and response.status_code < 500:
                self._note_success()
                self._note_answer(url, began)
                return response
            is_there = self._is_excuse(response)
            trouble = self._foreign(response)
        self.note(is_there, began, steady_clock())
        self._note_failure(trouble, began_at)
        raise Unreachable(trouble) from cause

    def _is_excuse(self, response: requests.Response) -> bool:
        """Whether Telegram's own front says that it cannot answer now. Without TLS a sign-in page
        may have said the same, and 511 is what such a page says."""
        is_sure = self.is_local or self.url.startswith("https") or _is_telegrams(response)
        return is_sure and response.status_code >= 500 and response.status_code != 511

    def _note_answer(self, url: str, began: float) -> None:
        """One that took long may have waited until the network was back."""
        ended = steady_clock()
        if ended - began > HUNG_S + (LONG_POLL_S if url.endswith("/getUpdates") else 0):
            self.note(False, began, ended)
        self.note(True, began, ended)

    def _post(self, url: str, **request: Any) -> requests.Response:
        proxy, _ = self.proxy_in_use()
        request |= {
            "verify": next(filter(None, map(os.environ.get, CA_VARIABLES)), True),
            "proxies": {"http": proxy, "https": proxy} if proxy else {},
            "allow_redirects": False,
        }
        try:
            return self._session.post(url, **request)
        except requests.ConnectionError as error:
            # A kept connection may be closed just as it is used again. The request may have been
            # carried out nevertheless, but twice is better than never.
            is_closed = "ClosedPoolError" in str(error) or reason_of(error) == "cut"
            if isinstance(error, (requests.Timeout, requests.exceptions.ProxyError)):
                is_closed = False
            if not is_closed:
                raise
            return self._session.post(url, **request)

    def proxy_in_use(self) -> tuple[str, str]:
        """The proxy on the way to Telegram, "" for none, and where it is set: `tg-proxy`, the
        name of an environment variable, or "" for the settings of the system."""
        if self.own_proxy or self.is_local:
            return self.own_proxy, "tg-proxy" if self.own_proxy else ""
        proxies = requests.utils.get_environ_proxies(self.url)
        proxy = requests.utils.select_proxy(self.url, proxies) or ""
        if proxy.lower().startswith("socks://"):  # what GNOME sets
            proxy = f"socks5h{proxy[len('socks') :]}"
        scheme = urlsplit(self.url).scheme
        names = {name.lower(): name for name, value in os.environ.items() if value}
        where = names.get(f"{scheme}_proxy") or names.get("all_proxy") or ""
        return proxy, where if proxy else ""

    def _drop_connections(self) -> None:
        with self._lock:
            old, self._session = self._session, _new_session(self.connection_count)
        old.close()

    # -- what went wrong

    def _trouble(self, error: Exception) -> Trouble:
        reason, is_of_requests = reason_of(error), isinstance(error, requests.RequestException)
        through = self._on_the_way(reason)
        if through.kind == "proxy_script":
            return through
        if through.proxy:
            for words, kind in _PROXY_ANSWERS:
                if re.search(words, str(error)):
                    return replace(through, kind=kind)
        # For a missing file requests raises a plain OSError.
        if _BAD_CA_FILE in str(error) or (isinstance(error, OSError) and not is_of_requests):
            variable = next(filter(os.environ.get, CA_VARIABLES), CA_VARIABLES[0])
            return replace(through, kind="ca_file", where=variable)
        if reason == "certificate_expired":
            return replace(through, kind="clock")
        if reason.startswith("certificate_"):
            return replace(through, kind="certificate")
        is_no_address = isinstance(error, ValueError) or not is_of_requests
        return (
            replace(through, kind="proxy_address") if through.proxy and is_no_address else through
        )

    def _foreign(self, response: requests.Response) -> Trouble:
        """Why an answer is none of Telegram's, or is its excuse."""
        through = self._on_the_way(f"http_{response.status_code}")
        if through.kind == "proxy_script":
            return through
        if response.status_code == 407:
            return replace(through, kind="proxy_login")
        if response.status_code >= 500:
            return through
        if self.url != TELEGRAM:
            return replace(through, kind="foreign_api", where=self.url)
        return replace(through, kind="foreign")

    def _on_the_way(self, reason: str) -> Trouble:
        proxy, where = self.proxy_in_use()
        shown = proxy.rpartition("@")[2].rpartition("//")[2].rstrip("/")
        kind = "proxy_script" if PROXY_SCRIPT.search(proxy) else "by_proxy"
        return Trouble(kind if proxy else "silent", reason, shown, where)

    # -- whether Telegram answers

    def log_once_a_minute(self, text: str) -> None:
        """Say it, but not at each of the attempts that follow."""
        if self._said_lately.is_due(text):
            log.error("%s", text)

    def _note_failure(self, trouble: Trouble, began_at: float) -> None:
        with self._lock:
            is_news = self.silent_since is None or trouble.kind != self._kind_of_silence
            self.silent_since = self.silent_since or began_at
            self._kind_of_silence = trouble.kind
        if is_news and not self.is_ending:
            log.warning("%s", self.say(trouble))

    def _note_success(self) -> None:
        now = time.time()
        with self._lock:
            since, self.silent_since = self.silent_since, None
            if since is not None:
                self.last_silence = (since, now)
        if since is not None:
            log.info("Telegram answers again after %.0f s", now - since)


def _is_telegrams(response: requests.Response) -> bool:
    """Whether it has the shape that telebot counts on; a proxy's page or JSON has not."""
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        return False
    if not isinstance(answer, dict):
        return False
    if answer.get("ok") is True:
        return response.ok and ("/getMe" not in response.url or _is_bot(answer.get("result")))
    kinds = {"ok": bool, "error_code": int, "description": str}
    return all(isinstance(answer.get(name), kind) for name, kind in kinds.items())


def _is_bot(result: object) -> bool:
    names = ("first_name", "username")
    return isinstance(result, dict) and all(isinstance(result.get(name), str) for name in names)
