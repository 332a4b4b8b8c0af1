"""The digest: at its minute once, to everybody who gets the alerts, without a sound."""

import json
import time
from dataclasses import replace

import pytest

import texts
from alerts import MakingSure
from demo.telegram import html as telegram_html
from demo.telegram.html import utf16_length
from lib.clock import Clocks
from lib.entries import DIGEST, OUTAGE, STOPPED, Entry, Step
from lib.evidence import Evidence
from lib.history import digest_of
from lib.schedule import Digest
from lib.trueconf_model import Server
from memory import Record
from tests.conftest import ANNA, BORIS, label, saying, says
from texts import MESSAGE_LIMIT, history, plain

HOUR_S, DAY_S = 3600, 86400
NINE = time.mktime((2026, 6, 15, 9, 0, 0, 0, 0, -1))  # a Monday


class Days:
    """The bot's own thread, with clocks that are handed in. `restart` reads the file anew."""

    def __init__(self, folder, digest, now):
        self.path, self.digest, self.now, self.is_there = folder / "memory.json", digest, now, True
        self.restart()

    def restart(self):
        clocks = Clocks(lambda: self.now, lambda: self.now, lambda: self.now)
        self.record = Record(self.path, [], clocks)
        self.sure = MakingSure(
            self.record, [], Evidence(), lambda: self.is_there, set, clocks, self.digest
        )

    def turn(self, now):
        """What the thread does then. Returns how many digests there are, and how long it waits."""
        self.now = now
        wait_s = self.sure.turn()
        self.record.save()
        return sum(one.kind == DIGEST for one in self.record.entries.values()), wait_s


@pytest.mark.parametrize("weekday", [None, 0])
def test_digest_is_made_at_its_minute_once(tmp_path, weekday):
    days = Days(tmp_path, Digest(540, weekday), NINE - 30)
    assert days.turn(NINE - 30) == (0, 30)
    assert days.turn(NINE)[0] == 1
    made = [*days.record.entries]
    for later in (0, 1, 59, 60, 5 * HOUR_S, 9 * HOUR_S):
        days.turn(NINE + later)
    assert [*days.record.entries] == made
    days.restart()
    days.turn(NINE + 1)
    assert [*days.record.entries] == made, "a restart in the minute"
    days.turn(NINE + (1 if weekday is None else 7) * DAY_S)
    assert max(days.record.entries) > made[0]


# When the bot is started -> is there a digest?
STARTED = {-60: 0, 0: 1, 5.9 * HOUR_S: 1, 6.1 * HOUR_S: 0}


@pytest.mark.parametrize("later", STARTED)
def test_digest_comes_up_to_six_hours_late(tmp_path, later):
    days = Days(tmp_path, Digest(540), NINE + later)
    assert days.turn(NINE + later)[0] == STARTED[later]


def test_digest_waits_for_telegram_and_is_none_where_none_is_wanted(tmp_path):
    days = Days(tmp_path, Digest(540), NINE)
    days.is_there = False
    assert days.turn(NINE)[0] == 0
    days.is_there = True
    assert days.turn(NINE + HOUR_S)[0] == 1
    assert Days(tmp_path / "none", None, NINE).turn(NINE)[0] == 0


def test_digest_that_was_not_sent_gives_way_to_the_next(tmp_path):
    days = Days(tmp_path, Digest(540), NINE)
    for day in range(3):
        assert days.turn(NINE + day * DAY_S)[0] == 1
    assert len(days.record.open) == 1


# ---------------------------------------------------------------- what it says


def a_server(name, *outages, hours=24, now=NINE, **more):
    """`outages`: (state, begin and end in hours before now; 0: it goes on)."""
    server = Server(name, "https://host", "", "", is_monitored=True)
    for number, (state, begin, end) in enumerate(outages):
        entry = Entry(number, OUTAGE, name, now - begin * HOUR_S, news=["down"])
        entry.steps = [Step(entry.begun, state, is_sure=True)]
        if end:
            entry.ended, entry.is_end_sure = now - end * HOUR_S, True
        server.known.entries[number] = entry
    for day in range(8):
        date = time.strftime("%Y-%m-%d", time.localtime(now - day * DAY_S))
        server.known.days[date] = hours * HOUR_S
    return server


