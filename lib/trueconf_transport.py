"""How a request gets to a TrueConf Server, and its answer back, within one question's limits.

The limits are the socket's: before each recv() it asks how long it may still wait, and after it
counts what has come. So nothing that a server drips (status line, headers, chunks, a gzip stream
that never ends) outlasts the question, and nothing that it pours out fills the memory.
"""

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import certifi
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

from lib.connections import CaFileMissing, CertificateNamesNoHost, TooMuch, open_socket, reason_of

CONNECT_LIMIT_S = 3.05  # all addresses; longer than one lost packet (3 s)
READ_LIMIT_S = 8  # silence on a new connection
KEPT_LIMIT_S = 4  # silence on a kept connection: a NAT may have forgotten it, so try a new one
MAX_BYTES = 16 * 1024 * 1024  # of one question, on the wire, and the same again unpacked
SIDE_BY_SIDE = 50  # requests of one question at the same time

# Threads for what is done at the same time, kept from one question to the next: to start them
# would take a press on four servers 5 ms. So many that nobody waits for one whose own work waits
# for another.
_threads = ThreadPoolExecutor(10_000)

# `"ssl_certificate": false` is warned of once, when the settings are read.
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


# ---------------------------------------------------------------- at the same time

Thing = TypeVar("Thing")
Result = TypeVar("Result")


@contextmanager
def beside(do: Callable[..., Result], *args: Any) -> "Iterator[Future[Result]]":
    """Do something while the block runs. It is done when the block is left, even by an error."""
    doing = _threads.submit(do, *args)
    try:
        yield doing
    finally:
        wait([doing])


def side_by_side(
    do: Callable[[Thing], Result], things: list[Thing], at_a_time: int = SIDE_BY_SIDE
) -> list[Result]:
    """Return do(thing) for each of `things` when all of them are done. Raises the first error."""
    results = []
    for first in range(0, len(things), at_a_time):
        doing = [_threads.submit(do, thing) for thing in things[first : first + at_a_time]]
        wait(doing)
        results += [one.result() for one in doing]
    return results


# ---------------------------------------------------------------- the limits of one question


class Limits:
    """What all the requests of one question together may still cost. For many threads."""

    def __init__(self, limit_s: float, max_bytes: int | None = None):
        self.limit_s = limit_s
        self._deadline = time.monotonic() + limit_s
        self._wire_bytes_left = self._unpacked_bytes_left = max_bytes or MAX_BYTES
        self._lock = threading.Lock()  # guards the bytes

    def left_s(self) -> float:
        return self._deadline - time.monotonic()

    def take_bytes(self, count: int) -> None:
        """Count what has come over the wire. Raises TooMuch."""
        with self._lock:
            self._wire_bytes_left -= count
            if self._wire_bytes_left < 0:
                raise TooMuch

    def take_unpacked_bytes(self, count: int) -> None:
        """Count what the bodies hold once they are unpacked. Raises TooMuch."""
        with self._lock:
            self._unpacked_bytes_left -= count
            if self._unpacked_bytes_left < 0:
                raise TooMuch


@dataclass(eq=False)
class Attempt:
    """One try of one request, in one thread. `is_on_kept`: over a connection that was there
    before, on which nothing has been heard yet. `certificate_end`: of the connection, if it was
    made for this try and its certificate is checked."""

    limits: Limits
    verify: bool | str
    is_on_kept: bool = False
    certificate_end: float | None = None

    def patience_s(self, connection: "_Timed") -> float:
        """How long the next recv() may wait. Raises TimeoutError at the deadline."""
        if connection.made_by is None:
            connection.made_by = self
        left_s = self.limits.left_s()
        if left_s <= 0:
            raise TimeoutError
        if connection.made_by is not self and connection.heard_by is not self:
            self.is_on_kept = True
            return min(left_s, KEPT_LIMIT_S, self.limits.limit_s / 2)
        return min(left_s, READ_LIMIT_S)


# requests has no way to hand anything down to the socket, so the socket asks which attempt its
# thread is working on.
_now = threading.local()


def begin(limits: Limits, verify: bool | str) -> Attempt:
    """What this thread requests from now on is a try of a question with these limits."""
    _now.attempt = Attempt(limits, verify)
    return _now.attempt  # type: ignore[no-any-return]


class _Timed:
    """A socket whose every recv() keeps to the limits of the question."""

    made_by: Attempt | None = None
    heard_by: Attempt | None = None

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        attempt: Attempt = _now.attempt
        self.settimeout(attempt.patience_s(self))  # type: ignore[attr-defined]
        count: int = super().recv_into(buffer, nbytes or 0, flags)  # type: ignore[misc]
        self.heard_by, attempt.is_on_kept = attempt, False
        attempt.limits.take_bytes(count)
        return count


