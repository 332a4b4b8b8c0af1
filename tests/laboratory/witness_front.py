"""A front for the npm package telegram-test-api, which lacks some of what telebot needs.

It repairs just that and passes everything else on as it is, so that what the bot meets behind it
was written by other people than the simulator of `demo/`.
"""

import json
import threading
import time
from contextlib import suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
JSON = "application/json"
NOTHING = b'{"ok":true,"result":[]}'
HOLD_S, LOOK_EVERY_S = 1, 0.05


def post(port: int, path: str, body: bytes, content_type: str = JSON) -> tuple[int, str, bytes]:
    """Send a request to a port of this machine; return status, content type and body."""
    connection = HTTPConnection(HOST, port, timeout=30)
    try:
        connection.request("POST", path, body, {"Content-Type": content_type})
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type", ""), response.read()
    finally:
        connection.close()


class Front(ThreadingHTTPServer):
    """Listens on a free port while the `with` block lasts."""

    def __init__(self, package_port: int):
        super().__init__((HOST, 0), _Handler)
        self.package_port = package_port
        self.url = f"http://{HOST}:{self.server_port}"
        self.answered: list[str] = []  # the methods that the bot called

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        method = self.path.rpartition("/")[2]
        with suppress(OSError):  # the bot or the package has ended
            status, content_type, answer = self.respond(method, body)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            self.server.answered.append(method)

    def respond(self, method, body):
        """Return status, content type and body: the package's own, but for three methods."""
        if method == "setMyCommands":  # the package does not know it
            return 200, JSON, b'{"ok":true,"result":true}'
        if method == "getMe":
            return self.repaired(self.ask_package(body), _add_is_bot)
        if method == "getUpdates":
            return self.repaired(self.wait_for_updates(body), _add_chat_instance)
        return self.ask_package(body)

    def ask_package(self, body):
        content_type = self.headers.get("Content-Type", "")
        return post(self.server.package_port, self.path, body, content_type)

    def wait_for_updates(self, body):
        """The package answers at once even if there is nothing, and telebot would ask again."""
        deadline = time.monotonic() + HOLD_S
        reply = self.ask_package(body)
        while reply[2] == NOTHING and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
            reply = self.ask_package(body)
        return reply

    @staticmethod
    def repaired(reply, repair):
        status, content_type, body = reply
        answer = json.loads(body)
        repair(answer["result"])
        return status, content_type, json.dumps(answer).encode()

    def log_message(self, *arguments):
        """Print nothing."""


def _add_is_bot(user):
    user["is_bot"] = True


def _add_chat_instance(updates):
    for update in updates:
        if "callback_query" in update:
            update["callback_query"]["chat_instance"] = "1"
