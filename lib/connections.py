"""Opening a connection within a limit, whatever the name resolver and the addresses do.

For the connections to TrueConf Server and to Telegram alike. It knows nothing of HTTP.
"""

import ipaddress
import os
import socket
import struct
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout

Address = tuple[int, str]  # family, numeric address


class LookupTimedOut(TimeoutError):
    """The name resolver did not answer in time."""


class ConnectTimedOut(TimeoutError):
    """None of the addresses answered in time, and none refused."""


# Lookups under way; the system's own limit (10 to 20 s) cannot be set, so each name is asked for
# in a thread of its own, and at most once at a time.
_lookups: dict[str, "Future[list[Address]]"] = {}
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
    with _lock:
        lookup = _lookups.get(host)
        if lookup is None:
            lookup = _lookups[host] = Future()
            threading.Thread(target=_resolve, args=(host, lookup), daemon=True).start()
    try:
        found = lookup.result(limit_s)
    except FutureTimeout:
        raise LookupTimedOut(host) from None
    return sorted(found, key=lambda address: address != _worked.get(host))


def _resolve(host: str, lookup: "Future[list[Address]]") -> None:
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        lookup.set_result([(family, str(address[0])) for family, _, _, _, address in answers])
    except (OSError, UnicodeError) as error:
        is_known = isinstance(error, socket.gaierror)
        lookup.set_exception(error if is_known else socket.gaierror(str(error)))
    finally:
        with _lock:
            del _lookups[host]


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
