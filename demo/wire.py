"""Ports, connections and HTTP/1.1 of both simulators.

Not a general web server: no chunked requests, no HTTP/2, one thread for each connection. It stands
on plain sockets because faults need them: an answer that hangs, is cut or is reset.
"""

import contextlib
import json
import os
import re
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qsl

HOST = "127.0.0.1"
BACKLOG = 1024
TLS_GREETING = b"\x16\x03"
LONGEST_HEAD, LONGEST_BODY = 256 * 1024, 1024 * 1024
REBIND_LIMIT_S = 5
CLOSING_LIMIT_S = 2
IS_WINDOWS = os.name == "nt"


class HangUp(Exception):
    """End of a connection: the client left, or a fault or the server closes it."""


class Headers(dict):
    """Headers of a request; names are compared without regard to case."""

    def __getitem__(self, name):
        return super().__getitem__(name.lower())

    def __contains__(self, name):
        return super().__contains__(name.lower())

    def get(self, name, default=None):
        return super().get(name.lower(), default)


@dataclass
class Request:
    """A request as it arrived. `path` is raw (percent-encoded, without the query)."""

    method: str
    target: str  # path and query, as they came
    path: str
    query: dict
    headers: Headers
    port_kind: str  # "web" or "status" of a TrueConf Server
    at: float  # time.monotonic() of its arrival
    body: str


@dataclass
class Answer:
    """An answer to be sent."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=UTF-8"
    headers: dict = field(default_factory=dict)

    @classmethod
    def json(cls, data, status=200):
        # ASCII only, as PHP writes it; this also lets half of a surrogate pair through.
        return cls(status, json.dumps(data).encode("ascii"))

    def head(self, unix_time, length=None):
        """Return the status line and headers; `length` may promise another body than there is."""
        length = len(self.body) if length is None else length
        lines = [
            f"HTTP/1.1 {self.status} {phrase(self.status)}",
            f"Date: {formatdate(unix_time, usegmt=True)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        if self.status != HTTPStatus.NO_CONTENT:
            lines += [f"Content-Type: {self.content_type}", f"Content-Length: {length}"]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def phrase(status):
    """Return what stands beside a status in the first line of an answer."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def html_page(title, code=200):
    """Return an answer that is a web page, as proxies send it."""
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Answer(code, page.encode("ascii"), "text/html; charset=UTF-8")


class Door:
    """A port and its connections. It is open, slammed (takes connections and resets them), shut
    (refuses, but keeps its number), bricked up, or released.

    handle(connection, request): answers. tls: a function that returns an ssl context, or None.
    clock: a function for the `Date` of an answer.
    """

    def __init__(
        self,
        handle: Callable,
        host=HOST,
        port=0,
        kind="",
        round_trip_s=0.0,
        tls=lambda: None,
        clock=time.time,
    ):
        self.handle, self.host, self.kind = handle, host, kind
        self.port = port  # 0 until the system has given us one; the same for ever after
        self.round_trip_s, self.tls, self.clock = round_trip_s, tls, clock
        self.accepted = 0
        self.handshakes = 0
        self._is_slammed = False
        self.lock = threading.Lock()  # guards the connections and the two counters
        self._connections = set()
        self._was_open = False
        self._socket = None
        self._thread = None
        self._fillers = []

    @property
    def connections(self):
        """The connections that are open now, as a copy."""
        with self.lock:
            return list(self._connections)

    def open(self):
        """Accept connections; nothing new if it is open. Raises OSError."""
        self._is_slammed = False
        if self._thread:
            return
        self._bind()
        self._socket.listen(BACKLOG)
        self._thread = threading.Thread(target=self._accept, args=(self._socket,), daemon=True)
        self._thread.start()
        self._was_open = True

    def slam(self):
        """Accept connections and reset each of them at once, before anything is said."""
        self.open()
        self._is_slammed = True

    def shut(self):
        """Refuse connections. The port stays bound, so that nobody else gets it meanwhile."""
        self._bind()

    def brick_up(self):
        """Let new connections time out (Linux only): drop them behind a full queue."""
        self._bind()
        self._socket.listen(0)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((self.host, self.port))
            self._fillers.append(filler)

    def release(self):
        """Free the port."""
        listener, self._socket = self._socket, None
        if self._thread:
            self._wake_accept(listener)
            self._thread.join()
            self._thread = None
        for each in [*self._fillers, *filter(None, [listener])]:
            each.close()
        self._fillers = []

    def hang_up(self, is_concerned=lambda connection: True):
        """Close connections and wait a moment until their threads have ended."""
        concerned = [each for each in self.connections if is_concerned(each)]
        for connection in concerned:
            connection.hang_up()
        give_up_at = time.monotonic() + CLOSING_LIMIT_S
        for connection in concerned:
            connection.join(max(0, give_up_at - time.monotonic()))

    def lose_connections(self):
        """The way forgets the connections that are open now, as a router does that restarts:
        nothing that is sent on them arrives any more, and nobody is told. New ones work."""
        for connection in self.connections:
            connection.is_lost = True

    def forget(self, connection):
        with self.lock:
            self._connections.discard(connection)

    def count_handshake(self):
        with self.lock:
            self.handshakes += 1

    def _bind(self):
        self.release()
        give_up_at = time.monotonic() + (REBIND_LIMIT_S if self._was_open else 0)
        while True:
            try:
                self._socket = self._bound_socket()
                return
            except OSError:  # an outgoing connection of somebody may have taken the number
                if time.monotonic() >= give_up_at:
                    raise
                time.sleep(0.05)

    def _bound_socket(self):
        sock = socket.socket()
        try:
            if not IS_WINDOWS:  # there this option would let two servers share a port
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self.host, self.port))
        except OSError:
            sock.close()
            raise
        self.port = sock.getsockname()[1]
        return sock

    def _wake_accept(self, listener):
        try:
            listener.shutdown(socket.SHUT_RDWR)  # enough on Linux
        except OSError:
            with contextlib.suppress(OSError):
                socket.create_connection((self.host, self.port), 1).close()

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                if self._socket is not listener:
                    return
                time.sleep(0.01)  # out of file descriptors, perhaps: do not spin
                continue
            if self._socket is not listener:
                sock.close()
                return
            if self._is_slammed:
                reset_when_closed(sock)
                sock.close()
                continue
            connection = Connection(self, sock, self.tls())
            with self.lock:
                self.accepted += 1
                self._connections.add(connection)
            connection.start()


