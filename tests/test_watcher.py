"""The watcher without its thread: looks at a simulated server, by a clock that the test turns.

What it finds is read from the record.
"""

import itertools
import socket
import time

import pytest

import trueconf_api
from alerts import MakingSure
from lib.clock import Clocks
from lib.evidence import Evidence
from lib.trueconf_transport import Connections
from memory import Record
from status_watcher import Watcher, settle
from tests.conftest import wait_until

try:
    import resource
except ImportError:  # Windows
    resource = None

OLD_S = 3 * 3600


class Looks:
    """A watcher of a simulated server, and the record that it writes into.

    Each look comes `pause_s` after the one before, by both of its clocks.
    """

    def __init__(self, simulated, path, now=1_700_000_000.0, steady=5000.0, **settings):
        self.simulated = simulated
        self.path = path  # of the record
        self.server = trueconf_api.Server(
            "Moscow",
            f"https://{simulated.address}",
            simulated.client_id,
            simulated.client_secret,
            verify=simulated.ca_file,
            status_port=simulated.status_port,
            is_monitored=True,
            **settings,
        )
        self.now, self.steady = now, steady
        clocks = Clocks(lambda: self.now, lambda: self.steady, lambda: self.steady)
        self.record = Record(self.path, [self.server], clocks)
        self.evidence = Evidence()
        self.watcher = Watcher(self.server, self.record, self.evidence, clocks=clocks)
        self.sure = MakingSure(
            self.record, [self.server], self.evidence, lambda: True, lambda: {"Moscow"}, clocks
        )

    def wait(self, seconds):
        self.now += seconds
        self.steady += seconds

    def look(self, times=1, pause_s=2):
        for _ in range(times):
            self.wait(pause_s)
            self.watcher.look_now()
            self.watcher.turn()

    def find_newly_forgotten(self, times=1, pause_s=300):
        for _ in range(times):
            self.wait(pause_s)
            self.watcher.find_newly_forgotten()

    def restart(self, seconds=60, clock_set_s=0):
        """The bot is off for so long. Returns the looks of the one that is started then, with
        what was saved."""
        self.record.save()
        settings = {name: getattr(self.server, name) for name in ("repeat_h",)}
        now, steady = self.now + seconds + clock_set_s, self.steady + seconds
        return Looks(self.simulated, self.path, now, steady, **settings)

    @property
    def outages(self):
        return self.server.known.of_kind("outage")

    @property
    def states(self):
        """Those that the record has, in order."""
        found = []
        for outage in self.outages:
            found += [step.state for step in outage.steps]
            found += ["up"] if outage.ended is not None else []
        return found

    @property
    def forgotten(self):
        """The titles that were found at the same time, and those that are reminded of."""
        told = {}
        for entry in self.server.known.of_kind("forgotten"):
            title = entry.details["conference"]["title"]
            told.setdefault(entry.begun, []).append(title)
        return list(told.values())

    @property
    def reminders(self):
        known = self.server.known.of_kind("forgotten")
        return sum(entry.news.count("reminder") for entry in known)

    def decide(self, session_id, until=0.0):
        with self.record.changing("Moscow") as known:
            known.forgotten(session_id).until = until


@pytest.fixture
def simulated(new_server):
    return new_server(name="moscow.example.org")


@pytest.fixture
def looks(simulated, tmp_path):
    return Looks(simulated, tmp_path / "memory.json")


# ---------------------------------------------------------------- is it up


def test_change_is_noted_after_three_looks_with_the_time_of_the_first(looks, simulated):
    looks.look(4)
    assert looks.outages == []  # it is up, as it should be
    simulated.go_down()
    looks.look(2)
    assert looks.outages == []
    looks.look()
    [outage] = looks.outages
    [step] = outage.steps
    assert (step.state, step.service_reason) == ("down", "refused")
    assert outage.begun == step.at == looks.now - 4
    assert not outage.is_begin_late
    assert outage.ended is None
    looks.look(5)
    assert looks.states == ["down"]


