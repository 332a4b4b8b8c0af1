"""The watcher without its thread: looks at a simulated server, by a clock that the test turns."""

import time

import pytest

import trueconf_api
from status_watcher import Watcher
from tests.conftest import wait_until

OLD_S = 3 * 3600


class Looks:
    """A watcher of a simulated server. Each look comes `pause_s` after the one before; what it
    told is in `changes` and `forgotten`."""

    def __init__(self, simulated, **settings):
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
        self.now = 1_700_000_000.0
        self.changes, self.forgotten = [], []
        self.watcher = Watcher(
            self.server,
            self.changes.append,
            lambda server, found: self.forgotten.append([one.conference.title for one in found]),
            clock=lambda: self.now,
        )

    def look(self, times=1, pause_s=2):
        for _ in range(times):
            self.now += pause_s
            self.watcher.check()

    def find_newly_forgotten(self, times=1, pause_s=300):
        for _ in range(times):
            self.now += pause_s
            self.watcher.find_newly_forgotten()

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


def test_server_that_is_up_from_the_start_is_not_news(looks):
    looks.look(4)
    assert looks.changes == []


def test_change_is_told_after_three_looks_with_the_time_of_the_first(looks, simulated):
    looks.look(2)
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


def test_recovery_knows_since_when_it_was_down(looks, simulated):
    looks.look()
    simulated.go_down()
    looks.look(3)
    went_down_at = looks.changes[0].since
    looks.look(10, pause_s=15)
    simulated.come_back()
    looks.look(3)
    change = looks.changes[-1]
    assert change.status.state == "up"
    assert change.down_since == went_down_at
    assert change.since == looks.now - 4


def test_server_that_is_down_at_the_first_look_is_told_as_that(looks, simulated):
    simulated.go_down()
    looks.look(2)
    assert looks.changes == []
    looks.look()
    assert looks.changes[0].is_first
    simulated.come_back()
    looks.look(3)
    assert not looks.changes[1].is_first


def test_web_part_alone_is_a_state_of_its_own(looks, simulated):
    looks.look()
    simulated.core_down()
    looks.look(3)
    simulated.go_down()
    looks.look(3)
    simulated.come_back()
    simulated.core_down()
    looks.look(3)
    simulated.core_back()
    looks.look(3)
    assert looks.states == ["service_down", "down", "service_down", "up"]
    assert looks.changes[-1].down_since == looks.changes[0].since


@pytest.mark.parametrize("bad_looks", [1, 2])
def test_lost_look_says_nothing(looks, simulated, bad_looks):
    looks.look()
    for _ in range(4):
        simulated.break_path("vsstatus", "status", times=bad_looks, status=503)
        looks.look(bad_looks + 1)
    assert looks.changes == []


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


def test_after_the_computer_slept_the_first_look_counts_as_the_first(looks, simulated):
    looks.look()
    simulated.go_down()
    looks.look(2)
    looks.look(pause_s=3600)
    assert looks.changes == []
    looks.look(2)
    [change] = looks.changes
    assert change.since == looks.now - 4
    assert change.is_first


def test_pause_that_is_no_sleep_changes_nothing(looks, simulated):
    looks.look()
    simulated.go_down()
    looks.look(3, pause_s=20)
    assert looks.states == ["down"]


def test_server_that_came_back_while_the_computer_slept_is_told_without_false_times(
    looks, simulated
):
    looks.look()
    looks.look(pause_s=8 * 3600)
    assert looks.changes == []
    simulated.go_down()
    looks.look(3)
    simulated.come_back()
    looks.look(pause_s=8 * 3600)
    looks.look(2)
    assert looks.states == ["down", "up"]
    recovery = looks.changes[1]
    assert recovery.is_first
    assert recovery.down_since is None
    simulated.go_down()
    looks.look(3)
    assert not looks.changes[2].is_first


def test_time_of_a_state_is_not_known_over_a_sleep(looks, simulated):
    looks.look()
    simulated.go_down()
    looks.look(3)
    assert looks.watcher.since_when(looks.watcher.status) == looks.now - 4
    looks.look(pause_s=8 * 3600)
    assert looks.watcher.since_when(looks.watcher.status) is None


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


def test_look_that_ends_after_the_check_was_switched_off_tells_nothing(looks, simulated):
    looks.look()
    simulated.go_down()
    looks.look(2)
    looks.server.is_monitored = False
    looks.look()
    assert looks.changes == []


# ---------------------------------------------------------------- the thread


@pytest.fixture
def thread(looks):
    """The watcher as a thread that checks each second and cannot tell anybody anything."""
    looks.server.look_interval_s = 1

    def fail(change):
        looks.changes.append(change)
        raise RuntimeError("nobody to tell")

    watcher = Watcher(looks.server, fail, fail)
    watcher.start()
    yield watcher
    watcher.stop()
    watcher.join(10)
    assert not watcher.is_alive()


def test_watch_with_a_token_that_is_good_for_years_wakes_all_the_same(looks, thread):
    """Windows cannot wait for more than 49 days, no system for 10^11 seconds."""
    looks.server.token_renewal_at = time.monotonic() + 1e11
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
        looks.watcher.look()
    tokens = [one for one in simulated.requests if one.path == "/oauth2/v1/token"]
    assert len(tokens) == 1
    assert simulated.scopes_of_token(looks.server.access_token)


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


def test_since_when_is_unknown_for_a_server_that_was_found_down(simulated, looks):
    simulated.go_down()
    looks.look(4)
    assert looks.changes[0].is_first
    assert looks.watcher.since_when(looks.changes[0].status) is None
    simulated.come_back()
    looks.look(3)
    assert looks.watcher.since_when(looks.changes[1].status) == looks.changes[1].since
