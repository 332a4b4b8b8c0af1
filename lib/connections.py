"""Opening a connection within a limit, and one word for what kept an answer from coming.

For the connections to TrueConf Server and to Telegram alike.
"""

import ipaddress
import os
import socket
import ssl
import struct
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout

import requests
import urllib3

Address = tuple[int, str]  # family, numeric address


class LookupTimedOut(TimeoutError):
    """The name resolver did not answer in time."""


class ConnectTimedOut(TimeoutError):
    """None of the addresses answered in time, and none refused."""


# Lookups under way, by the host and the second in which they began. The system's own limit (10 to
# 20 s) cannot be set, so each name is asked for in a thread of its own, once for all who ask in the
# same second: an older lookup may wait for a packet that was lost, long after the resolver is back.
_lookups: dict[tuple[str, int], "Future[list[Address]]"] = {}
_lock = threading.Lock()  # guards _lookups and _worked
_worked: dict[str, Address] = {}  # host -> the address that answered last: it is tried first


def open_socket(host: str, port: int, limit_s: float) -> socket.socket:
    """Connect to `host` (a name or an address) within `limit_s`, lookup included.

    The limit is shared out among the addresses, so that dead ones before the good one leave it
    some time. Raises OSError: socket.gaierror, LookupTimedOut, ConnectTimedOut,
    ConnectionRefusedError and others of the system.
    """
    deadline = time.monotonic() + limit_s
    addresses = look_up(host, limit_s)
    failure: OSError = ConnectTimedOut()
    for position, address in enumerate(addresses):
        share_s = (deadline - time.monotonic()) / (len(addresses) - position)
        if share_s <= 0:
            break
        try:
            opened = _connect(address, port, share_s)
        except TimeoutError:
            continue
        except OSError as error:
            failure = error
            continue
        with _lock:
            _worked[host] = address
        return opened
    raise failure


def look_up(host: str, limit_s: float) -> list[Address]:
    """Return the addresses of a host, the one that worked last before the others.

    Raises socket.gaierror, LookupTimedOut.
    """
    host = host.strip("[]")
    try:
        version = ipaddress.ip_address(host.partition("%")[0]).version
        return [(socket.AF_INET if version == 4 else socket.AF_INET6, host)]
    except ValueError:
        pass
    key = (host, int(time.monotonic()))
    with _lock:
        lookup = _lookups.get(key)
        if lookup is None:
            lookup = _lookups[key] = Future()
            threading.Thread(target=_resolve, args=(key, lookup), daemon=True).start()
    try:
        found = lookup.result(limit_s)
    except FutureTimeout:
        raise LookupTimedOut(host) from None
    return sorted(found, key=lambda address: address != _worked.get(host))


def _resolve(key: tuple[str, int], lookup: "Future[list[Address]]") -> None:
    try:
        answers = socket.getaddrinfo(key[0], None, type=socket.SOCK_STREAM)
        lookup.set_result([(family, str(address[0])) for family, _, _, _, address in answers])
    except (OSError, UnicodeError) as error:
        is_known = isinstance(error, socket.gaierror)
        lookup.set_exception(error if is_known else socket.gaierror(str(error)))
    finally:
        with _lock:
            del _lookups[key]


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
        opened.connect((host, port))
    except BaseException:
        opened.close()
        raise
    return opened


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
_NO_ROUTE = {101, 113, 10051, 10065, 51, 65}  # ENETUNREACH, EHOSTUNREACH: Linux, Windows, macOS


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
    if any(isinstance(cause, OSError) and cause.errno in _NO_ROUTE for cause in causes):
        return "no_route"
    for kind, reason in _REASONS:
        for cause in causes:
            if isinstance(cause, kind):
                if getattr(cause, "reason", None) in _TLS_DISAGREEMENTS:
                    return "tls_version"
                code = getattr(cause, "verify_code", None)
                return _CERTIFICATE_REASONS.get(code, reason) if code else reason
    return "failed"