def test_outage_has_the_states_that_it_went_through(looks, simulated):
    looks.look()
    for states, break_it in (
        (["service_down"], [simulated.core_down]),
        (["web_down"], [simulated.web_down]),
        (["service_down", "down"], [simulated.core_down, simulated.go_down]),
    ):
        for step in break_it:
            step()
            looks.look(3)
        went_down_at = looks.outages[-1].begun
        looks.look(10, pause_s=15)
        simulated.come_back()
        simulated.core_back()
        simulated.web_back()
        looks.look(3)
        outage = looks.outages[-1]
        assert [step.state for step in outage.steps] == states
        assert (outage.begun, outage.ended) == (went_down_at, looks.now - 4)
        assert looks.server.known.outage is None


def test_state_that_changes_during_an_outage_is_noted(looks, simulated):
    looks.look()
    simulated.core_down()
    looks.look(3)
    simulated.go_down()
    looks.look(3)
    simulated.come_back()
    simulated.web_down()
    looks.look(3)
    simulated.web_back()
    looks.look(3)
    assert looks.states == ["service_down", "down", "web_down", "up"]
    assert len(looks.outages) == 1


def test_server_that_is_down_at_the_first_look_is_noted_as_that(looks, simulated):
    simulated.go_down()
    looks.look(4)
    [outage] = looks.outages
    assert outage.is_begin_late
    assert looks.watcher.since_when(looks.watcher.status) is None
    simulated.come_back()
    looks.look(3)
    assert not outage.is_end_late
    assert looks.watcher.since_when(looks.watcher.status) == outage.ended


def test_lost_looks_say_nothing_until_there_are_too_many(looks, simulated, caplog):
    caplog.set_level("INFO")
    looks.look()
    for bad_looks in (1, 2, 1, 2):
        assert looks.watcher.lost_looks() in (0, 3, 4)
        simulated.break_path("vsstatus", "status", times=bad_looks, status=503)
        looks.look(bad_looks + 1, pause_s=15)
    assert looks.outages == []
    assert looks.watcher.lost_looks() == 6
    assert caplog.text.count("Moscow: unsteady") == 1
    looks.look(pause_s=70)
    looks.look(8, pause_s=70)
    assert looks.watcher.lost_looks() == 0


def test_lost_look_while_it_is_down_says_nothing_either(looks, simulated):
    looks.look()
    simulated.go_down()
    looks.look(3)
    for _ in range(3):
        simulated.come_back()
        looks.look(2)
        simulated.go_down()
        looks.look()
    assert looks.states == ["down"]


def test_looks_that_disagree_whether_it_is_up_are_not_counted_together(looks, simulated):
    looks.look()
    simulated.go_down()
    looks.look(3)
    simulated.come_back()
    looks.look()
    simulated.core_down()
    looks.look()
    simulated.core_back()
    looks.look(2)
    assert looks.states == ["down"]
    looks.look()
    assert looks.states == ["down", "up"]
    assert looks.outages[0].ended == looks.now - 4


def test_look_that_ends_after_monitoring_was_switched_off_tells_nothing(looks, simulated):
    looks.look()
    simulated.go_down()
    looks.look(2)
    looks.server.is_monitored = False
    looks.watcher.check()
    looks.server.is_monitored = True
    assert looks.outages == []


# ---------------------------------------------------------------- clocks, sleep and restarts


def test_clock_that_is_set_changes_no_duration(looks, simulated):
    looks.look()
    simulated.go_down()
    looks.look(3)
    for jump_s in (3600, -7200):
        looks.now += jump_s
        looks.look()
        since = looks.watcher.since_when(looks.watcher.status)
        assert looks.now - since == looks.steady - 5004
    simulated.come_back()
    looks.look(3)
    [outage] = looks.outages
    assert outage.length_s == 10
    assert not outage.is_end_late


def test_after_the_computer_slept_the_first_look_counts_as_the_first(looks, simulated):
    looks.look()
    simulated.go_down()
    looks.look(2, pause_s=20)  # that is no sleep
    looks.look(pause_s=3600)
    assert looks.outages == []
    looks.look(2)
    [outage] = looks.outages
    assert outage.begun == looks.now - 4
    assert outage.is_begin_late
    looks.look(pause_s=8 * 3600)
    assert looks.watcher.since_when(looks.watcher.status) is None


