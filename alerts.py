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
from dataclasses import dataclass, replace
from functools import partial

from telebot.apihelper import ApiTelegramException
from telebot.types import InlineKeyboardMarkup

import keyboards
import status_watcher
import texts
from lib import telegram
from lib.settings import Recipient, Settings
from status_watcher import StateChange, Watcher
from texts import screens
from trueconf_api import SERVICE_DOWN, STOPPED, UP, Forgotten, Server

ONE_BY_ONE = 3  # more waiting alerts than this go out as one message
PROBE_S = 3
SETTLE_LIMIT_S = 45
CONFIRMED_WITHIN_S = 120  # so long it may take from a server's silence to the alert
MOST_REMEMBERED = 50  # alerts of one server whose messages are found again

log = logging.getLogger("bot.alerts")


@dataclass(frozen=True)
class Alert:
    """One piece of news. `write` puts it into words when it is sent: by then the day may be
    another. `change`: what it is about, if it is the state of a server. `key`: by which its
    messages are found again in `server.alert_messages`, "" if they stay as they are."""

    write: Callable[[], texts.Html]
    keyboard: InlineKeyboardMarkup | None = None
    server: Server | None = None
    change: StateChange | None = None
    key: str = ""


@dataclass(frozen=True)
class Edit:
    """What the messages of an alert show from now on. `write`: None if only the buttons change;
    `done`: the chat and the ID of a message that shows it already."""

    server: Server
    key: str
    write: Callable[[], texts.Html] | None
    keyboard: InlineKeyboardMarkup | None
    done: tuple[int, int] | None = None


class Mailbox(threading.Thread):
    """Delivers alerts to one chat, or to one topic of a group.

    `moved(old_id, new_id)` is told when a group moves; `is_quiet_at(time.time())` says whether an
    alert comes without a sound.
    """

    def __init__(
        self,
        bot: telegram.Bot,
        recipient: Recipient,
        watchers: Iterable[Watcher],
        moved: Callable[[int, int], None],
        is_quiet_at: Callable[[float], bool],
    ):
        super().__init__(name=f"mailbox of {recipient}", daemon=True)
        self.bot = bot
        self.chat_id, self.topic = recipient
        self._watchers, self._moved, self._is_quiet_at = watchers, moved, is_quiet_at
        self._queue: queue.SimpleQueue[Alert | Edit] = queue.SimpleQueue()
        self._is_refused = False
        self._missed_since: float | None = None  # time.time(); since when Telegram is silent

    def put(self, news: Alert | Edit) -> None:
        self._queue.put(news)

    def run(self) -> None:
        waiting: list[Alert | Edit] = []
        while True:
            waiting = _merged([*(waiting or [self._queue.get()]), *self._take_waiting()])
            try:
                waiting = self._send_some(waiting)
            except Exception:  # whatever it was, the next alert must find its way
                log.exception("an alert to %s could not be sent", self.chat_id)
                del waiting[0]
                if not waiting:
                    self._missed_since = None

    def _take_waiting(self) -> list[Alert | Edit]:
        taken = []
        while not self._queue.empty():
            taken.append(self._queue.get())
        return taken

    def _send_some(self, waiting: list[Alert | Edit]) -> list[Alert | Edit]:
        """Send one message: the first alert, or as many as it holds if there are many; or change
        one. Returns what is not dealt with yet."""
        news = [one for one in waiting if isinstance(one, Alert)]
        edits = [one for one in waiting if isinstance(one, Edit)]
        first, rest = waiting[0], waiting[1:]
        try:
            if isinstance(first, Edit):
                self._edit(first)
            elif self._missed_since is None and len(news) <= ONE_BY_ONE:
                self._remember(first, self._send(first.write(), first.keyboard))
            else:
                text, keyboard, left = self._together(news)
                rest = [*left, *edits]
                self._send(text, keyboard)
        except ApiTelegramException as error:
            if not self._deal_with(error):
                return waiting
        except telegram.FAILURES:
            self._wait_for_telegram()
            return waiting
        if not rest:
            self._missed_since = None
        return rest

    def _send(self, text: texts.Html, keyboard: InlineKeyboardMarkup | None) -> int | None:
        is_quiet = self._is_quiet_at(time.time())
        limit_s = telegram.ALERT_LIMIT_S
        sent = telegram.send(self.bot, self.chat_id, text, keyboard, self.topic, is_quiet, limit_s)
        self._is_refused = False
        return sent

    @property
    def recipient(self) -> str:
        """As the settings name it."""
        return f"{self.chat_id}:{self.topic}" if self.topic else str(self.chat_id)

    def _remember(self, alert: Alert, message_id: int | None) -> None:
        """Note which message shows the alert, so that it is found again after a restart too."""
        if not (alert.key and alert.server and message_id):
            return
        with alert.server.lock:
            known = dict(alert.server.alert_messages)
            known[alert.key] = {**known.pop(alert.key, {}), self.recipient: message_id}
            newest = list(known.items())[-MOST_REMEMBERED:]
            alert.server.alert_messages = dict(newest)

    def _edit(self, edit: Edit) -> None:
        message_id = edit.server.alert_messages.get(edit.key, {}).get(self.recipient)
        if message_id and (self.chat_id, message_id) != edit.done:
            text = edit.write() if edit.write else None
            telegram.edit_sent(self.bot, self.chat_id, message_id, text, edit.keyboard)

    def _deal_with(self, error: ApiTelegramException) -> bool:
        """Whether Telegram will not take this message later either; waits if it will."""
        new_id = telegram.new_chat_id(error)
        if new_id:
            self._moved(self.chat_id, new_id)
            self.chat_id = new_id
            return False
        if error.error_code in (401, 404, 429):
            wait_s = telegram.asked_wait_s(error)
            time.sleep(wait_s if error.error_code == 429 else telegram.LONGEST_WAIT_S)
            return False
        if not self._is_refused:
            log.warning("%s gets no alerts: %s", self.chat_id, telegram.describe(error))
        self._is_refused = True
        return True

    def _wait_for_telegram(self) -> None:
        """Wait until Telegram answers, then until it is clear how the servers are."""
        self._missed_since = self._missed_since or self.bot.sender.silent_since or time.time()
        while True:
            time.sleep(PROBE_S)
            if telegram.answers(self.bot):
                break
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
        has_answered = any(change.status.state == SERVICE_DOWN for change in changes)
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


