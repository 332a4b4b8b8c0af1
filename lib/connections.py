"""Opening a connection within a limit, and one word for what kept an answer from coming.

For the connections to TrueConf Server and to Telegram alike.
"""

import contextlib
import errno
import ipaddress
import math
import os
import re
import socket
import ssl
import struct
import threading
import time
from typing import Any

import requests
import urllib3

Address = tuple[int, str]  # family, numeric address


class LookupTimedOut(TimeoutError):
    """The name resolver did not answer in time."""


class ConnectTimedOut(TimeoutError):
    """None of the addresses answered in time, and none refused."""


class _Name:
    """What is known of a host, and the lookups under way that may bring news of it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()  # guards what follows
        self.known: list[Address] = []  # of the newest lookup that found some
        self.worked: Address | None = None  # the address that answered last: it is tried first
        self.failure: socket.gaierror | None = None  # the resolver says that there is no such name
        self.begun = self.answered = 0  # numbers of lookups: of the newest, of that of the above
        self.begun_at = 0.0
        self.under_way: set[int] = set()


_names: dict[str, _Name] = {}
# What a lookup gets where addresses are known: as a rule it is quicker, and a name that has moved
# is noticed at once. The known ones serve for as long as it takes otherwise.
KNOWN_WAIT_S = 0.2


def open_socket(
    host: str, port: int, limit_s: float, connect_limit_s: float = math.inf
) -> socket.socket:
    """Connect to `host` (a name or an address) within `limit_s`, lookup included. After the lookup
    it takes `connect_limit_s` at most.

    The limit is shared out among the addresses, so that dead ones before the good one leave it
    some time. Where those that were known lead nowhere, it is tried with what a new lookup finds.
    Raises OSError: socket.gaierror, LookupTimedOut, ConnectTimedOut, ConnectionRefusedError and
    others of the system.
    """
    deadline = time.monotonic() + limit_s

    def connect(addresses: list[Address]) -> socket.socket:
        left_s = min(deadline - time.monotonic(), connect_limit_s)
        opened, address = _connect_first(addresses, port, left_s)
        if lookup:
            lookup.name.worked = address
        return opened

    lookup = None if _literal(host) else _Lookup(host)
    tried = lookup.wait(limit_s) if lookup else _literal(host)
    try:
        return connect(tried)
    except OSError:
        found = lookup.wait_for_news(deadline) if lookup else []
        untried = [address for address in found if address not in tried]
        if not untried:
            raise
    return connect(untried)


def look_up(host: str, limit_s: float) -> list[Address]:
    """Return the addresses of a host, the one that worked last before the others.

    Raises socket.gaierror, LookupTimedOut.
    """
    return _literal(host) or _Lookup(host).wait(limit_s)


def wait_for_name(host: str, limit_s: float) -> None:
    """Wait for the first addresses of a host, whatever comes of it; not at all if it has some."""
    name = _names.get(host)
    if not (name and name.known):
        with contextlib.suppress(OSError):
            look_up(host, limit_s)


def _literal(host: str) -> list[Address]:
    """The address, if the host is one."""
    host = re.sub("%25(?=.)", "%", host.strip("[]"))  # in a URL, fe80::1%eth0 is fe80::1%25eth0
    try:
        version = ipaddress.ip_address(host.partition("%")[0]).version
    except ValueError:
        return []
    return [(socket.AF_INET if version == 4 else socket.AF_INET6, host)]


class _Lookup:
    """One question for the addresses of a host.

    The system's own limit (10 to 20 s) cannot be set, so each name is asked for in a thread of its
    own, once for all who ask in the same second: an older lookup may wait for a packet that was
    lost, long after the resolver is back. Whichever of them brings news brings it for all.
    """

    def __init__(self, host: str):
        self.name = name = _names.setdefault(host, _Name())
        with name.changed:
            self._answered_before = name.answered
            is_new = name.begun not in name.under_way or time.monotonic() - name.begun_at > 1
            if is_new:
                name.begun += 1
                name.begun_at = time.monotonic()
                name.under_way.add(name.begun)
            self._number = name.begun
        if is_new:
            threading.Thread(target=_resolve, args=(host, name, self._number), daemon=True).start()

    def wait(self, limit_s: float) -> list[Address]:
        """The addresses, those that were known if there is no news soon, and first the one that
        worked last. Raises socket.gaierror, LookupTimedOut."""
        name = self.name
        with name.changed:
            wait_s = min(limit_s, KNOWN_WAIT_S) if name.known else limit_s
            name.changed.wait_for(self._has_ended, wait_s)
            if name.failure and self._has_news():
                raise socket.gaierror(*name.failure.args)
            if not name.known:
                raise LookupTimedOut
            return sorted(name.known, key=lambda address: address != name.worked)

    def wait_for_news(self, deadline: float) -> list[Address]:
        """What is known when the lookup has ended, or at the deadline."""
        with self.name.changed:
            self.name.changed.wait_for(self._has_ended, max(0, deadline - time.monotonic()))
            return list(self.name.known)

    def _has_news(self) -> bool:
        return self.name.answered > self._answered_before

    def _has_ended(self) -> bool:
        return self._has_news() or self._number not in self.name.under_way


def _resolve(host: str, name: _Name, number: int) -> None:
    found: list[Address] = []
    failure: socket.gaierror | None = None
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        found = [(family, str(address[0])) for family, _, _, _, address in answers]
    except (OSError, UnicodeError) as error:
        failure = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
    finally:
        with name.changed:
            name.under_way.discard(number)
            # EAI_AGAIN: the system has waited in vain for an answer.
            if not (failure and failure.errno == socket.EAI_AGAIN) and number > name.answered:
                name.answered, name.known, name.failure = number, found, failure
            name.changed.notify_all()


def _connect_first(
    addresses: list[Address], port: int, limit_s: float
) -> tuple[socket.socket, Address]:
    """Connect to the first of them that answers; the limit is shared out among them."""
    deadline = time.monotonic() + limit_s
    failure: OSError = ConnectTimedOut()
    for position, address in enumerate(addresses):
        share_s = (deadline - time.monotonic()) / (len(addresses) - position)
        if share_s <= 0:
            break
        try:
            return _connect(address, port, share_s), address
        except TimeoutError:
            continue
        except OSError as error:
            failure = error
            if error.errno == errno.EADDRNOTAVAIL and address[0] == socket.AF_INET6:
                # This computer speaks no IPv6; with IPv4 it means that all ports are in use.
                failure = OSError(errno.ENETUNREACH, str(error))
    raise failure


def _connect(address: Address, port: int, limit_s: float) -> socket.socket:
    family, host = address
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.settimeout(limit_s)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # What was given up must never be delivered later: closing drops what was not sent yet.
        # By default the kernel goes on sending it for minutes.
        opened.setsockopt(
            socket.SOL_SOCKET,
            socket.SO_LINGER,
            struct.pack("hh" if os.name == "nt" else "ii", 1, 0),
        )
        opened.connect(_with_zone(host, port) if "%" in host else (host, port))
    except BaseException:
        opened.close()
        raise
    return opened


def _with_zone(host: str, port: int) -> tuple[Any, ...]:
    """The address fe80::1%eth0 as a socket takes it: with the number of the network interface.
    Of the text alone it would leave the interface out. Nobody is asked for it."""
    try:
        found = socket.getaddrinfo(
            host, port, socket.AF_INET6, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
    except socket.gaierror as error:
        raise OSError(errno.ENETUNREACH, f"no interface of {host}") from error
    return found[0][4]


# ---------------------------------------------------------------- what went wrong


class TooMuch(OSError):
    """The question has used up its bytes."""


class CaFileMissing(OSError):
    """The file with the trusted certificates cannot be read."""


class CertificateNamesNoHost(ssl.SSLError):
    """The certificate has no subjectAltName, which is where names are looked for."""


# Where the chain of causes holds one of these, this is what happened; the first row that fits.
# The causes come from the system, from urllib3 and from requests, one wrapped in the other.
_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (TooMuch, "too_large"),
    (CaFileMissing, "ca_file"),
    (LookupTimedOut, "dns_silent"),
    (socket.gaierror, "name_not_found"),
    (urllib3.exceptions.NameResolutionError, "name_not_found"),
    (ConnectTimedOut, "timed_out"),
    (CertificateNamesNoHost, "certificate_no_names"),
    (ssl.SSLCertVerificationError, "certificate_untrusted"),
    (ssl.SSLZeroReturnError, "cut"),
    (ssl.SSLEOFError, "cut"),
    (ssl.SSLError, "not_https"),
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
    20: "certificate_chain",
    21: "certificate_chain",
    62: "certificate_name",
    64: "certificate_name",
}
# Both sides speak TLS and cannot agree on a version or a cipher.
_TLS_DISAGREEMENTS = {
    "UNSUPPORTED_PROTOCOL",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    "DH_KEY_TOO_SMALL",
    "EE_KEY_TOO_SMALL",
    "CA_MD_TOO_WEAK",
    "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED",
    "WRONG_SIGNATURE_TYPE",
}
# Numbers of the system: Linux, Windows, macOS. What the bot's own computer has run out of (files,
# ports, memory) says nothing of a server.
_SYSTEM_REASONS = (
    ({23, 24, 10024, 10055, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL, 10049}, "own_lack"),
    ({101, 113, 10051, 10065, 51, 65}, "no_route"),  # ENETUNREACH, EHOSTUNREACH
)
# An alert of TLS: the other side speaks it and says no. OpenSSL names those that it receives so.
_TLS_ALERT = re.compile(r"\b(SSLV3|TLSV1|TLSV13)_|\btlsv1 alert ")  # Python has no name for some


def _causes(error: BaseException | None) -> list[BaseException]:
    """The error and all that it wraps: requests wraps urllib3, which wraps the socket's."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and cause not in found:
            found.append(cause)
            nested = getattr(cause, "reason", None)
            waiting += [nested, cause.__cause__, cause.__context__, *cause.args]
    return found