def test_end_of_an_outage_that_nobody_saw_is_noted_as_that(looks, simulated):
    """Once the computer slept, once the bot was off."""
    looks.look()
    simulated.go_down()
    looks.look(3)
    went_down_at = looks.outages[0].begun
    later = looks.restart(seconds=8 * 3600)
    simulated.come_back()
    looks.look(pause_s=8 * 3600)
    looks.look(2)
    later.look(3)
    for outage in (looks.outages[0], later.outages[0]):
        assert outage.is_end_late
        assert outage.begun == pytest.approx(went_down_at)
        assert outage.length_s >= 8 * 3600
    simulated.go_down()
    looks.look(3)
    assert not looks.outages[1].is_begin_late


def test_outage_goes_on_after_a_restart(looks, simulated):
    looks.look()
    simulated.core_down()
    looks.look(3)
    later = looks.restart()
    later.look(4)
    assert later.states == ["service_down"]
    simulated.go_down()  # but what is worse is news
    later.look(3)
    simulated.come_back()
    simulated.core_back()
    later.look(3)
    assert later.states == ["service_down", "down", "up"]


def test_clock_that_was_set_while_the_bot_was_off_changes_no_duration(looks, simulated):
    """Where the computer has been running since: its steady clock knows."""
    looks.look()
    simulated.go_down()
    looks.look(3)
    looks.record.save()
    later = looks.restart(clock_set_s=3600)
    simulated.come_back()
    later.look(3)
    assert later.outages[0].length_s == pytest.approx(66, abs=1)


# ---------------------------------------------------------------- certificates


def test_end_of_a_certificate_is_told_at_each_of_its_moments_once(new_server, tmp_path):
    simulated = new_server()
    looks = Looks(simulated, tmp_path / "early.json")
    end = trueconf_api.get_certificate_end(looks.server)
    looks.wait(end - 20 * 86400 - 7777 - looks.now)
    job, told = looks.watcher._certificate_job, []
    while looks.now < end:
        looks.watcher.check_certificate()
        known = len(looks.server.known.of_kind("certificate"))
        told += [looks.now] * (known - len(told))
        looks.wait(job.next_at - looks.steady)
    assert [round((end - at) / 86400, 3) for at in told] == [14, 7, 3, 1]

    found_late = Looks(simulated, tmp_path / "late.json", now=end - 5 * 86400)
    found_late.watcher.check_certificate()
    found_late = found_late.restart()
    found_late.watcher.check_certificate()
    assert len(found_late.server.known.of_kind("certificate")) == 1
    unchecked = Looks(simulated, tmp_path / "unchecked.json", now=end - 5 * 86400)
    unchecked.server.verify = False
    unchecked.watcher.check_certificate()
    assert unchecked.server.known.of_kind("certificate") == []


# ---------------------------------------------------------------- a job that fails


def test_search_that_fails_for_an_hour_is_told_once_and_that_it_works_again(looks, simulated):
    looks.server.has_forgotten_alerts = True
    looks.look()
    simulated.break_path("logs/calls", "status", status=403, reason="accessDenied")
    for _ in range(13):
        looks.look(pause_s=300)
        looks.sure.turn()
    [job] = looks.server.known.of_kind("job")
    assert job.news == ["fails"]
    assert job.details["job"] == "the search for forgotten conferences"
    assert job.details["reason"] == "permission"
    looks.look(5, pause_s=300)
    simulated.mend()
    looks.look(2, pause_s=300)
    assert job.news == ["fails", "works"]
    simulated.break_path("logs/calls", "status", times=3, status=500)
    looks.look(5, pause_s=300)  # too short to be told
    looks.sure.turn()
    assert looks.server.known.of_kind("job") == [job]


# ---------------------------------------------------------------- the thread


@pytest.fixture
def thread(looks):
    """The watcher as a thread that checks each second and cannot note anything."""
    looks.server.look_interval_s = 1

    class Broken(Record):
        def note_state(self, *args, **seen):
            super().note_state(*args, **seen)
            raise RuntimeError("no record")

    watcher = Watcher(looks.server, Broken(looks.path, [looks.server]), Evidence())
    watcher.start()
    yield watcher
    watcher.stop()
    watcher.join(10)
    assert not watcher.is_alive()


