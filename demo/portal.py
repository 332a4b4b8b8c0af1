"""A sign-in page, as hotels and trains have it: it answers in the place of all the network.

Whoever has not signed in gets its answer from any address. It has no certificate but its own.

    with Portal(answer="redirect", certificate="self_signed") as portal:
        portal.plain.port, portal.encrypted.port
"""

from demo.trueconf import certificates
from demo.wire import HOST, Answer, Door, html_page

SIGN_IN = "https://portal.example/login"
ANSWERS = {
    "redirect": Answer(302, headers={"Location": SIGN_IN}),
    "redirect_here": Answer(307, headers={"Location": "/login"}),
    "page": html_page("Welcome! Please sign in"),
    "not_found": html_page("Please sign in", 404),
    "refusal": html_page("Network Authentication Required", 511),
    "busy": html_page("The portal is busy", 503),
    "nothing": Answer(204),
    # RFC 8908, and the error of a gateway.
    "json": Answer.json({"captive": True, "user-portal-url": SIGN_IN}),
    "json_error": Answer.json({"error": "login_required", "url": SIGN_IN}, 401),
}
NO_TLS = "no_tls"  # it answers in HTTP there, too
CERTIFICATES = ("untrusted", "self_signed", "other_name", "expired", NO_TLS)


class Portal:
    """`plain` and `encrypted` are its doors: for what is HTTP, and for what is HTTPS. `answer` and
    `certificate` may be changed at any time."""

    def __init__(self, host=HOST, answer="redirect", certificate="untrusted"):
        self.host, self.answer, self.certificate = host, answer, certificate
        self.plain = Door(self._handle, host)
        self.encrypted = Door(self._handle, host, tls=self._tls)

    def start(self):
        self.plain.open()
        self.encrypted.open()
        return self

    def stop(self):
        for door in (self.plain, self.encrypted):
            door.release()
            door.hang_up()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _tls(self):
        if self.certificate == NO_TLS:
            return None
        return certificates.server_context(self.certificate, self.host)

    def _handle(self, connection, request):
        connection.send(ANSWERS[self.answer])