def reason_of(error: Exception) -> str:
    """One word for what kept an answer from coming, e.g. refused; `texts` has words for each."""
    causes = _causes(error)
    for numbers, reason in _SYSTEM_REASONS:
        if any(_number_of_system(cause) in numbers for cause in causes):
            return reason
    for kind, reason in _REASONS:
        for cause in causes:
            if isinstance(cause, kind):
                code = getattr(cause, "verify_code", None)
                if code:
                    return _CERTIFICATE_REASONS.get(code, reason)
                return _tls_reason(cause) or reason
    return "failed"


def _number_of_system(error: BaseException) -> int | None:
    # Those of OpenSSL and of the resolver have numbers of their own.
    is_other = isinstance(error, (ssl.SSLError, socket.gaierror)) or not isinstance(error, OSError)
    return None if is_other else error.errno  # type: ignore[attr-defined]


def _tls_reason(error: BaseException) -> str:
    """What an error of OpenSSL means, "" if both sides do not speak TLS."""
    name = getattr(error, "reason", None)
    if name in _TLS_DISAGREEMENTS:
        return "tls_version"
    if name == "TLSV13_ALERT_CERTIFICATE_REQUIRED":
        return "tls_wants_certificate"
    return "tls_refused" if _TLS_ALERT.search(str(error)) else ""