def test_watch_with_a_token_that_is_good_for_years_wakes_all_the_same(looks, thread):
    """Windows cannot wait for more than 49 days, no system for 10^11 seconds."""
    looks.server.learnt.token_renewal_at = time.monotonic() + 1e11
    thread.switch_monitoring(False, by="Anna")
    thread.join(0.5)
    assert thread.is_alive()


def test_watch_goes_on_whatever_happens(looks, simulated, thread):
    simulated.go_down()
    wait_until(lambda: looks.states == ["down"])
    simulated.come_back()
    simulated.clear_requests()
    wait_until(lambda: len(simulated.requests) >= 2, what="the next looks")


def test_token_of_an_earlier_run_is_renewed_once(looks, simulated):
    looks.server.access_token = "of an earlier run"
    for _ in range(3):
        looks.watcher.turn()
    tokens = [one for one in simulated.requests if one.path == "/oauth2/v1/token"]
    assert len(tokens) == 1
    assert simulated.scopes_of_token(looks.server.access_token)


# ---------------------------------------------------------------- how often it wakes


HOUR_S = 3600


def lose_its_address(looks):
    """A defect of the bot's own: each look raises whatever."""
    looks.server.url = None


def pause(looks, hours):
    with looks.record.changing("Moscow"):
        looks.record.add("pause", "Moscow", "begin", until=looks.now + HOUR_S * hours)


def test_pause_ends_with_the_monitoring(looks):
    """Else what else is told of the server would wait for an end that nobody notes."""
    pause(looks, 8)
    assert looks.server.is_quiet
    looks.watcher.switch_monitoring(False, by="Anna")
    assert not looks.server.is_quiet
    later = looks.restart()
    assert later.server.known.pause is None


def test_what_was_not_made_sure_of_ends_with_the_monitoring(looks, simulated):
    """By the time that somebody looks again, nobody knows whether it was the own network."""
    simulated.core_down()
    looks.look(3)
    looks.sure.publish({"Moscow"})
    simulated.go_down()
    looks.look(3)
    assert looks.states == ["service_down", "down"]
    looks.watcher.switch_monitoring(False, by="Anna")
    looks.watcher.turn()
    assert looks.states == ["service_down"]  # which people were told

    simulated.come_back()
    looks.watcher.switch_monitoring(True, by="Anna")
    looks.look(3)
    looks.sure.publish({"Moscow"})
    assert looks.states == ["service_down", "up"]
    simulated.go_down()
    looks.look(3)
    looks.watcher.switch_monitoring(False, by="Anna")
    looks.watcher.turn()
    assert looks.states == ["service_down", "up"]


@pytest.mark.parametrize("is_telegram_silent", [True, False])
def test_own_network_is_suspected_at_once(looks, simulated, is_telegram_silent):
    """A kill may come before it is made sure of, and the next run knows nothing of the silence."""
    looks.look()
    if is_telegram_silent:
        looks.evidence.note_telegram(False, looks.steady, looks.steady + 1)
    simulated.go_down()
    looks.look(3)
    later = looks.restart()
    [outage] = later.outages
    assert outage.steps[0].is_own == is_telegram_silent
    simulated.come_back()
    later.look(3)
    later.sure.publish({"Moscow"})
    assert bool(later.outages) != is_telegram_silent


def test_server_that_came_into_doubt_while_others_were_looked_at_is_not_clear():
    class Watched:
        def __init__(self, name, *answers):
            self.server, self.answers = trueconf_api.Server(name, ""), iter(answers)

        def look_now(self):
            pass

        def is_settled(self, asked_at):
            return next(self.answers)

    quick, slow = Watched("quick", True, False), Watched("slow", False, False, True, True)
    assert settle([quick, slow]) == {"slow"}
    assert settle([Watched("steady", True), Watched("doubtful", False)], limit_s=0) == {"steady"}


