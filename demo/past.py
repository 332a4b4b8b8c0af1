"""What the demo's servers went through before today, told to the bot's own record: thirty days
before the start, and a day more whenever the visitor lets one pass. So History and the digest have
something to show at once.
"""

import time

from lib.entries import DIGEST, OUTAGE, Step
from lib.schedule import last_due
from memory import chat_id_of

DAYS, DAY_S, HOUR_S, MINUTE_S = 30, 86400, 3600, 60
# So much less, as what the visitor did before a day passes belongs into its digest.
SHORTER_S = 30 * MINUTE_S

# Of each server: how many hours ago it went down, for how many minutes, its state, who of the
# people took care of it (-1: nobody), and whether it was in a pause.
OUTAGES = {
    "office": (
        (27 * 24 + 3, 17, "down", 0, False),
        (12 * 24 + 7, 5, "service_down", -1, False),
        (6 * 24 + 2, 31, "down", -1, True),
        (3 * 24 + 5, 12, "web_down", 1, False),
    ),
    "branch": (
        (21 * 24 + 9, 48, "down", 1, False),
        (11, 9, "down", 0, False),
    ),
    "training": (),
}
OUTAGES_OF_A_DAY = {"training": ((9, 14, "service_down", 1, False),)}
REASONS = {
    "down": ("refused", "refused"),
    "service_down": ("no_answer", ""),
    "web_down": ("", "refused"),
}


class Past:
    """`sites`: key -> the name that the bot knows it by; `people`: their names."""

    def __init__(self, record, sites, people):
        self.record, self._sites, self._people = record, sites, people

    def begin(self, digest):
        """Before the bot runs. `digest`: when one comes, as the settings say; that of today has."""
        self._add(OUTAGES)
        with self.record.changing():
            due = last_due(digest, time.time())
            self.record.add(DIGEST, "", "said", details={"due": due})

    def let_a_day_pass(self):
        """All that is remembered is a day older, and the next digest is due."""
        with self.record.lock:
            for entry in list(self.record.entries.values()):
                entry.move(SHORTER_S - DAY_S)
                with self.record.changing(entry.server):
                    if entry.kind == DIGEST:
                        self.record.drop(entry)
            self._add(OUTAGES_OF_A_DAY)

    def _add(self, outages):
        dates = [time.localtime(time.time() - day * DAY_S) for day in range(DAYS + 1)]
        most_s = DAY_S + HOUR_S  # of any day: the bot takes no more of it than there was
        for key, name in self._sites.items():
            with self.record.changing(name) as known:
                known.days = {time.strftime("%Y-%m-%d", date): most_s for date in dates}
                for outage in outages.get(key, ()):
                    self._add_outage(name, *outage)

    def _add_outage(self, name, hours, minutes, state, taker, in_pause):
        begun = time.time() - hours * HOUR_S
        outage = self.record.add(OUTAGE, name, "down", "up", begun=begun)
        outage.steps = [Step(begun, state, *REASONS[state], is_sure=True)]
        outage.ended, outage.is_end_sure = begun + minutes * MINUTE_S, True
        outage.by = self._people[taker] if taker >= 0 else ""
        outage.in_pause = outage.is_silent = in_pause
        self.record.tell_no_more(outage, tuple(map(chat_id_of, self.record.chats)))
