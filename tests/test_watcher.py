"""The watcher without its thread: looks at a simulated server, by a clock that the test turns."""

import itertools
import socket
import time

import pytest

import trueconf_api
from lib.clock import Clocks
from lib.settings import SAVED
from lib.trueconf_transport import Connections
from status_watcher import Watcher
from tests.conftest import wait_until

try:
    import resource
except ImportError:  # Windows
    resource = None

OLD_S = 3 * 3600


class Looks:
    """A watcher of a simulated server and, in the announcer's place, what it told.

    Each look comes `pause_s` after the one before, by both of its clocks.
    """

    def __init__(self, simulated, now=1_700_000_000.0, **settings):
        self.simulated = simulated
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
        self.now, self.steady = now, 5000.0
        self.changes, self.forgotten, self.reminders = [], [], []
        self.pauses, self.certificates = [], []
        clocks = Clocks(lambda: self.now, lambda: self.steady, lambda: self.steady)
        self.watcher = Watcher(self.server, self, clocks=clocks)

    def tell_state(self, change):
        self.changes.append(change)
        self.server.told_states = list(change.states)

    def tell_forgotten(self, server, found):
        self.forgotten.append([one.conference.title for one in found])

    def tell_reminder(self, server, status, since):
        self.reminders.append((status.state, since))

    def tell_pause_over(self, server, status, changes):
        self.pauses.append((status.state, changes))
        self.server.told_states = [] if status.state == "up" else [status.state]

    def tell_certificate(self, server, end):
        self.certificates.append(self.now)

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

    def restart(self, seconds=60):
        """The bot is off for so long. Returns the looks of the one that is started then, with
        what was saved."""
        saved = {name: getattr(self.server, name) for name in SAVED}
        saved.pop("is_monitored")
        return Looks(self.simulated, self.now + seconds, repeat_h=self.server.repeat_h, **saved)

    @property
    def states(self):
        return [change.status.state for change in self.changes]


@pytest.fixture
def simulated(new_server):
    return new_server(name="moscow.example.org")


@pytest.fixture
def looks(simulated):
    return Looks(simulated)


# ---------------------------------------------------------------- is it up


def test_change_is_told_after_three_looks_with_the_time_of_the_first(looks, simulated):
    looks.look(4)
    assert looks.changes == []  # it is up, as it should be
    simulated.go_down()
    looks.look(2)
    assert looks.changes == []
    looks.look()
    [change] = looks.changes
    assert (change.status.state, change.status.service_reason) == ("down", "refused")
    assert change.since == looks.now - 4
    assert not change.is_first
    assert change.down_since is None
    looks.look(5)
    assert len(looks.changes) == 1


def test_recovery_knows_since_when_it_was_down_and_in_which_states(looks, simulated):
    looks.look()
    for outage, break_it in (
        ("service_down", [simulated.core_down]),
        ("web_down", [simulated.web_down]),
        ("down", [simulated.core_down, simulated.go_down]),
    ):
        looks.changes.clear()
        for step in break_it:
            step()
            looks.look(3)
        went_down_at = looks.changes[0].since
        assert looks.server.down_since == went_down_at
        looks.look(10, pause_s=15)
        simulated.come_back()
        simulated.core_back()
        simulated.web_back()
        looks.look(3)
        change = looks.changes[-1]
        assert (change.status.state, change.outage) == ("up", outage)
        assert (change.down_since, change.since) == (went_down_at, looks.now - 4)
        assert looks.server.down_since is None


def test_state_that_changes_during_an_outage_is_told(looks, simulated):
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
    assert looks.changes[-1].down_since == looks.changes[0].since


def test_server_that_is_down_at_the_first_look_is_told_as_that(looks, simulated):
    simulated.go_down()
    looks.look(4)
    assert looks.changes[0].is_first
    assert looks.watcher.since_when(looks.changes[0].status) is None
    simulated.come_back()
    looks.look(3)
    assert not looks.changes[1].is_first
    assert looks.watcher.since_when(looks.changes[1].status) == looks.changes[1].since