def test_outage_that_goes_from_one_pause_into_another_is_told_when_it_is_over(looks, simulated):
    """Those who could be reached in between have heard of it."""
    pause(looks, 1)
    simulated.core_down()
    looks.look(3)
    looks.wait(HOUR_S)
    with looks.record.changing("Moscow") as known:
        known.pause.ended = looks.now
    looks.look(3)
    pause(looks, 1)
    simulated.come_back()
    looks.look(3)
    [outage] = looks.outages
    assert outage.in_pause
    assert not outage.is_silent
    simulated.core_down()
    looks.look(3)
    simulated.come_back()
    looks.look(3)
    assert looks.outages[-1].is_silent  # this one began in the pause in which it ended


def be_unsteady(looks):
    """The service answers every other time."""
    switches = itertools.cycle([looks.simulated.core_down, looks.simulated.core_back])
    return lambda: next(switches)()


# How a server comes into a state, or lives in it before each turn, and how often at most the
# watcher may wake in an hour of it: the looks, the searches, and some more.
STATES = {
    "up": (lambda looks: None, 150),
    "down": (lambda looks: looks.simulated.go_down(), 150),
    "without a website": (lambda looks: looks.simulated.web_down(), 150),
    "paused": (lambda looks: pause(looks, 8), 150),
    "at the end of its pause": (lambda looks: pause(looks, 0.5), 150),
    "off": (lambda looks: looks.watcher.switch_monitoring(False, "Anna"), 150),
    "in need of a token": (lambda looks: looks.simulated.break_path("token", "status"), 300),
    "defect": (lose_its_address, 150),
    "unsteady": (be_unsteady, 400),
    "asleep": (lambda looks: looks.wait(8 * HOUR_S), 150),
}


@pytest.mark.parametrize(("enter", "most_turns"), STATES.values(), ids=STATES)
@pytest.mark.parametrize("is_down", [False, True])
def test_no_state_of_a_server_makes_the_watcher_turn(
    simulated, tmp_path, enter, most_turns, is_down
):
    """It waits for what it is going to do, and for nothing else."""
    looks = Looks(
        simulated,
        tmp_path / "memory.json",
        look_interval_s=60,
        repeat_h=0.25,
        has_forgotten_alerts=True,
        forgotten_interval_s=60,
    )
    looks.look(4)
    if is_down:
        simulated.core_down()
        looks.look(4)
    live = enter(looks) or (lambda: None)
    ends_at, turns = looks.steady + HOUR_S, 0
    while looks.steady < ends_at:
        turns += 1
        assert turns <= most_turns
        live()
        looks.wait(max(looks.watcher.turn(), 0.001))


def test_look_that_raises_counts_as_one_that_found_nothing(looks, caplog):
    looks.look()
    address = looks.server.url
    lose_its_address(looks)
    looks.look(3)
    [outage] = looks.outages
    assert (outage.state, outage.steps[0].web_reason) == ("down", "failed")
    assert looks.server.learnt.last_status.web_reason == "failed"
    looks.look(5)
    assert caplog.text.count("Moscow: a look failed") == 1  # with its traceback, once
    assert caplog.text.count("Traceback") == 1
    looks.server.url = address
    looks.look(3)
    assert looks.states == ["down", "up"]
    lose_its_address(looks)
    looks.look(3)
    assert caplog.text.count("Moscow: a look failed") == 2


@pytest.mark.skipif(resource is None, reason="needs the limits of Linux")
def test_look_that_the_bot_itself_could_not_make_is_none(looks, caplog):
    looks.look()
    looks.server.shared.connections = Connections()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as newest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (newest.fileno() + 1, hard))
        try:
            looks.look(5)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    looks.look(3)
    assert looks.outages == []
    assert looks.watcher.status.state == "up"
    assert caplog.text.count("look failed: Moscow: own_lack") == 1


# ---------------------------------------------------------------- was one forgotten


def test_conference_is_told_of_when_it_was_forgotten_in_two_looks_in_a_row(looks, simulated):
    webinar = simulated.add_conference("Webinar", people=("anna", "boris"), age_s=OLD_S)
    looks.find_newly_forgotten(2)
    for _ in range(3):
        webinar.everybody_leaves()
        looks.find_newly_forgotten()
        webinar.join("anna")
        webinar.join("boris")
        looks.find_newly_forgotten()
    assert looks.forgotten == []
    webinar.everybody_leaves()
    looks.find_newly_forgotten(5)
    assert looks.forgotten == [["Webinar"]]


