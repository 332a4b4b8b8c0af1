"""The heartbeat: an address that is fetched again and again while the bot is well.

Its silence is the alarm, and the other side tells it. The address is a secret: only its host is
ever shown.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.utils import select_proxy

from lib.clock import steady_clock
from lib.connections import reason_of
from lib.telegram import Bot
from lib.trueconf_transport import Connections, Limits, begin

INTERVAL_S, LIMIT_S = 60, 10
AGAIN_S = 1  # between looks at a bot that is unwell
MOST_SILENT_S = 120  # of Telegram
LOOKS_MISSED, MOST_LATE_S = 3, 120  # of a server that is monitored
MOST_WAITING_S = 600  # of a message

log = logging.getLogger("bot.heartbeat")


def trouble_of(bot: Bot, watchers: Iterable[Any], waiting_s: float) -> str:
    """Why the bot is not well, "" if it is. A server that is down is no trouble of the bot's.

    `watchers`: those of `status_watcher`; `waiting_s`: how long the oldest message has waited.
    """
    if steady_clock() - bot.polled_at > MOST_SILENT_S:
        return "Telegram answers no polls"
    for watcher in watchers:
        server = watcher.server
        limit_s = LOOKS_MISSED * server.look_interval_s + MOST_LATE_S
        if server.is_monitored and watcher.steady() - watcher.last_look_began_at > limit_s:
            return f"{server.name} is not looked at"
    return "a message is not delivered" if waiting_s > MOST_WAITING_S else ""


class Heartbeat(threading.Thread):
    """Fetches the address every `interval_s` as long as `find_trouble()` finds none, from start()
    to stop(). Without an address it does nothing."""

    def __init__(
        self,
        url: str,
        find_trouble: Callable[[], str],
        interval_s: float = INTERVAL_S,
        limit_s: float = LIMIT_S,
    ):
        super().__init__(name="heartbeat", daemon=True)
        self.url, self.find_trouble = url, find_trouble
        self.interval_s, self.limit_s = interval_s, limit_s
        self._said: str | None = None  # what the log knows: "" is well and taken
        self._begins_until = steady_clock() + interval_s  # a bot that begins has nothing to say yet
        self._ending = threading.Event()

    def stop(self) -> None:
        self._ending.set()

    def run(self) -> None:
        while self.url and not self._ending.is_set():
            wait_s = self.interval_s
            try:
                wait_s = self._beat()
            except Exception:  # one bad minute must not end the heartbeat
                log.exception("heartbeat: failed, tried again in %s s", self.interval_s)
            self._ending.wait(wait_s)

    def _beat(self) -> float:
        """Returns how many seconds it is to the next one."""
        if trouble := self.find_trouble():
            if self._said is not None or steady_clock() > self._begins_until:
                self._say(f"not sent, {trouble}")
            return min(AGAIN_S, self.interval_s)
        self._say(fetch(self.url, self.limit_s))
        return self.interval_s

    def _say(self, trouble: str) -> None:
        """One line whenever it turns."""
        if trouble and trouble != self._said:
            log.warning("heartbeat: %s: %s", host_of(self.url), trouble)
        elif not trouble and self._said != "":
            log.info("heartbeat: %s takes it", host_of(self.url))
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
