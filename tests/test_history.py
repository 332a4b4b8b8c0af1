"""History: how a server was, worked out from the record, and the screen that says so."""

import time

import pytest

from lib.entries import OUTAGE, PAUSE, Entry, Known, Step
from lib.history import measure, told_outages, worst_state
from tests.conftest import label, open_menu, press, saying, says, shows_moment, wait_until
from texts import duration, words

needs_zones = pytest.mark.skipif(not hasattr(time, "tzset"), reason="no zones to choose from")
DAY_S, HOUR_S = 86400, 3600


@pytest.fixture(autouse=True)
def _zone(monkeypatch):
    if hasattr(time, "tzset"):
        monkeypatch.setenv("TZ", "Europe/Berlin")
        time.tzset()
    yield
    if hasattr(time, "tzset"):
        monkeypatch.undo()
        time.tzset()


def at(text):
    """ "06-15 12:00" of 2026 as time.time(); ":30" may follow."""
    form = "%Y-%m-%d %H:%M:%S" if text.count(":") == 2 else "%Y-%m-%d %H:%M"
    return time.mktime((*time.strptime(f"2026-{text}", form)[:8], -1))


def an_outage(began, ended=None, state="down", is_sure=True, **more):
    entry = Entry(0, OUTAGE, "Moscow", at(began), ended and at(ended), **more)
    entry.steps, entry.is_end_sure = [Step(entry.begun, state, is_sure=is_sure)], ended is not None
    entry.news = ["down"] if is_sure else []
    return entry


def a_pause(began, ended=None):
    return Entry(0, PAUSE, "Moscow", at(began), ended and at(ended), until=at(began) + 8 * HOUR_S)


def known_of(*entries, **days):
    """`days`: _06_15=24 for 24 hours of looking."""
    known = Known(dict(enumerate(entries)))
    known.days = {f"2026{day.replace('_', '-')}": h * HOUR_S for day, h in days.items()}
    return known


def figures(known, hours, now):
    period = measure(known, at(now) - hours * HOUR_S, at(now))
    return period.hundredths, period.outages, round(period.down_s), round(period.looked_s)


WHOLE = {"_06_14": 24, "_06_15": 12}
# What happened (made once there is a zone), over how many hours until when -> hundredths of a
# percent, outages, s not up, s of looking.
CASES = {
    "nothing": (lambda: known_of(), 24, "06-15 12:00", (None, 0, 0, 0)),
    "all well": (lambda: known_of(**WHOLE), 24, "06-15 12:00", (10000, 0, 0, 24 * HOUR_S)),
    "hardly looked": (lambda: known_of(_06_15=0.9), 24, "06-15 12:00", (None, 0, 0, 3240)),
    "an hour is enough": (lambda: known_of(_06_15=1), 24, "06-15 12:00", (10000, 0, 0, 3600)),
    "rounded down": (
        lambda: known_of(an_outage("06-15 10:00", "06-15 10:00:20"), **WHOLE),
        24, "06-15 12:00", (9997, 1, 20, 24 * HOUR_S),
    ),
    "never all the time with an outage": (
        lambda: known_of(an_outage("06-15 10:00", "06-15 10:00"), **WHOLE),
        24, "06-15 12:00", (9999, 1, 0, 24 * HOUR_S),
    ),
    "over midnight": (
        lambda: known_of(an_outage("06-14 23:30", "06-15 00:30"), **WHOLE),
        24, "06-15 12:00", (9583, 1, 3600, 24 * HOUR_S),
    ),
    "begun before": (
        lambda: known_of(an_outage("06-14 11:00", "06-14 13:00"), **WHOLE),
        24, "06-15 12:00", (9583, 1, 3600, 24 * HOUR_S),
    ),
    "over before": (
        lambda: known_of(an_outage("06-14 10:00", "06-14 11:59"), **WHOLE),
        24, "06-15 12:00", (10000, 0, 0, 24 * HOUR_S),
    ),
    "it goes on": (
        lambda: known_of(an_outage("06-15 09:00"), **WHOLE),
        24, "06-15 12:00", (8750, 1, 10800, 24 * HOUR_S),
    ),
    "never told": (
        lambda: known_of(an_outage("06-15 09:00", "06-15 09:30", is_sure=False), **WHOLE),
        24, "06-15 12:00", (10000, 0, 0, 24 * HOUR_S),
    ),
    "in a pause": (
        lambda: known_of(
            a_pause("06-15 08:00", "06-15 10:00"),
            an_outage("06-15 09:00", "06-15 09:30", in_pause=True, is_silent=True),
            **WHOLE,
        ),
        24, "06-15 12:00", (10000, 0, 0, 24 * HOUR_S),
    ),
    "a pause ends in it": (
        lambda: known_of(
            a_pause("06-15 08:00", "06-15 10:00"),
            an_outage("06-15 09:00", "06-15 11:00", in_pause=True),
            **WHOLE,
        ),
        24, "06-15 12:00", (9545, 1, 3600, 24 * HOUR_S),
    ),
    "a pause begins in it": (
        lambda: known_of(
            a_pause("06-15 10:00"), an_outage("06-15 09:00"), _06_14=24, _06_15=12
        ),
        24, "06-15 12:00", (9545, 1, 3600, 24 * HOUR_S),
    ),
    "a pause all the time": (
        lambda: known_of(a_pause("06-13 10:00"), **WHOLE),
        24, "06-15 12:00", (None, 0, 0, 24 * HOUR_S),
    ),
    "two pauses in one outage": (
        lambda: known_of(
            a_pause("06-15 02:00", "06-15 03:00"), a_pause("06-15 04:00", "06-15 05:00"),
            an_outage("06-15 01:00", "06-15 06:00"), **WHOLE,
        ),
        24, "06-15 12:00", (8636, 1, 10800, 24 * HOUR_S),
    ),
    "asleep at night": (
        lambda: known_of(an_outage("06-14 20:00", "06-15 08:00"), _06_14=20, _06_15=4),
        24, "06-15 12:00", (4285, 1, 12 * HOUR_S, 14 * HOUR_S),
    ),
    "a part of the day before": (
        lambda: known_of(_06_14=12, _06_15=6), 24, "06-15 12:00", (10000, 0, 0, 12 * HOUR_S)
    ),
    "more than a day has": (
        lambda: known_of(_06_14=99, _06_15=99), 24, "06-15 12:00", (10000, 0, 0, 24 * HOUR_S)
    ),
    "less than nothing": (lambda: known_of(_06_15=-5), 24, "06-15 12:00", (None, 0, 0, 0)),
    "days that are none": (lambda: known_of(_02_31=24, _x=3), 24, "06-15 12:00", (None, 0, 0, 0)),
    "the clock was set back": (
        lambda: known_of(an_outage("06-20 09:00", "06-20 10:00"), _06_14=24, _06_15=12, _06_20=9),
        24, "06-15 12:00", (10000, 0, 0, 24 * HOUR_S),
    ),
    "the clock was set back in it": (
        lambda: known_of(an_outage("06-15 09:00", "06-14 08:00"), **WHOLE),
        24, "06-15 12:00", (9999, 1, 0, 24 * HOUR_S),
    ),
    "the clock goes forward": (
        lambda: known_of(an_outage("03-29 01:00", "03-29 04:00"), _03_28=24, _03_29=11),
        24, "03-29 12:00", (9166, 1, 7200, 24 * HOUR_S),
    ),
    "the clock goes back": (
        lambda: known_of(an_outage("10-25 01:00", "10-25 04:00"), _10_24=24, _10_25=13),
        24, "10-25 12:00", (8333, 1, 14400, 24 * HOUR_S),
    ),
    "seven days": (
        lambda: known_of(
            an_outage("06-10 09:00", "06-10 09:17"), an_outage("06-01 09:00", "06-01 09:17"),
            **{f"_06_{day:02}": 24 for day in range(1, 15)}, _06_15=12,
        ),
        168, "06-15 12:00", (9983, 1, 1020, 168 * HOUR_S),
    ),
}  # fmt: skip