class _PlainSocket(_Timed, socket.socket):
    pass


class _TlsSocket(_Timed, ssl.SSLSocket):
    pass


# ---------------------------------------------------------------- TLS


# (verify, are names checked) -> when the file was changed, and the context that was made of it
_contexts: dict[tuple[bool | str, bool], tuple[object, ssl.SSLContext]] = {}


def _tls_context(verify: bool | str, check_hostname: bool = True) -> ssl.SSLContext:
    """What the certificates are checked with, one context for all connections: each of its own
    would read the list of authorities again (15 ms, and 443 MB instead of 95 for 500 servers).
    A file that was replaced is read again. Raises CaFileMissing."""
    stamp: object = None
    if isinstance(verify, str):
        try:
            found = os.stat(verify)
        except OSError as error:
            raise CaFileMissing from error
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
    key = (verify, check_hostname)
    made_of, context = _contexts.get(key, (None, None))
    if context is None or made_of != stamp:
        context = _new_tls_context(verify, check_hostname)
        _contexts[key] = (stamp, context)
    return context


def _new_tls_context(verify: bool | str, check_hostname: bool) -> ssl.SSLContext:
    """Nothing is changed in it later: urllib3 would set the ALPN protocols for each new connection
    while other threads read them, and now and then garble a handshake. Raises CaFileMissing.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = _TlsSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.check_hostname = bool(verify) and check_hostname
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if verify:
        path = certifi.where() if verify is True else verify
        try:
            if os.path.isdir(path):
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
        except OSError as error:
            raise CaFileMissing from error
    if isinstance(verify, str):
        # An intermediate, or the server's own certificate, may stand in the file as well. From
        # Python 3.13 on the default is to refuse what many a company's own certificates lack.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def open_tls(
    host: str, port: int, verify: bool | str, limit_s: float
) -> tuple[ssl.SSLSocket, float | None]:
    """Connect and check the certificate. Returns the connection and when the certificate ends,
    time.time(), None if it is not checked. Raises OSError."""

    deadline = time.monotonic() + limit_s

    def shake_hands(context: ssl.SSLContext) -> ssl.SSLSocket:
        plain = open_socket(host, port, deadline - time.monotonic(), CONNECT_LIMIT_S)
        try:
            plain.settimeout(max(0.001, deadline - time.monotonic()))  # of the whole greeting
            named = host.partition("%")[0].rstrip(".")  # certificates know no network interface
            return context.wrap_socket(plain, server_hostname=named)
        except BaseException:
            plain.close()
            raise

    try:
        connection = shake_hands(_tls_context(verify))
    except ssl.SSLCertVerificationError as error:
        if reason_of(error) == "certificate_name":
            with shake_hands(_tls_context(verify, check_hostname=False)) as misnamed:
                if "subjectAltName" not in (misnamed.getpeercert() or {}):
                    raise CertificateNamesNoHost from error
        raise
    certificate = connection.getpeercert()  # {} where it is not checked
    end = ssl.cert_time_to_seconds(str(certificate["notAfter"])) if certificate else None
    return connection, end


# ---------------------------------------------------------------- requests over these sockets


class _HttpConnection(HTTPConnection):
    def connect(self) -> None:
        limit_s = _now.attempt.limits.left_s()
        try:
            opened = open_socket(self.host, self.port or 80, limit_s, CONNECT_LIMIT_S)
            self.sock = _PlainSocket(fileno=opened.detach())
        except OSError as error:
            # urllib3 connects while it sends, where it takes some errors of the system for an
            # answer that came early. Then it reads from the connection that never was.
            raise NewConnectionError(self, str(error)) from error


class _HttpsConnection(HTTPSConnection):
    def connect(self) -> None:
        attempt: Attempt = _now.attempt
        self.sock, attempt.certificate_end = open_tls(
            self.host, self.port or 443, attempt.verify, attempt.limits.left_s()
        )
        self.is_verified = True  # as the settings want it: nothing to warn of here


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class Connections(HTTPAdapter):
    """The connections to one server, kept open for all threads; each request after `begin`.

    A requests.Session around it would look for cookies, redirects, proxies and passwords at each
    request, which takes a fifth of the time. None of them is wanted here: a server in the own
    network is asked directly, and a token must not travel to another host.
    For what may be overridden see
    https://requests.readthedocs.io/en/latest/api/#requests.adapters.HTTPAdapter
    """

    def __init__(self) -> None:
        super().__init__(pool_maxsize=SIDE_BY_SIDE + 14)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Done when connecting."""
