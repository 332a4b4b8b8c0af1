"""Brings what happened to everybody who is listed, in order, and nothing is lost.

Each chat has a mailbox with a thread of its own, so one that Telegram refuses or slows down
holds up no other. What gathers while a mailbox waits goes out as one message. What the messages
say stands in `texts`.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from telebot.apihelper import ApiTelegramException
from telebot.types import InlineKeyboardMarkup

import keyboards
import status_watcher
import texts
from lib import telegram
from status_watcher import StateChange, Watcher
from texts import screens
from trueconf_api import STOPPED, UP, WEB_ONLY, Forgotten, Server

ONE_BY_ONE = 3  # more waiting alerts than this go out as one message
PROBE_S = 3
SETTLE_LIMIT_S = 45
CONFIRMED_WITHIN_S = 120  # so long it may take from a server's silence to the alert

log = logging.getLogger("bot.alerts")


@dataclass(frozen=True)
class Alert:
    """One piece of news. `write` puts it into words when it is sent: by then the day may be
    another. `change`: what it is about, if it is the state of a server."""

    write: Callable[[], texts.Html]
    keyboard: InlineKeyboardMarkup | None = None
    server: Server | None = None
    change: StateChange | None = None


class Mailbox(threading.Thread):
    """Delivers alerts to one chat. `moved(old_id, new_id)` is told when a group moves."""

    def __init__(
        self,
        bot: telegram.Bot,
        chat_id: int,
        watchers: Iterable[Watcher],
        moved: Callable[[int, int], None],
    ):
        super().__init__(name=f"mailbox of {chat_id}", daemon=True)
        self.bot, self.chat_id = bot, chat_id
        self._watchers, self._moved = watchers, moved
        self._queue: queue.SimpleQueue[Alert] = queue.SimpleQueue()
        self._is_refused = False
        self._missed_since: float | None = None  # time.time(); since when Telegram is silent

    def put(self, alert: Alert) -> None:
        self._queue.put(alert)

    def run(self) -> None:
        waiting: list[Alert] = []
        while True:
            waiting = [*(waiting or [self._queue.get()]), *self._take_waiting()]
            try:
                waiting = self._send_some(waiting)
            except Exception:  # whatever it was, the next alert must find its way
                log.exception("an alert to %s could not be sent", self.chat_id)
                del waiting[0]
                if not waiting:
                    self._missed_since = None

    def _take_waiting(self) -> list[Alert]:
        taken = []
        while not self._queue.empty():
            taken.append(self._queue.get())
        return taken

    def _send_some(self, waiting: list[Alert]) -> list[Alert]:
        """Send one message: the first alert, or as many as it holds if there are many. Returns
        those that are not dealt with yet."""
        if self._missed_since is None and len(waiting) <= ONE_BY_ONE:
            text, keyboard, rest = waiting[0].write(), waiting[0].keyboard, waiting[1:]
        else:
            text, keyboard, rest = self._together(waiting)
        try:
            telegram.send(self.bot, self.chat_id, text, keyboard)
            self._is_refused = False
        except ApiTelegramException as error:
            if not self._deal_with(error):
                return waiting
        except telegram.FAILURES:
            self._wait_for_telegram()
            return waiting
        if not rest:
            self._missed_since = None
        return rest

    def _deal_with(self, error: ApiTelegramException) -> bool:
        """Whether Telegram will not take this message later either; waits if it will."""
        new_id = telegram.new_chat_id(error)
        if new_id:
            self._moved(self.chat_id, new_id)
            self.chat_id = new_id
            return False
        if error.error_code in (401, 404, 429) or error.error_code >= 500:
            asked_s = telegram.asked_wait_s(error.result_json)
            time.sleep(max(asked_s, telegram.LONGEST_WAIT_S))
            return False
        if not self._is_refused:
            log.warning("%s gets no alerts: %s", self.chat_id, telegram.describe(error))
        self._is_refused = True
        return True

    def _wait_for_telegram(self) -> None:
        """Wait until Telegram answers, then until it is clear how the servers are."""
        self._missed_since = self._missed_since or self.bot.sender.failing_since or time.time()
        while True:
            time.sleep(PROBE_S)
            try:
                self.bot.get_me()
                break
            except telegram.FAILURES:
                continue
        status_watcher.settle(self._watchers, SETTLE_LIMIT_S)

    def _together(
        self, waiting: list[Alert]
    ) -> tuple[texts.Html, InlineKeyboardMarkup, list[Alert]]:
        """One message about as many of those that wait as fit into it, and what is left."""
        heading, rest = self._heading(waiting)
        text, count = screens.pack_message(heading, (alert.write() for alert in rest))
        told, rest = rest[:count], rest[count:]
        servers = {alert.server.name: alert.server for alert in told if alert.server}
        return text, keyboards.to_menus(list(servers.values())), rest

    def _heading(self, waiting: list[Alert]) -> tuple[texts.Html, list[Alert]]:
        """What stands above, and which alerts are left to be told below it."""
        states = {alert.server.name: None for alert in waiting if alert.server}
        changes = [alert.change for alert in waiting if alert.change]
        states.update({change.server.name: change.status.state for change in changes})
        if self._missed_since is None:
            return screens.several_alerts(states, len(waiting)), waiting
        now = time.time()
        if self._was_own_network(changes, now - self._missed_since):
            began = min(change.down_since or change.since for change in changes)
            ended = max(change.since for change in changes)
            count = len({change.server.name for change in changes})
            heading = screens.own_network_alert(began, ended, count)
            return heading, [alert for alert in waiting if not alert.change]
        return screens.missed_alerts(states, self._missed_since, now), waiting

    def _was_own_network(self, changes: list[StateChange], outage_s: float) -> bool:
        """Whether every server that was up vanished together with Telegram and is back."""
        began_with_it = all(
            abs((change.down_since or change.since) - self._missed_since)
            < CONFIRMED_WITHIN_S + change.server.look_interval_s
            for change in changes
        )
        # Where the web part answers, the network is there.
        has_answered = any(change.status.state == WEB_ONLY for change in changes)
        last_state = {change.server.name: change.status.state for change in changes}
        first_state = {change.server.name: change.status.state for change in reversed(changes)}
        unaffected = [
            watcher
            for watcher in self._watchers
            if watcher.server.is_monitored
            and watcher.server.name not in last_state
            and watcher.status is not None
            and watcher.status.state == UP
            and watcher.server.look_interval_s < outage_s
        ]
        is_over = set(last_state.values()) == {UP}
        was_told = UP in first_state.values()  # that it went down, so Telegram could be reached
        return began_with_it and is_over and not (was_told or has_answered or unaffected)


class Announcer:
    """A mailbox for everybody who is listed. `users`: IDs of people and, negative, of groups."""

    def __init__(
        self,
        bot: telegram.Bot,
        users: Iterable[int],
        moved: Callable[[int, int], None],
        watchers: Iterable[Watcher],
    ):
        self.mailboxes = [Mailbox(bot, user, watchers, moved) for user in users]
        for mailbox in self.mailboxes:
            mailbox.start()

    def tell_stopped(
        self, server: Server, results: dict, who: str, not_to: tuple[int, ...]
    ) -> None:
        """Somebody stopped conferences: one message for all, except those who know already.

        `results`: what `trueconf_api.stop_conferences` returned.
        """
        stopped = [conference for conference, result in results.items() if result == STOPPED]
        if stopped:
            write = partial(screens.stopped_by, server, stopped, who)
            self._tell_all(Alert(write, server=server), not_to)

    def tell_state(self, change: StateChange) -> None:
        """A server went down or came back."""
        server = change.server
        if change.down_since is not None:
            write = partial(screens.recovery_alert, server, change.down_since, change.since)
        else:
            write = partial(
                screens.state_alert, server, change.status, change.since, change.is_first
            )
        self._tell_all(Alert(write, keyboards.to_menus([server]), server, change))

    def tell_forgotten(self, server: Server, found: list[Forgotten]) -> None:
        """Somebody forgot these conferences."""
        if len(found) == 1:
            write = partial(screens.forgotten_alert, server, found[0])
            keyboard = keyboards.forgotten_alert(server, found[0].conference)
        else:
            write = partial(screens.forgotten_list_alert, server, found)
            keyboard = keyboards.forgotten_list_alert(server)
        self._tell_all(Alert(write, keyboard, server))

    def _tell_all(self, alert: Alert, not_to: tuple[int, ...] = ()) -> None:
        # By the chat, as a group that has moved may have been listed by its new ID too.
        for chat_id, mailbox in {one.chat_id: one for one in self.mailboxes}.items():
            if chat_id not in not_to:
                mailbox.put(alert)