def test_lost_looks_say_nothing_until_there_are_too_many(looks, simulated, caplog):
    caplog.set_level("INFO")
    looks.look()
    for bad_looks in (1, 2, 1, 2):
        assert looks.watcher.lost_looks() in (0, 3, 4)
        simulated.break_path("vsstatus", "status", times=bad_looks, status=503)
        looks.look(bad_looks + 1, pause_s=15)
    assert looks.changes == []
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
    assert looks.changes[1].since == looks.now - 4


def test_look_that_ends_after_monitoring_was_switched_off_tells_nothing(looks, simulated):
    looks.look()
    simulated.go_down()
    looks.look(2)
    looks.server.is_monitored = False
    looks.watcher.check()
    looks.server.is_monitored = True
    assert looks.changes == []


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
    assert looks.states == ["down", "up"]
    recovery = looks.changes[1]
    assert recovery.since - recovery.down_since == 10
    assert not recovery.is_first


def test_after_the_computer_slept_the_first_look_counts_as_the_first(looks, simulated):
    looks.look()
    simulated.go_down()
    looks.look(2, pause_s=20)  # that is no sleep
    looks.look(pause_s=3600)
    assert looks.changes == []
    looks.look(2)
    [change] = looks.changes
    assert change.since == looks.now - 4
    assert change.is_first
    looks.look(pause_s=8 * 3600)
    assert looks.watcher.since_when(looks.watcher.status) is None


def test_end_of_an_outage_that_nobody_saw_is_told_as_that(looks, simulated):
    """Once the computer slept, once the bot was off."""
    looks.look()
    simulated.go_down()
    looks.look(3)
    went_down_at = looks.changes[0].since
    later = looks.restart(seconds=8 * 3600)
    simulated.come_back()
    looks.look(pause_s=8 * 3600)
    looks.look(2)
    later.look(3)
    for recovery in (looks.changes[1], later.changes[0]):
        assert recovery.status.state == "up"
        assert recovery.is_first
        assert recovery.down_since == went_down_at
        assert recovery.since - went_down_at >= 8 * 3600
    simulated.go_down()
    looks.look(3)
    assert not looks.changes[2].is_first


def test_outage_that_was_told_is_not_told_again_after_a_restart(looks, simulated):
    looks.look()
    simulated.core_down()
    looks.look(3)
    later = looks.restart()
    later.look(4)
    assert later.changes == []
    simulated.go_down()  # but what is worse is news
    later.look(3)
    simulated.come_back()
    simulated.core_back()
    later.look(3)
    assert later.states == ["down", "up"]
    assert later.changes[1].down_since == looks.changes[0].since
    assert later.changes[1].outage == "down"
    assert later.restart().watcher.server.told_states == []


# ---------------------------------------------------------------- on call


def test_reminders_come_until_somebody_takes_it_or_it_is_up(simulated):
    looks = Looks(simulated, repeat_h=1)
    looks.look()
    simulated.go_down()
    looks.look(3)
    since = looks.changes[0].since
    looks.look(59, pause_s=60)
    assert looks.reminders == []
    looks.look(3, pause_s=60)
    assert looks.reminders == [("down", since)]
    later = looks.restart(seconds=600)  # which is no reason for another one
    later.look(47, pause_s=60)
    assert later.reminders == []
    later.look(5, pause_s=60)
    assert later.reminders == [("down", since)]
    assert later.watcher.take(int(since) - 1, "Anna") is None  # another outage
    assert later.watcher.take(int(since), "Anna") == ""
    assert later.watcher.take(int(since), "Boris") == "Anna"
    later = later.restart()
    later.look(130, pause_s=60)
    assert later.reminders == []
    assert later.watcher.take(int(since), "Boris") == "Anna"
    simulated.come_back()
    later.look(3)
    assert later.watcher.take(int(since), "Boris") is None
    simulated.go_down()
    later.look(3)
    later.look(61, pause_s=60)
    assert len(later.reminders) == 1  # of the next outage


