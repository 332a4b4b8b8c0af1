"""Ports, connections and HTTP/1.1 of the simulated TrueConf Server.

Not a general web server: no chunked requests, no HTTP/2, one thread for each connection. It stands
on plain sockets because faults need them: an answer that hangs, is cut or is reset.
"""

import contextlib
import json
import os
import secrets
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qsl

HOST = "127.0.0.1"
BACKLOG = 1024
LONGEST_HEAD = 256 * 1024


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
    path: str
    query: dict
    headers: Headers
    body: str
    port_kind: str  # "web" or "status"
    at: float  # time.monotonic() of its arrival


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
            f"HTTP/1.1 {self.status} {_phrase(self.status)}",
            f"Date: {formatdate(unix_time, usegmt=True)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        if self.status != HTTPStatus.NO_CONTENT:
            lines += [f"Content-Type: {self.content_type}", f"Content-Length: {length}"]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _phrase(status):
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def error_answer(status, reason, location=None, location_type="path", has_trace=False):
    """Return an error in the envelope that all API calls share; v4 adds a trace ID."""
    detail = {"reason": reason, "message": f"{_phrase(status)}: {reason}"}
    if location:
        detail |= {"locationType": location_type, "location": location}
    error = {"code": status, "message": _phrase(status), "errors": [detail]}
    if has_trace:
        error["trace_id"] = secrets.token_hex(16)
    return Answer.json({"error": error}, status)


class Door:
    """A port that is open, shut (refuses, but keeps its number), bricked up, or released."""

    def __init__(self, welcome, host=HOST):
        self.host = host
        self.port = 0  # 0 until the system has given us one; the same for ever after
        self._welcome = welcome
        self._socket = None
        self._thread = None
        self._fillers = []

    def open(self):
        """Accept connections and hand each socket to `welcome`; nothing new if it is open."""
        if self._thread:
            return
        self._bind()
        self._socket.listen(BACKLOG)
        self._thread = threading.Thread(target=self._accept, args=(self._socket,), daemon=True)
        self._thread.start()

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

    def _bind(self, patience_s=5):
        self.release()
        give_up_at = time.monotonic() + patience_s
        while True:
            try:
                self._socket = self._bound_socket()
                return
            except OSError:  # an outgoing connection of somebody may have taken the number
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(0.05)

    def _bound_socket(self):
        sock = socket.socket()
        try:
            if os.name == "posix":  # on Windows this option would let two servers share a port
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
            self._welcome(sock)


class Connection:
    """One accepted connection and its thread."""

    def __init__(self, server, sock, port_kind, tls):
        self.port_kind = port_kind
        self.fault = None  # the fault that keeps it busy; guarded by the server's lock
        self.closing = threading.Event()
        self._server = server
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

    def join(self, timeout_s):
        self._thread.join(timeout_s)

    def send(self, answer):
        """Send header and body in one write: two would wait for each other (Nagle)."""
        self.send_bytes(answer.head(self._server.clock()) + answer.body)

    def send_bytes(self, data):
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
        linger = struct.pack("ii" if os.name == "posix" else "hh", 1, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise HangUp

    def _run(self):
        try:
            self._greet()
            while True:
                request = self._read_request()
                time.sleep(self._server.round_trip_s)
                self._server.handle(self, request)
                if request.headers.get("connection", "").lower() == "close":
                    return
        except (HangUp, OSError):
            pass
        finally:
            self._server.forget(self)
            self._socket.close()

    def _greet(self):
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        time.sleep(self._server.round_trip_s)
        if not self._tls:
            return
        time.sleep(self._server.round_trip_s)
        self._socket = self._tls.wrap_socket(
            self._socket, server_side=True, do_handshake_on_connect=False
        )
        self.wait(0)  # hang_up() may have met the socket that wrap_socket has just replaced
        self._socket.do_handshake()
        self._server.count_handshake()

    def _read_request(self):
        """Return the next request; it is in the server's list from this moment."""
        while b"\r\n\r\n" not in self._received:
            self._receive()
            if len(self._received) > LONGEST_HEAD:
                raise HangUp
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first_line, *lines = head.decode("latin-1").split("\r\n")
        headers = Headers(_header(line) for line in lines)
        body = self._read_body(headers)
        try:
            method, target, _ = first_line.split(" ")
        except ValueError:
            raise HangUp from None
        path, _, query = target.partition("?")
        query = dict(parse_qsl(query, keep_blank_values=True))
        at = time.monotonic()
        request = Request(method, path, query, headers, body, self.port_kind, at)
        self._server.note(request)
        return request

    def _read_body(self, headers):
        length = headers.get("content-length", "0")
        if not length.isdigit():
            raise HangUp
        while len(self._received) < int(length):
            self._receive()
        body, self._received = self._received[: int(length)], self._received[int(length) :]
        return body.decode("utf-8", "replace")

    def _receive(self):
        data = self._socket.recv(65536)
        if not data:
            raise HangUp
        self._received += data


def _header(line):
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()