@needs_zones
@pytest.mark.parametrize("case", CASES)
def test_arithmetic(case):
    make, hours, now, expected = CASES[case]
    assert figures(make(), hours, now) == expected


def test_an_outage_shows_its_worst_state_that_was_made_sure_of():
    outage = an_outage("06-15 09:00", "06-15 10:00", state="web_down")
    outage.steps += [Step(at("06-15 09:30"), "service_down", is_sure=True)]
    outage.steps += [Step(at("06-15 09:40"), "down")]
    assert worst_state(outage) == "service_down"
    assert told_outages(known_of(outage, an_outage("06-15 11:00", is_sure=False))) == [outage]


def open_history(stage):
    return press(stage.anna, open_menu(stage.anna, "Moscow"), label("status"), label("history"))


@pytest.mark.waits(10)
def test_history_has_what_was_told_with_its_times(own_stage):
    server = own_stage.new_server()
    own_stage.start_bot({"Moscow": server.settings(server_status={"state": 1, "timeout": 1})})
    shown = open_history(own_stage)
    assert says(shown, "heading", server="Moscow", screen=words("history"))
    assert says(shown, "history_unknown")
    assert says(shown, "history_looked")
    assert shown.labels == [label("refresh"), label("back")]
    went_down_at = time.time()
    server.web_down()
    alert = own_stage.anna.chat.wait_for("🟠 Moscow\n")
    press(own_stage.anna, shown, label("refresh"))
    assert says(shown, "history_outage", light="🟠", until=words("history_now"))
    own_stage.anna.press(alert, label("take")).wait()
    server.web_back()
    up = own_stage.anna.chat.wait_for("🟢 Moscow\n")
    assert own_stage.bot.stop() == 0
    own_stage.wake_bot()
    shown = open_history(own_stage)
    told = says(up, "alert_outage_web")
    line = next(line for line in shown.text.splitlines() if line.startswith("🟠"))
    assert says(line, "history_outage", light="🟠", since=told["since"], until=told["until"])
    assert shows_moment(says(line, "history_outage", light="🟠"), "since", went_down_at)
    assert line.endswith("🙋 Anna")
    wanted = {"percent": words("history_no_percent"), "duration": told["duration"]}
    assert says(shown, "history_outages", 1, **wanted)
    press(own_stage.anna, shown, label("back"))
    assert says(shown, "state_up")


@pytest.mark.waits(10)
def test_what_happens_in_a_pause_does_not_count(own_stage):
    server = own_stage.new_server()
    own_stage.start_bot({"Moscow": server.settings(server_status={"state": 1, "timeout": 1})})
    status = press(own_stage.anna, open_menu(own_stage.anna, "Moscow"), label("status"))
    press(own_stage.anna, status, label("pause", duration=duration(HOUR_S)))
    server.go_down()
    own_stage.bot.wait_for_output("Moscow: down")
    server.come_back()
    own_stage.bot.wait_for_output("Moscow: up")
    shown = press(own_stage.anna, status, label("history"))
    wait_until(lambda: says(press(own_stage.anna, shown, label("refresh")), "history_in_pause"))
    assert says(shown, "history_outage", light="🔧")
    assert says(shown, "history_unknown")
    press(own_stage.anna, shown, label("back"), label("pause_end"))
    own_stage.anna.chat.wait_for(saying("pause_over"))
    press(own_stage.anna, shown, label("history"))
    assert says(shown, "history_outage", light="🔧")