def written(servers, days=1):
    figures = digest_of(servers, NINE - days * DAY_S, NINE)
    figures = json.loads(json.dumps(figures))  # as the file keeps it
    return history.digest(Entry(1, DIGEST, "", NINE, details=figures))


@pytest.mark.parametrize("days", [1, 7])
def test_all_well_is_one_line(days):
    said = written([a_server("Moscow"), a_server("Berlin")], days)
    assert says(plain(said), "digest_all_well", 2)
    assert "\n" not in said


def test_what_was_bad_comes_worst_first():
    well, over = a_server("Well"), a_server("Over", ("down", 5, 3), ("down", 2, 1))
    lasts, worst = a_server("Lasts", ("web_down", 1, 0)), a_server("Worst", ("down", 2, 0))
    stop = Entry(9, STOPPED, "Well", NINE - 60, details={"conferences": [{}, {}]})
    well.known.entries[9] = stop
    over.learnt.certificate_end = NINE + 5 * DAY_S
    well.learnt.certificate_end = NINE + 31 * DAY_S
    lines = plain(written([well, over, lasts, worst])).splitlines()
    assert says(lines[0], "digest")
    assert [line.split(":")[0] for line in lines[2:5]] == ["🔴 Worst", "🟠 Lasts", "🟢 Over"]
    assert says(lines[2], "digest_lasts")
    assert says(lines[4], "digest_outages", 2, duration="3\u00a0h".replace("\u00a0", " "))
    assert lines[5].startswith("⏳ Over: ")
    assert says(lines[6], "digest_stopped", 2)
    assert len(lines) == 7


def test_little_looking_is_said():
    assert says(plain(written([a_server("Moscow", hours=0)])), "digest_unknown", 1)
    said = plain(written([a_server("Moscow", hours=6)]))
    assert says(said, "digest_all_well", 1)
    assert says(said, "history_looked")


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_digest_of_many_servers_is_one_that_telegram_takes(language):
    texts.use(language)
    many = [a_server(f"<{number}>&" + "Ы" * 400, ("down", 2, 0)) for number in range(300)]
    for one in many:
        one.learnt.certificate_end = NINE + DAY_S
    read = telegram_html.finished(telegram_html.parse(written(many)))
    assert utf16_length(read.text) <= MESSAGE_LIMIT
    assert replace(Digest(1), weekday=2).days == 7


@pytest.mark.waits(10)
def test_digest_comes_to_all_without_a_sound_and_once(own_stage):
    server = own_stage.new_server()
    clock = time.strftime("%H:%M", time.localtime(time.time() - 60))
    section = server.settings(server_status={"state": 1, "timeout": 1})
    own_stage.write_settings({"Moscow": section}, users=(ANNA, BORIS), digest=clock)
    dates = [time.localtime(time.time() - day * DAY_S) for day in range(2)]
    days = {time.strftime("%Y-%m-%d", date): DAY_S for date in dates}
    memory = {"version": 1, "servers": {"Moscow": {"days": days}}}
    path = own_stage.bot.settings_file.with_name("settings-memory.json")
    path.write_text(json.dumps(memory), encoding="utf-8")
    own_stage.wake_bot()
    for person in (own_stage.anna, own_stage.boris):
        digest = person.chat.wait_for(saying("digest_all_well", 1))
        assert digest.is_silent
        assert digest.labels == [label("all_servers")]
    assert own_stage.bot.stop() == 0
    own_stage.wake_bot()
    server.go_down()
    own_stage.anna.chat.wait_for("🔴 Moscow\n")
    shown = [one for one in own_stage.anna.chat.bot_messages if "☀️" in one.text]
    assert len(shown) == 1