def test_look_that_could_not_examine_is_no_look_in_a_row(looks, simulated):
    simulated.add_conference("Webinar", people=(), age_s=OLD_S)
    for _ in range(3):
        looks.find_newly_forgotten()
        simulated.break_path("participants", "status", times=1, status=500)
        looks.find_newly_forgotten()
    assert looks.forgotten == []
    looks.find_newly_forgotten(2)
    assert looks.forgotten == [["Webinar"]]


def test_look_that_failed_leaves_the_one_before_it_standing(looks, simulated):
    simulated.add_conference("Webinar", people=(), age_s=OLD_S)
    looks.find_newly_forgotten()
    simulated.break_path("logs/calls", "status", times=1, status=500)
    with pytest.raises(trueconf_api.BadAnswer):
        looks.find_newly_forgotten()
    looks.find_newly_forgotten()
    assert looks.forgotten == [["Webinar"]]


def test_those_that_are_found_in_one_look_are_told_together(looks, simulated):
    for number in range(1, 4):
        simulated.add_conference(f"Webinar {number}", people=(), age_s=OLD_S - number)
    looks.find_newly_forgotten(2)
    assert sorted(looks.forgotten[0]) == ["Webinar 1", "Webinar 2", "Webinar 3"]
    for number in range(4, 24):
        simulated.add_conference(f"Webinar {number}", people=(), age_s=OLD_S)
    looks.find_newly_forgotten(3)
    assert len(looks.forgotten) == 2
    assert len(looks.forgotten[-1]) == 20


def test_server_that_has_a_new_one_at_each_look_is_told_of_four_times_an_hour(looks, simulated):
    for number in range(25):
        simulated.add_conference(f"Webinar {number}", people=(), age_s=OLD_S)
        looks.find_newly_forgotten(pause_s=150)
    assert len(looks.forgotten) == 4
    looks.find_newly_forgotten(2, pause_s=1800)
    assert len(looks.forgotten[-1]) > 10
    assert sum(map(len, looks.forgotten)) == 25


def test_reminder_comes_after_its_time_and_once(looks, simulated):
    webinar = simulated.add_conference("Webinar", people=(), age_s=OLD_S)
    looks.find_newly_forgotten(2)
    looks.decide(webinar.session_id, looks.now + 3600)
    looks.find_newly_forgotten(11)
    assert looks.reminders == 0
    looks.find_newly_forgotten(1)
    assert looks.reminders == 1
    looks.find_newly_forgotten(30)
    assert looks.reminders == 1


def test_reminder_of_a_conference_with_people_does_not_come(looks, simulated):
    webinar = simulated.add_conference("Webinar", people=(), age_s=OLD_S)
    looks.find_newly_forgotten(2)
    looks.decide(webinar.session_id, looks.now + 3600)
    webinar.join("anna")
    webinar.join("boris")
    looks.find_newly_forgotten(20)
    assert looks.reminders == 0


def test_not_forgotten_holds_for_this_run_only(looks, simulated):
    first = simulated.add_conference("Webinar", people=(), age_s=OLD_S, conference_id="webinar")
    looks.find_newly_forgotten(2)
    looks.decide(first.session_id)
    looks.find_newly_forgotten(50)
    assert looks.forgotten == [["Webinar"]]
    first.end()
    simulated.add_conference("Webinar", people=(), age_s=OLD_S, conference_id="webinar")
    looks.find_newly_forgotten(2)
    assert looks.forgotten == [["Webinar"], ["Webinar"]]


def test_new_watcher_does_not_repeat_what_was_told(looks, simulated):
    simulated.add_conference("Webinar", people=(), age_s=OLD_S)
    looks.find_newly_forgotten(2)
    later = looks.restart()
    later.find_newly_forgotten(5)
    assert later.forgotten == [["Webinar"]]


def test_as_many_forgotten_conferences_as_there_may_be_are_told_once(simulated, looks):
    for number in range(350):
        simulated.add_conference(f"Meeting {number}", people=(), age_s=OLD_S)
    looks.find_newly_forgotten(20)
    assert [len(titles) for titles in looks.forgotten] == [300]
