"""The heartbeat against receivers that are good, slow, dead, dripping and wrong."""

import contextlib
import logging
import socketserver
import threading

import pytest

from lib import heartbeat
from lib.heartbeat import Heartbeat, fetch
from tests.conftest import wait_until

PATH = "/8d0e6a6e-1d2f-4c3b-9a55-00aa11bb22cc"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


class Receiver:
    """Gives each request `answer`, None: never; drips it if `drips`. Counts what came."""

    def __init__(self, answer: bytes | None = OK, drips: bool = False):
        self.answer, self.drips, self.requests = answer, drips, []
        self.is_over = threading.Event()
        receiver = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                receiver.requests.append(self.rfile.readline(1000).decode("latin-1"))
                while self.rfile.readline(1000).strip():
                    pass
                if receiver.answer is None:
                    receiver.is_over.wait()
                    return
                with contextlib.suppress(OSError):
                    for letter in receiver.answer if receiver.drips else ():
                        self.wfile.write(bytes([letter]))
                        if receiver.is_over.wait(0.05):
                            return
                    self.wfile.write(receiver.answer)

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}{PATH}"

    def stop(self):
        self.is_over.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    """A function that makes a receiver."""
    made = []

    def make(*options, **more):
        made.append(Receiver(*options, **more))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def status(line: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {line}", *headers, "Content-Length: 0", "", ""]).encode()


def test_what_a_receiver_answers(receiver):
    for answer, trouble in [
        (OK, ""),
        (status("204 No Content"), ""),
        (status("404 Not Found"), "http_404"),
        (status("500 Oops"), "http_500"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", ""),  # the body is not read
        (b"what?\r\n\r\n", "cut"),
        (b"", "cut"),
    ]:
        one = receiver(answer)
        assert fetch(one.url) == trouble, answer
        assert one.requests == [f"GET {PATH} HTTP/1.1\r\n"]


def test_redirect_is_not_followed(receiver):
    second = receiver()
    first = receiver(status("302 Found", f"Location: {second.url}"))
    assert fetch(first.url) == "http_302"
    assert second.requests == []


def test_receiver_that_is_dead_hangs_or_drips_has_its_limit(receiver):
    dead = receiver()
    dead.stop()
    assert fetch(dead.url) == "refused"
    hanging = receiver(None)
    assert fetch(hanging.url, 0.5) == "no_answer"
    drip = b"HTTP/1.1 200 OK\r\n" + b"X-Slow: drip\r\n" * 10_000  # for hours
    for answer in (drip, b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000):
        dripping = receiver(answer, drips=True)
        assert fetch(dripping.url, 0.5) == "no_answer"


def test_certificate_is_checked_by_the_systems_authorities(new_server, monkeypatch):
    server = new_server()
    assert fetch(f"https://{server.address}{PATH}") == "certificate_chain"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_file))
    assert fetch(f"https://{server.address}{PATH}") == "http_404"
    other_name = new_server(certificate="other_name")
    assert fetch(f"https://{other_name.address}{PATH}") == "certificate_name"


def test_systems_proxy_counts(receiver, monkeypatch):
    proxy = receiver()
    monkeypatch.setenv("http_proxy", proxy.url.removesuffix(PATH))
    assert fetch(f"http://nowhere.invalid{PATH}") == ""
    assert proxy.requests == [f"GET http://nowhere.invalid{PATH} HTTP/1.1\r\n"]


def test_beats_while_well_is_silent_while_not_and_ends(receiver):
    one, wellness = receiver(), [True]
    heart = Heartbeat(one.url, lambda: wellness[0], interval_s=0.02)
    heart.start()
    wait_until(lambda: len(one.requests) > 2)
    wellness[0] = False
    asked = []
    heart.is_well = lambda: asked.append(len(one.requests)) or False
    wait_until(lambda: len(asked) > 5)
    assert len(set(asked[1:])) == 1
    heart.is_well = lambda: True
    wait_until(lambda: len(one.requests) > asked[-1] + 2)
    heart.stop()
    heart.join(10)
    assert not heart.is_alive()


def test_one_line_a_change_and_the_address_in_none(receiver, caplog):
    caplog.set_level(logging.DEBUG)
    one, asked = receiver(status("404 Not Found")), []
    heart = Heartbeat(one.url, lambda: asked.append(1) or True, interval_s=0.01)
    heart.start()

    def settle() -> None:
        count = len(asked)
        wait_until(lambda: len(asked) > count + 3)

    settle()
    one.answer = status("500 Oops")
    settle()
    one.answer = OK
    settle()
    heart.is_well = lambda: asked.append(1)
    settle()
    heart.is_well = lambda: asked.append(1) or True
    settle()
    heart.stop()
    heart.join(10)
    said = [one.getMessage() for one in caplog.records if one.name == heartbeat.log.name]
    host = "heartbeat: 127.0.0.1"
    assert said == [
        f"{host}: http_404",
        f"{host}: http_500",
        f"{host} takes it again",
        f"{host}: not sent, the bot is unwell",
        f"{host} takes it again",
    ]


def test_heartbeat_survives_what_it_is_handed(receiver, caplog):
    one, asked = receiver(), []

    def is_well() -> bool:
        asked.append(1)
        if len(asked) == 1:
            raise RuntimeError("a defect")
        return True

    heart = Heartbeat(one.url, is_well, interval_s=0.01)
    heart.start()
    wait_until(lambda: one.requests)
    heart.stop()
    heart.join(10)
