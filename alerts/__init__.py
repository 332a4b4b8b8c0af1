"""What everybody who is listed gets to know unasked, and what they decide about it.

What happened stands in the record; each chat has a mailbox that tells it. Nothing of an alert
lives in a queue: after a restart, and after a night without Telegram, each chat is brought to what
is true. `own_network` makes sure of what is said of the servers.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from alerts.mailbox import Mailbox
from alerts.own_network import MakingSure
from lib import telegram
from lib.clock import steady_clock
from lib.entries import FORGOTTEN, OUTAGE, PAUSE, RELEASED, STOPPED, SWITCHED, TAKEN, Entry
from lib.evidence import Evidence
from lib.settings import Settings
from lib.trueconf_model import Server
from memory import Record
from trueconf_api import STOPPED as IS_STOPPED
from trueconf_api import Conference, TrueConfError

Results = dict[Conference, str | TrueConfError]
__all__ = ["Announcer", "Mailbox", "MakingSure"]


class Announcer:
    """A mailbox for everybody who is listed, and what people decide.

    `seen_by`: the IDs of the chats that know already, as the press was theirs. `settle()` looks at
    all servers and returns the names of those of which it is clear how they are.
    """

    def __init__(
        self,
        bot: telegram.Bot,
        config: Settings,
        record: Record,
        evidence: Evidence,
        settle: Callable[[], set[str]],
    ):
        self.record, self.servers = record, list(config.servers.values())
        bot.sender.note = evidence.note_telegram
        self.mailboxes = [
            Mailbox(bot, record, self.servers, recipient, config.move_user, config.is_quiet_at)
            for recipient in config.recipients
        ]
        record.add_chats(mailbox.recipient for mailbox in self.mailboxes)
        for server in self.servers:
            record.take_over(server)
            record.note_window(server)
        record.save()
        config.drop_earlier()
        for mailbox in self.mailboxes:
            record.listen(mailbox.wake.set)
        making_sure = MakingSure(
            record,
            self.servers,
            evidence,
            lambda: telegram.answers(bot),
            settle,
            digest=config.digest,
        )
        self._threads = [*self.mailboxes, making_sure]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def longest_wait_s(self) -> float:
        """For how long the message has waited that waits the longest, 0 if none does."""
        now = steady_clock()
        return max((now - (one.waiting_since or now) for one in self.mailboxes), default=0.0)

    def hear(self, chat_id: int) -> None:
        """Somebody has written here, so whoever had blocked the bot is back."""
        with self.record.lock:
            for mailbox in [one for one in self.mailboxes if one.chat_id == chat_id]:
                mailbox.tell_again()

    # ------------------------------------------------------------ outages

    def outages(self, server: Server, begun_at: int) -> list[Entry]:
        """The outage that began then, in whole seconds, if it goes on."""
        outage = server.known.outage
        return [outage] if outage and int(outage.begun) == begun_at else []

    def outages_shown(self, chat_id: int, message_id: int) -> list[Entry]:
        """Those that the message shows and that go on. People may press its button before Telegram
        has answered who sent it: then it is newer than all that are known."""
        shown: list[Entry] = []
        with self.record.lock:
            for mailbox in [one for one in self.mailboxes if one.chat_id == chat_id]:
                known = mailbox.chat.messages
                if message_id in known:
                    shown += [entry for entry, _ in self.record.shown_by(known[message_id])]
                elif message_id > max(known, default=0):
                    shown += mailbox.sending
        return [entry for entry in shown if entry.kind == OUTAGE and entry.ended is None]

    def take(
        self, outages: Sequence[Entry], who: str, user_id: int, seen_by: tuple[int, ...]
    ) -> str:
        """Somebody takes care of these. Returns who has taken them all before, else ""."""
        with self.record.lock:
            free = [entry for entry in outages if entry.ended is None and not entry.by]
            for entry in free:
                with self.record.changing(entry.server):
                    entry.by, entry.by_id = who, user_id
                    self._say(TAKEN, entry.server, who, seen_by)
        self.record.save()
        return "" if free else next((entry.by for entry in outages if entry.by), "")

    def release(self, outages: Sequence[Entry], who: str, seen_by: tuple[int, ...]) -> None:
        """Nobody takes care of these any more."""
        with self.record.lock:
            for entry in [one for one in outages if one.by and one.ended is None]:
                with self.record.changing(entry.server):
                    entry.by, entry.by_id = "", 0
                    self._say(RELEASED, entry.server, who, seen_by)
        self.record.save()

    # ------------------------------------------------------------ pauses and switches

    def pause(self, servers: Sequence[Server], until: float, who: str, *seen_by: int) -> None:
        """Announce nothing of these until then."""
        for server in servers:
            with self.record.lock, self.record.changing(server.name) as known:
                pause = known.pause
                if pause is None:
                    pause = self.record.add(PAUSE, server.name)
                pause.until, pause.by = until, who
                pause.news.append("begin")
                self.record.tell_no_more(pause, seen_by)
        self.record.save()

    def end_pause(self, server: Server) -> None:
        """Its end is told as soon as it is sure how the server is."""
        with self.record.changing(server.name) as known:
            if known.pause:
                known.pause.until = min(known.pause.until, self.record.clocks.now())
        self.record.save()

    def tell_switched_off(self, server: Server, what: str, who: str, *seen_by: int) -> None:
        """Somebody has turned `what` ("monitoring", "forgotten") off, which the others rely on."""
        with self.record.lock, self.record.changing(server.name):
            self._say(SWITCHED, server.name, who, seen_by, what=what)
        self.record.save()

    # ------------------------------------------------------------ conferences

    def tell_stopped(self, server: Server, results: Results, who: str, *seen_by: int) -> None:
        """Somebody stopped conferences. `results`: what `stop_conferences` returned."""
        stopped = [conference for conference, result in results.items() if result == IS_STOPPED]
        if not stopped:
            return
        with self.record.lock, self.record.changing(server.name) as known:
            conferences = [asdict(conference) for conference in stopped]
            self._say(STOPPED, server.name, who, seen_by, conferences=conferences)
            for conference in stopped:
                entry = known.forgotten(conference.session_id)
                if entry is not None:
                    self._decide(entry, "stopped", who, 0)
        self.record.save()

    def decide(
        self, server: Server, session_id: str, decision: str, who: str, until: float
    ) -> None:
        """Somebody has decided about a forgotten conference: "reminder", at `until`, or
        "not_forgotten"."""
        with self.record.changing(server.name) as known:
            entry = known.forgotten(session_id)
            if entry is not None:
                self._decide(entry, decision, who, until)
        self.record.save()

    def _decide(self, entry: Entry, decision: str, who: str, until: float) -> None:
        entry.by, entry.until = who, until
        entry.details = {**entry.details, "decision": decision, "at": self.record.clocks.now()}

    def forgotten_runs(self, server: Server) -> list[str]:
        """The names of the runs that were told of."""
        return [str(one.details.get("session_id")) for one in server.known.of_kind(FORGOTTEN)]

    def _say(
        self, kind: str, server: str, who: str, seen_by: tuple[int, ...], **details: Any
    ) -> None:
        entry = self.record.add(kind, server, "said", by=who, details=details)
        self.record.tell_no_more(entry, seen_by)