def test_paused_server_is_looked_at_and_nothing_is_told_before_the_end(simulated):
    looks = Looks(simulated, repeat_h=0.1)
    looks.look()
    looks.watcher.pause(1, "Anna")
    simulated.go_down()
    looks.look(3)
    went_down_at = looks.now - 4
    simulated.come_back()
    looks = looks.restart()
    looks.look(3)
    came_back_at = looks.now - 4
    looks.look(57, pause_s=60)
    assert looks.watcher.status.state == "up"
    assert (looks.pauses, looks.changes, looks.reminders) == ([], [], [])
    looks.look(3, pause_s=60)
    assert looks.pauses == [("up", [[went_down_at, "down"], [came_back_at, "up"]])]
    simulated.go_down()
    looks.look(3)
    assert looks.states == ["down"]


def test_pause_that_ends_during_an_outage_says_so_and_the_outage_goes_on(simulated):
    looks = Looks(simulated)
    looks.look()
    looks.watcher.pause(8, "Anna")
    simulated.go_down()
    looks.look(3)
    went_down_at = looks.now - 4
    looks.watcher.pause(0, "Boris")
    assert not looks.watcher.is_paused
    looks.look()
    assert looks.pauses == [("down", [[went_down_at, "down"]])]
    later = looks.restart()
    later.look(4)
    simulated.come_back()
    later.look(3)
    assert later.states == ["up"]
    assert later.changes[0].down_since == went_down_at


def test_outage_of_before_a_pause_that_ends_in_it_is_over(simulated):
    looks = Looks(simulated)
    looks.look()
    simulated.go_down()
    looks.look(3)
    looks.watcher.pause(1, "Anna")
    simulated.come_back()
    looks.look(4)
    looks.look(pause_s=3600)
    assert [state for state, _ in looks.pauses] == ["up"]
    assert looks.states == ["down"]
    assert (looks.server.down_since, looks.server.told_states) == (None, [])


def test_outage_that_nobody_was_told_of_is_not_kept_for_a_later_pause(simulated):
    looks = Looks(simulated)
    looks.look()
    simulated.go_down()
    looks.look(3)
    looks.server.told_states = []  # the bot ended while Telegram was silent
    looks = looks.restart()
    simulated.come_back()
    looks.look()
    assert looks.server.down_since is None
    looks.watcher.pause(1, "Anna")
    looks.look(2, pause_s=1800)
    assert looks.pauses == [("up", [])]


def test_pause_that_two_people_end_is_over_once(looks):
    looks.look()
    looks.watcher.pause(1, "Anna")
    looks.watcher.pause(0, "Anna")
    looks.look()
    looks.watcher.pause(0, "Boris")
    looks.look()
    assert looks.pauses == [("up", [])]


def test_end_of_a_certificate_is_told_on_each_of_the_days_once(new_server):
    simulated = new_server()
    looks = Looks(simulated)
    end = trueconf_api.get_certificate_end(looks.server)
    for hours in range(20 * 24, -24, -1):
        looks.now = end - 3600 * hours
        looks.watcher.check_certificate()
        if hours % 100 == 0:
            looks = next_looks(looks)
    assert [round((end - at) / 86400, 1) for at in looks.certificates] == [14, 7, 3, 1]

    found_late = Looks(simulated, now=end - 5 * 86400)
    found_late.watcher.check_certificate()
    found_late.watcher.check_certificate()
    assert len(found_late.certificates) == 1
    unchecked = Looks(simulated, now=end - 5 * 86400)
    unchecked.server.verify = False
    unchecked.watcher.check_certificate()
    assert unchecked.certificates == []


def next_looks(looks):
    """After a restart, with what was told before."""
    later = looks.restart()
    later.certificates = looks.certificates
    return later


# ---------------------------------------------------------------- the thread