class Connection:
    """One accepted connection and its thread."""

    def __init__(self, door, sock, tls):
        self.fault = None  # the fault that keeps it busy
        self.is_lost = False  # what is sent on it, either way, does not arrive
        self.closing = threading.Event()
        self._door = door
        self._socket = sock
        self._tls = tls
        self._received = b""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()

    def hang_up(self):
        """End the connection; may be called from any thread."""
        self.closing.set()
        with contextlib.suppress(OSError):
            # Not SSLSocket.shutdown: it would take the TLS object from under a reading thread.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            if IS_WINDOWS:  # where only this wakes a thread that waits in recv()
                socket.close(self._socket.detach())

    def join(self, timeout_s):
        self._thread.join(timeout_s)

    def is_open(self):
        """Tell whether the client, which has nothing to say while it waits, is still there."""
        if self.closing.is_set():
            return False
        try:
            with selectors.DefaultSelector() as selector:  # select() stops at 1024 files
                selector.register(self._socket, selectors.EVENT_READ)
                return not selector.select(0) or bool(self._socket.recv(1, socket.MSG_PEEK))
        except (OSError, ValueError):
            return False

    def send(self, answer):
        """Send header and body in one write: two would wait for each other (Nagle)."""
        self.send_bytes(answer.head(self._door.clock()) + answer.body)

    def send_bytes(self, data):
        if self.is_lost:
            self.hang()
        self._socket.sendall(data)

    def wait(self, seconds):
        """Sleep, unless the connection ends meanwhile."""
        if self.closing.wait(seconds):
            raise HangUp

    def hang(self):
        """Stay silent until the client gives up or somebody calls hang_up()."""
        while self._socket.recv(65536):
            pass
        raise HangUp

    def reset(self):
        """Close with RST instead of FIN."""
        reset_when_closed(self._socket)
        raise HangUp

    def _run(self):
        try:
            self._greet()
            while True:
                request = self._read_request()
                if self.is_lost:
                    self.hang()
                self.wait(self._door.round_trip_s)
                self._door.handle(self, request)
                if request.headers.get("connection", "").lower() == "close":
                    return
        except (HangUp, OSError):
            pass
        finally:
            self._door.forget(self)
            self._socket.close()

    def _greet(self):
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wait(self._door.round_trip_s)
        if not self._tls:
            return
        self.wait(self._door.round_trip_s)
        self._socket = self._tls.wrap_socket(
            self._socket, server_side=True, do_handshake_on_connect=False
        )
        self.wait(0)  # hang_up() may have met the socket that wrap_socket has just replaced
        self._socket.do_handshake()
        self._door.count_handshake()

    def _read_request(self):
        while b"\r\n\r\n" not in self._received:
            self._receive()
            if len(self._received) > LONGEST_HEAD:
                raise HangUp
            if self._received.startswith(TLS_GREETING):  # as web servers answer to it
                self.send(html_page("Bad Request", 400))
                raise HangUp
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first_line, *lines = head.decode("latin-1").split("\r\n")
        headers = Headers(_header(line) for line in lines)
        try:
            method, target, _ = first_line.split(" ")
        except ValueError:
            raise HangUp from None
        path, _, query = target.partition("?")
        query = dict(parse_qsl(query, keep_blank_values=True))
        at = time.monotonic()
        body = self._read_body(headers.get("content-length", "0"))
        return Request(method, target, path, query, headers, self._door.kind, at, body)

    def _read_body(self, length):
        length = int(length) if re.fullmatch("[0-9]{1,15}", length) else LONGEST_BODY + 1
        if length > LONGEST_BODY:  # it is not read, so there can be no other request after it
            self.send(html_page("Content Too Large", 413))
            raise HangUp
        while len(self._received) < length:
            self._receive()
        body, self._received = self._received[:length], self._received[length:]
        return body.decode("utf-8", "replace")

    def _receive(self):
        data = self._socket.recv(65536)
        if not data:
            raise HangUp
        self._received += data


def reset_when_closed(sock):
    """Let close() send RST instead of FIN."""
    linger = struct.pack("hh" if IS_WINDOWS else "ii", 1, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def _header(line):
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()