def _merged(waiting: list[Alert | Edit]) -> list[Alert | Edit]:
    """What waits, where an alert that has been changed meanwhile is told as it is by now."""
    merged: list[Alert | Edit] = []
    for news in waiting:
        place = _place_of_alert(merged, news) if isinstance(news, Edit) else None
        if place is None:
            merged.append(news)
        else:
            old = merged[place]
            merged[place] = replace(old, write=news.write or old.write, keyboard=news.keyboard)
    return merged


def _place_of_alert(waiting: list[Alert | Edit], edit: Edit) -> int | None:
    """Where the newest alert waits that this is about."""
    for place, news in reversed(list(enumerate(waiting))):
        if isinstance(news, Alert) and (news.server, news.key) == (edit.server, edit.key):
            return place
    return None


class Announcer:
    """A mailbox for everybody who is listed. `watchers`: those of all servers, as they come."""

    def __init__(self, bot: telegram.Bot, config: Settings, watchers: Iterable[Watcher]):
        self._watchers = watchers
        self.mailboxes = [
            Mailbox(bot, recipient, watchers, config.move_user, config.is_quiet_at)
            for recipient in config.recipients
        ]
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
        for conference in stopped:
            shown = partial(screens.stopped_alert, server, conference, who, time.time())
            self._edit_all(Edit(server, conference.session_id, shown, None))

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
            session_id = found[0].conference.session_id
            write = partial(screens.forgotten_alert, server, found[0])
            keyboard = keyboards.forgotten_alert(server, keyboards.short_id(session_id))
            self._edit_all(Edit(server, session_id, None, None))  # of before the reminder
            self._tell_all(Alert(write, keyboard, server, key=session_id))
        else:
            write = partial(screens.forgotten_list_alert, server, found)
            self._tell_all(Alert(write, keyboards.forgotten_list_alert(server), server))

    def show_decision(
        self,
        server: Server,
        session_id: str,
        text: texts.Html,
        keyboard: InlineKeyboardMarkup | None,
        done: tuple[int, int],
    ) -> None:
        """Show everywhere what was decided about a forgotten conference. `done`: see `Edit`."""
        self._edit_all(Edit(server, session_id, lambda: text, keyboard, done))

    def forget(self, chat_id: int, message_id: int) -> None:
        """A message that showed an alert shows a screen from now on: leave it to who reads it."""
        here = [(one.recipient, message_id) for one in self.mailboxes if one.chat_id == chat_id]
        for server in [watcher.server for watcher in self._watchers]:
            with server.lock:
                server.alert_messages = {
                    key: dict(place for place in places.items() if place not in here)
                    for key, places in server.alert_messages.items()
                }

    def _tell_all(self, alert: Alert, not_to: tuple[int, ...] = ()) -> None:
        for mailbox in self._different_mailboxes():
            if mailbox.chat_id not in not_to:
                mailbox.put(alert)

    def _edit_all(self, edit: Edit) -> None:
        for mailbox in self._different_mailboxes():
            mailbox.put(edit)

    def _different_mailboxes(self) -> Iterable[Mailbox]:
        """By the chat, as a group that has moved may have been listed by its new ID too."""
        return {(one.chat_id, one.topic): one for one in self.mailboxes}.values()