@pytest.fixture
def thread(looks):
    """The watcher as a thread that checks each second and cannot tell anybody anything."""
    looks.server.look_interval_s = 1

    class Nobody:
        def tell_state(self, change):
            looks.changes.append(change)
            raise RuntimeError("nobody to tell")

    watcher = Watcher(looks.server, Nobody())
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
    "paused": (lambda looks: looks.watcher.pause(8, "Anna"), 150),
    "at the end of its pause": (lambda looks: looks.watcher.pause(0.5, "Anna"), 150),
    "off": (lambda looks: looks.watcher.switch_monitoring(False, "Anna"), 150),
    "in need of a token": (lambda looks: looks.simulated.break_path("token", "status"), 300),
    "defect": (lose_its_address, 150),
    "unsteady": (be_unsteady, 400),
    "asleep": (lambda looks: looks.wait(8 * HOUR_S), 150),
}


@pytest.mark.parametrize(("enter", "most_turns"), STATES.values(), ids=STATES)
@pytest.mark.parametrize("is_down", [False, True])
def test_no_state_of_a_server_makes_the_watcher_turn(simulated, enter, most_turns, is_down):
    """It waits for what it is going to do, and for nothing else."""
    looks = Looks(
        simulated,
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
    [change] = looks.changes
    assert (change.status.state, change.status.web_reason) == ("down", "failed")
    assert looks.server.learnt.last_status is change.status
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
    assert looks.changes == []
    assert looks.watcher.status.state == "up"
    assert caplog.text.count("the look failed: Moscow: own_lack") == 1


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


def test_up_to_three_come_one_by_one_and_more_as_a_list(looks, simulated):
    for number in range(1, 4):
        simulated.add_conference(f"Webinar {number}", people=(), age_s=OLD_S - number)
    looks.find_newly_forgotten(2)
    assert sorted(looks.forgotten) == [["Webinar 1"], ["Webinar 2"], ["Webinar 3"]]
    for number in range(4, 24):
        simulated.add_conference(f"Webinar {number}", people=(), age_s=OLD_S)
    looks.find_newly_forgotten(3)
    assert len(looks.forgotten) == 4
    assert len(looks.forgotten[-1]) == 20


def test_reminder_comes_after_its_time_and_once(looks, simulated):
    webinar = simulated.add_conference("Webinar", people=(), age_s=OLD_S)
    looks.find_newly_forgotten(2)
    looks.watcher.keep_quiet(webinar.session_id, looks.now + 3600)
    looks.find_newly_forgotten(11)
    assert len(looks.forgotten) == 1
    looks.find_newly_forgotten(1)
    assert len(looks.forgotten) == 2
    looks.find_newly_forgotten(30)
    assert len(looks.forgotten) == 2


def test_reminder_of_a_conference_with_people_does_not_come(looks, simulated):
    webinar = simulated.add_conference("Webinar", people=(), age_s=OLD_S)
    looks.find_newly_forgotten(2)
    looks.watcher.keep_quiet(webinar.session_id, looks.now + 3600)
    webinar.join("anna")
    webinar.join("boris")
    looks.find_newly_forgotten(20)
    assert len(looks.forgotten) == 1


def test_not_forgotten_holds_for_this_run_only(looks, simulated):
    first = simulated.add_conference("Webinar", people=(), age_s=OLD_S, conference_id="webinar")
    looks.find_newly_forgotten(2)
    looks.watcher.keep_quiet(first.session_id)
    looks.find_newly_forgotten(50)
    assert len(looks.forgotten) == 1
    first.end()
    simulated.add_conference("Webinar", people=(), age_s=OLD_S, conference_id="webinar")
    looks.find_newly_forgotten(2)
    assert len(looks.forgotten) == 2


def test_new_watcher_does_not_repeat_what_was_reported(looks, simulated):
    simulated.add_conference("Webinar", people=(), age_s=OLD_S)
    looks.find_newly_forgotten(2)
    later = Looks(simulated, reported=looks.server.reported)
    later.find_newly_forgotten(5)
    assert later.forgotten == []


def test_as_many_forgotten_conferences_as_there_may_be_are_told_once(simulated, looks):
    for number in range(250):
        simulated.add_conference(f"Meeting {number}", people=(), age_s=OLD_S)
    looks.find_newly_forgotten(6)
    assert [len(titles) for titles in looks.forgotten] == [250]
