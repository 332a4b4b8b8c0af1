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

import telebot
from telebot.apihelper import ApiTelegramException
from telebot.types import InlineKeyboardMarkup

import keyboards
import status_watcher
import telegram_api
import texts
from status_watcher import StateChange, Watcher
from trueconf_api import STOPPED, UP, WEB_ONLY, Forgotten, Server

ONE_BY_ONE = 3  # more waiting alerts than this go out as one message
PROBE_S = 3
SETTLE_LIMIT_S = 45
CONFIRMED_WITHIN_S = 120  # so long it may take from a server's silence to the alert

log = logging.getLogger("bot.alerts")


@dataclass(frozen=True)
class Alert:
    """One piece of news. `change`: what it is about, if it is the state of a server."""

    text: texts.Html
    keyboard: InlineKeyboardMarkup | None = None
    server: Server | None = None
    change: StateChange | None = None


class Mailbox(threading.Thread):
    """Delivers alerts to one chat. `moved(old_id, new_id)` is told when a group moves."""

    def __init__(
        self,
        bot: telebot.TeleBot,
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
        while True:
            waiting = [self._queue.get(), *self._take_waiting()]
            while waiting:
                sent = self._send_some(waiting)
                waiting = [*waiting[sent:], *self._take_waiting()]

    def _take_waiting(self) -> list[Alert]:
        taken = []
        while not self._queue.empty():
            taken.append(self._queue.get())
        return taken

    def _send_some(self, waiting: list[Alert]) -> int:
        """Send the first alert, or all of them together if there are many. Returns how many of
        them are dealt with; 0: none yet, try again."""
        is_alone = self._missed_since is None and len(waiting) <= ONE_BY_ONE
        some = waiting[:1] if is_alone else waiting
        messages = [(some[0].text, some[0].keyboard)] if is_alone else self._together(some)
        try:
            for text, keyboard in messages:
                telegram_api.send(self.bot, self.chat_id, text, keyboard)
        except ApiTelegramException as error:
            return self._refused(error, len(some))
        except telegram_api.FAILURES:
            self._wait_for_telegram()
            return 0
        self._is_refused, self._missed_since = False, None
        return len(some)

    def _refused(self, error: ApiTelegramException, count: int) -> int:
        new_id = telegram_api.new_chat_id(error)
        if new_id:
            self._moved(self.chat_id, new_id)
            self.chat_id = new_id
            return 0
        if error.error_code in (401, 404, 429) or error.error_code >= 500:
            asked_s = telegram_api.asked_wait_s(error.result_json)
            time.sleep(max(asked_s, telegram_api.LONGEST_WAIT_S))
            return 0
        if not self._is_refused:
            log.warning("%s gets no alerts: %s", self.chat_id, telegram_api.describe(error))
        self._is_refused = True
        return count

    def _wait_for_telegram(self) -> None:
        """Wait until Telegram answers, then until it is clear how the servers are."""
        self._missed_since = self._missed_since or telegram_api.silent_since() or time.time()
        while True:
            time.sleep(PROBE_S)
            try:
                self.bot.get_me()
                break
            except telegram_api.FAILURES:
                continue
        status_watcher.settle(self._watchers, SETTLE_LIMIT_S)

    def _together(self, waiting: list[Alert]) -> list[tuple[texts.Html, InlineKeyboardMarkup]]:
        """All that waits, as few messages as it fits into; the last one has the buttons."""
        heading, rest = self._heading(waiting)
        if rest:
            messages = texts.pack_messages([alert.text for alert in rest], heading)
        else:
            messages = [heading]
        servers = list({alert.server.name: alert.server for alert in rest if alert.server}.values())
        pairs = [(text, None) for text in messages]
        pairs[-1] = (messages[-1], keyboards.to_menus(servers))
        return pairs

    def _heading(self, waiting: list[Alert]) -> tuple[texts.Html, list[Alert]]:
        """What stands above, and which alerts are left to be told below it."""
        if self._missed_since is None:
            return texts.several_alerts(), waiting
        now = time.time()
        changes = [alert.change for alert in waiting if alert.change]
        if self._was_own_network(changes, now - self._missed_since):
            began = min(change.down_since or change.since for change in changes)
            ended = max(change.since for change in changes)
            count = len({change.server.name for change in changes})
            heading = texts.own_network_alert(began, ended, count)
            return heading, [alert for alert in waiting if not alert.change]
        return texts.missed_alerts(self._missed_since, now), waiting

    def _was_own_network(self, changes: list[StateChange], outage_s: float) -> bool:
        """Whether every server that was up vanished together with Telegram and is back."""
        began_with_it = all(
            abs((change.down_since or change.since) - self._missed_since)
            < CONFIRMED_WITHIN_S + change.server.check_interval_s
            for change in changes
        )
        # Where the web part answers, the network is there.
        has_answered = any(change.status.state == WEB_ONLY for change in changes)
        last_state = {change.server.name: change.status.state for change in changes}
        unaffected = [
            watcher
            for watcher in self._watchers
            if watcher.server.is_checked
            and watcher.server.name not in last_state
            and watcher.status is not None
            and watcher.status.state == UP
            and watcher.server.check_interval_s < outage_s
        ]
        is_over = set(last_state.values()) == {UP}
        return began_with_it and is_over and not has_answered and not unaffected


class Announcer:
    """A mailbox for everybody who is listed. `users`: IDs of people and, negative, of groups."""

    def __init__(
        self,
        bot: telebot.TeleBot,
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
            self._tell_all(Alert(texts.stopped_by(server, stopped, who), server=server), not_to)

    def tell_state(self, change: StateChange) -> None:
        """A server went down or came back."""
        server = change.server
        if change.down_since is not None:
            text = texts.recovery_alert(server, change.down_since, change.since)
        else:
            text = texts.state_alert(server, change.status, change.since, change.is_first)
        self._tell_all(Alert(text, keyboards.to_menus([server]), server, change))

    def tell_forgotten(self, server: Server, found: list[Forgotten]) -> None:
        """Somebody forgot these conferences."""
        if len(found) == 1:
            text = texts.forgotten_alert(server, found[0])
            keyboard = keyboards.forgotten_alert(server, found[0].conference)
        else:
            text = texts.forgotten_list_alert(server, found)
            keyboard = keyboards.forgotten_list_alert(server)
        self._tell_all(Alert(text, keyboard, server))

    def _tell_all(self, alert: Alert, not_to: tuple[int, ...] = ()) -> None:
        for mailbox in self.mailboxes:
            if mailbox.chat_id not in not_to:
                mailbox.put(alert)
