"""The heartbeat: an address that is fetched again and again while the bot is well.

Its silence is the alarm, and the other side tells it. What "well" means is handed in. The address
is a secret: only its host is ever shown.
"""

import logging
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import requests
import urllib3
from requests.utils import select_proxy

from lib.connections import reason_of
from lib.trueconf_transport import Connections, Limits, begin

INTERVAL_S, LIMIT_S = 60, 10

log = logging.getLogger("bot.heartbeat")


class Heartbeat(threading.Thread):
    """Fetches the address every `interval_s` as long as `is_well()`, from start() to stop()."""

    def __init__(
        self,
        url: str,
        is_well: Callable[[], bool],
        interval_s: float = INTERVAL_S,
        limit_s: float = LIMIT_S,
    ):
        super().__init__(name="heartbeat", daemon=True)
        self.url, self.is_well = url, is_well
        self.interval_s, self.limit_s = interval_s, limit_s
        self._said = ""  # what the log knows: "" is well and taken
        self._ending = threading.Event()

    def stop(self) -> None:
        self._ending.set()

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                self._beat()
            except Exception:  # one bad minute must not end the heartbeat
                log.exception("heartbeat: failed, tried again in %s s", self.interval_s)
            self._ending.wait(self.interval_s)

    def _beat(self) -> None:
        trouble = fetch(self.url, self.limit_s) if self.is_well() else "not sent, the bot is unwell"
        if trouble and trouble != self._said:
            log.warning("heartbeat: %s: %s", host_of(self.url), trouble)
        elif self._said and not trouble:
            log.info("heartbeat: %s takes it again", host_of(self.url))
        self._said = trouble


def host_of(url: str) -> str:
    """All that may be shown of the address."""
    return urlsplit(url).hostname or ""


def fetch(url: str, limit_s: float = LIMIT_S) -> str:
    """Fetch the address within `limit_s`, whatever drips. Returns "" if it was taken, else why
    not in one word, as `lib.connections.reason_of` and http_404 are. Follows no redirect and
    reads no body. The system's proxy and authorities count, `tg-proxy` does not."""
    with requests.Session() as session:
        found = session.merge_environment_settings(url, {}, True, None, None)
        if not select_proxy(url, found["proxies"]):
            # Their sockets keep to the limit. Through a proxy each silence is limited.
            session.mount("http://", Connections())
            session.mount("https://", Connections())
        verify = found["verify"]
        begin(Limits(limit_s), True if verify is None else verify)
        try:
            with session.get(url, timeout=limit_s, allow_redirects=False, stream=True) as answer:
                return "" if answer.status_code in range(200, 300) else f"http_{answer.status_code}"
        except (OSError, ValueError, urllib3.exceptions.HTTPError) as error:
            return reason_of(error)
