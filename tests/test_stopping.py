"""Stopping conferences: what was shown, nothing else, once, and true words afterwards."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from keyboards import Press, pack, short_id, unpack
from tests.conftest import ANNA, BORIS, ask, open_menu, press

BACK, YES = "← Back", "Yes, stop"


@pytest.fixture(scope="module")
def server(stage):
    return stage.new_server(name="moscow.example.org")


@pytest.fixture(scope="module")
def anna(stage, server):
    stage.start_bot({"Moscow": server.settings(), "Berlin": stage.new_server().settings()})
    return stage.anna


@pytest.fixture(scope="module")
def boris(stage, anna):
    return stage.boris


@pytest.fixture(autouse=True)
def _fresh_server(server):
    yield
    server.mend()
    server.come_back()
    server.conferences.clear()
    server.stops.clear()
    server.clear_requests()
    server.stop_delay_s, server.stop_again = 0, "ok"


def stop_requests(server):
    return [one.path for one in server.requests if one.method == "POST" and "stop" in one.path]


def confirmation(person, title, screen="Running conferences"):
    """The confirmation for this conference, as a new message."""
    return press(person, open_menu(person, "Moscow"), screen, lambda one: title in one.text)


def confirmation_for_all(person, *ages):
    menu = press(person, open_menu(person, "Moscow"), "Forgotten conferences", *ages)
    return press(person, menu, lambda one: one.text.startswith("⏹ Stop all"))


def messages_about(person, words):
    return [message for message in person.chat.bot_messages if words in message.text]


# ---------------------------------------------------------------- the confirmation


def test_confirmation_reads_the_conference_again(anna, server):
    conference = server.add_conference("Planning", owner="anna", people=("anna",), age_s=600)
    screen = press(anna, open_menu(anna, "Moscow"), "Running conferences")
    conference.join("boris")
    conference.join("clara")
    conference.title, conference.owner = "Planning, part 2", "boris"
    conference.started_at -= 3600
    server.clear_requests()
    press(anna, screen, "1. Planning")
    assert "Stop this conference?" in screen.text
    assert "Planning, part 2" in screen.text
    assert "Server: Moscow" in screen.text
    assert f"ID: {conference.id}" in screen.text
    assert "Owner: boris\n" in screen.text
    assert "3 people are in it now: " in screen.text
    assert all(name in screen.text.lower() for name in ("anna", "boris", "clara"))
    assert "Running for 1 h 10 min" in screen.text
    assert "You can confirm within 5 min." in screen.text
    assert len(server.requests) == 2
    assert screen.button(YES).style == "danger"
    assert server.stops == []


def test_confirmation_of_a_conference_that_is_over_says_so(anna, server):
    conference = server.add_conference("Planning")
    screen = press(anna, open_menu(anna, "Moscow"), "Running conferences")
    conference.end()
    press(anna, screen, "1. Planning")
    assert "This conference is no longer running." in screen.text
    assert screen.labels == [BACK]
    press(anna, screen, BACK)
    assert "No conference is running now." in screen.text


def test_confirmation_of_yesterdays_run_is_not_for_todays(anna, server):
    """A button is for one run: the same conference may run again, for somebody else."""
    conference = server.add_conference("Daily", conference_id="daily")
    screen = press(anna, open_menu(anna, "Moscow"), "Running conferences")
    confirmed = confirmation(anna, "Daily")
    conference.end()
    server.add_conference("Daily", conference_id="daily")
    press(anna, screen, "1. Daily")
    assert "This conference is no longer running." in screen.text
    press(anna, confirmed, YES)
    assert "This conference is no longer running." in confirmed.text
    assert stop_requests(server) == []


def test_confirmation_shows_when_the_number_of_people_is_unknown(anna, server):
    server.add_conference("Planning")
    server.break_path("participants", "status", status=500)
    screen = confirmation(anna, "Planning")
    assert "Could not find out how many people are in it" in screen.text
    press(anna, screen, YES)
    assert "is stopped." in screen.text


@pytest.mark.parametrize("age_s", [301, 86400, -60])
def test_confirmation_is_good_for_five_minutes(anna, server, age_s):
    server.add_conference("Planning", people=(), age_s=7200)
    server.add_conference("Review", people=(), age_s=7200)
    for screen in (confirmation(anna, "Planning"), confirmation_for_all(anna)):
        shown = unpack(screen.button(YES).data)
        assert abs(shown.at - time.time()) < 60
        old = Press(shown.action, shown.server, shown.item, shown.page, shown.minutes)
        for data in (pack(old), pack(at(old, int(time.time()) - age_s))):
            pressed = anna.press_data(screen, data).wait()
            assert pressed.text.startswith("More than 5 min have passed, so nothing was stopped.")
            assert pressed.show_alert
    assert stop_requests(server) == []


def at(old, moment):
    return Press(old.action, old.server, old.item, old.page, old.minutes, moment)


# ---------------------------------------------------------------- afterwards, the truth


def test_stop_says_that_it_is_stopped(anna, boris, server, stage):
    conference = server.add_conference("Lecture <1>", owner="clara")
    other = server.add_conference("Another")
    screen = confirmation(anna, "Lecture <1>")
    server.clear_requests()
    press(anna, screen, YES)
    assert "✅ The conference “Lecture <1>” on “Moscow” is stopped." in screen.text
    assert server.stops == [conference.id]
    assert other.is_running
    assert len(server.requests) == 3
    told = boris.chat.wait_for("Lecture <1>")
    assert told.text == f"✅ The conference “Lecture <1>” on “Moscow” was stopped by Anna ({ANNA})."
    log_line = f"Moscow: Lecture <1> (ID {conference.id}) stopped by Anna ({ANNA})"
    stage.bot.wait_for_output(log_line)


def test_the_others_are_told_with_one_line_and_the_presser_is_not(anna, boris, server):
    for title in ("First of two", "Second of two"):
        server.add_conference(title)
        press(anna, confirmation(anna, title), YES)
    boris.chat.wait_for("Second of two")
    assert len(messages_about(boris, "First of two")) == 1
    assert len(messages_about(boris, "Second of two")) == 1
    assert messages_about(anna, "was stopped by") == []


def test_stop_that_takes_its_time_is_still_running(anna, boris, server):
    server.stop_delay_s = float("inf")
    server.add_conference("Stubborn")
    screen = confirmation(anna, "Stubborn")
    press(anna, screen, YES)
    assert "the conference “Stubborn” on “Moscow” is still running" in screen.text
    server.stop_delay_s = 0
    press(anna, confirmation(anna, "Stubborn"), YES)
    boris.chat.wait_for("Stubborn")
    assert len(messages_about(boris, "Stubborn")) == 1


@pytest.mark.parametrize("refusal", [400, 404])
def test_conference_that_ends_while_it_is_being_stopped_was_already_over(
    anna, boris, server, refusal
):
    server.stop_again = refusal
    conference = server.add_conference("Short")
    screen = confirmation(anna, "Short")
    conference.listed = False  # it is over, and the log does not know it yet
    press(anna, screen, YES)
    assert "The conference “Short” on “Moscow” was already over." in screen.text
    server.add_conference(f"The next {refusal}")
    press(anna, confirmation(anna, "The next"), YES)
    boris.chat.wait_for(f"The next {refusal}")
    assert messages_about(boris, "“Short”") == []


def test_conference_that_is_over_when_confirmed_is_no_longer_running(anna, server):
    conference = server.add_conference("Planning")
    screen = confirmation(anna, "Planning")
    conference.end()
    press(anna, screen, YES)
    assert "This conference is no longer running." in screen.text
    assert stop_requests(server) == []


def test_stop_that_fails_says_so_and_can_be_tried_again(anna, boris, server):
    conference = server.add_conference("Planning A")
    screen = confirmation(anna, "Planning A")
    data = screen.button(YES).data
    server.break_path("stop", "status", status=500)
    press(anna, screen, YES)
    assert "The conference “Planning A” on “Moscow” was not stopped." in screen.text
    assert "The server answered with HTTP error 500." in screen.text
    assert conference.is_running
    server.mend()
    anna.press_data(screen, data).wait()
    assert "is stopped." in screen.text
    assert len(server.stops) == 1


def test_stop_whose_answer_is_lost_is_told_truly(anna, server):
    server.add_conference("Planning")
    screen = confirmation(anna, "Planning")
    server.break_path("stop", "cut", times=1)
    press(anna, screen, YES)
    assert "is stopped." in screen.text
    assert len(stop_requests(server)) == 1


def test_stop_whose_outcome_cannot_be_seen_is_said_to_be_unknown(anna, server):
    for number in (1, 2):
        server.add_conference(f"Webinar {number}", people=(), age_s=7200)
    one, both_of_them = confirmation(anna, "Webinar 1"), confirmation_for_all(anna)
    server.break_path("stop", "status", status=500)
    press(anna, both_of_them, YES)
    assert both_of_them.text.count("” not stopped") == 2  # the look said so
    server.mend()
    server.stop_delay_s = float("inf")
    server.break_path("conferences", "status", status=503)
    press(anna, one, YES)
    assert "It is not known whether the conference “Webinar 1” on “Moscow” was stopped" in one.text
    assert "HTTP error 503" in one.text


def test_server_that_is_down_stops_nothing_and_says_so(anna, server):
    server.add_conference("Planning")
    screen = confirmation(anna, "Planning")
    server.go_down()
    press(anna, screen, YES)
    assert "⚠️ The server's website does not respond: connection refused" in screen.text
    assert screen.labels == ["Status", BACK]
    server.come_back()
    assert stop_requests(server) == []


# ---------------------------------------------------------------- stop all


def test_stop_all_lists_what_it_would_stop(anna, boris, server):
    for number in range(1, 8):
        server.add_conference(f"Webinar {number}", people=(), age_s=3 * 3600)
    kept = [
        server.add_conference("Young", people=(), age_s=600),
        server.add_conference("Busy", people=("anna", "boris"), age_s=3 * 3600),
    ]
    server.conferences[3].join("boris")
    screen = confirmation_for_all(anna, "2 h")
    assert "Stop 7 conferences on “Moscow”?" in screen.text
    assert "Running for more than 2 h" in screen.text
    assert "❗ Conferences with people in them: 1" in screen.text
    assert re.search(r"\n1\. Webinar 4 – 1 person: .*[Bb]oris", screen.text)
    for number in (1, 2, 3, 5, 6, 7):
        assert f"Webinar {number} – nobody" in screen.text
    assert "Busy" not in screen.text
    assert screen.button(YES).style == "danger"
    press(anna, screen, YES)
    assert screen.text.count("” stopped") == 7
    assert len(server.stops) == 7
    assert all(conference.is_running for conference in kept)
    told = boris.chat.wait_for(f"✅ Anna ({ANNA}) stopped 7 conferences on “Moscow”:")
    assert "Webinar 7" in told.text
    press(anna, screen, BACK)
    assert "Forgotten conferences\nRunning for more than 2 h" in screen.text
    assert "There are no forgotten conferences." in screen.text


@pytest.mark.parametrize("change", ["one more", "one less"])
def test_list_that_has_changed_is_asked_again_and_nothing_stops(anna, server, change):
    for number in (1, 2, 3):
        server.add_conference(f"Webinar {number}", people=(), age_s=7200)
    screen = confirmation_for_all(anna)
    if change == "one more":
        server.add_conference("Webinar 4", people=(), age_s=7200)
    else:
        server.conferences[0].end()
    press(anna, screen, YES)
    left = 4 if change == "one more" else 2
    assert "The list has changed. Nothing was stopped, please look again." in screen.text
    assert f"Stop {left} conferences on “Moscow”?" in screen.text
    assert stop_requests(server) == []
    press(anna, screen, YES)
    assert screen.text.count("” stopped") == left
    assert len(server.stops) == left


def test_list_in_another_order_is_the_same_list(anna, server):
    for number in (1, 2, 3):
        server.add_conference(f"Webinar {number}", people=(), age_s=7200)
    screen = confirmation_for_all(anna)
    server.conferences.reverse()
    press(anna, screen, YES)
    assert screen.text.count("” stopped") == 3


def test_stop_all_of_an_empty_list_shows_that_there_are_none(anna, server):
    for number in (1, 2):
        server.add_conference(f"Webinar {number}", people=(), age_s=7200)
    screen = confirmation_for_all(anna)
    for conference in server.conferences:
        conference.end()
    pressed = anna.press(screen, YES).wait()
    assert pressed.text == "⚠️ The list has changed. Nothing was stopped, please look again."
    assert "There are no forgotten conferences." in screen.text
    assert stop_requests(server) == []


def test_stop_all_says_for_each_what_became_of_it(anna, boris, server):
    for number in (1, 2):
        server.add_conference(f"Webinar {number}", people=(), age_s=7200)
    screen = confirmation_for_all(anna)
    server.break_path("stop", "status", times=1, status=500)
    press(anna, screen, YES)
    assert screen.text.count("” stopped") == 1
    assert screen.text.count("” not stopped") == 1
    assert "HTTP error 500" in screen.text
    stopped = re.search(r"✅ “(Webinar \d)” stopped", screen.text)[1]
    boris.chat.wait_for(f"The conference “{stopped}” on “Moscow” was stopped by Anna")


def test_what_could_not_be_examined_is_not_stopped_with_the_others(anna, server):
    for number in (1, 2):
        server.add_conference(f"Webinar {number}", people=(), age_s=7200)
    unknown = server.add_conference("Nobody knows", people=(), duration=None, start_time=None)
    menu = press(anna, open_menu(anna, "Moscow"), "Forgotten conferences")
    assert "3 conferences found" in menu.text
    assert "⏹ Stop all: 2" in menu.labels
    press(anna, menu, "⏹ Stop all: 2", YES)
    assert len(server.stops) == 2
    assert unknown.is_running


# ---------------------------------------------------------------- several people, several presses


def both(*presses):
    """Do these at the same moment."""
    with ThreadPoolExecutor() as pool:
        return [one.result() for one in [pool.submit(press) for press in presses]]


@pytest.mark.parametrize("is_for_all", [False, True])
def test_two_administrators_at_once_stop_once_and_both_hear_the_truth(
    anna, boris, server, is_for_all
):
    for title in ("Webinar 1", "Webinar 2")[: 1 + is_for_all]:
        server.add_conference(title, people=(), age_s=7200)
    if is_for_all:
        screens = [confirmation_for_all(person) for person in (anna, boris)]
    else:
        screens = [confirmation(person, "Webinar 1") for person in (anna, boris)]
    server.break_path("stop", "slow", times=1, delay_s=0.3)
    pressed = both(
        lambda: anna.press(screens[0], YES).wait(), lambda: boris.press(screens[1], YES).wait()
    )
    assert len(stop_requests(server)) == len(server.stops) == 1 + is_for_all
    [(winner, won), (loser, lost)] = sorted(
        zip((anna, boris), pressed, strict=True), key=lambda pair: pair[1].text is not None
    )
    assert won.text is None
    assert "stopped" in won.message.text
    assert lost.text.startswith(f"{winner.first_name} ({winner.id}) has already confirmed")
    assert "Stop" in lost.message.text
    loser.chat.wait_for(f"{winner.first_name} ({winner.id})")


def test_double_press_stops_once(anna, server):
    server.add_conference("Webinar")
    screen = confirmation(anna, "Webinar")
    server.break_path("stop", "slow", times=1, delay_s=0.3)
    pressed = [anna.press(screen, YES) for _ in range(3)]
    answers = [one.wait().text for one in pressed]
    assert answers.count(None) == 1
    assert "is stopped." in screen.text
    assert len(stop_requests(server)) == 1


def test_press_on_a_confirmation_that_was_used_already_stops_nothing(anna, boris, server):
    server.add_conference("Webinar")
    mine, yours = confirmation(anna, "Webinar"), confirmation(boris, "Webinar")
    press(anna, mine, YES)
    late = boris.press(yours, YES).wait()
    assert late.text.startswith(f"Anna ({ANNA}) has already confirmed a stop here.")
    assert len(stop_requests(server)) == 1
    press(boris, yours, BACK)
    assert "No conference is running now." in yours.text


def test_press_on_a_confirmation_for_all_that_was_used_already_says_by_whom(anna, boris, server):
    for number in (1, 2):
        server.add_conference(f"Webinar {number}", people=(), age_s=7200)
    mine, yours = confirmation_for_all(anna), confirmation_for_all(boris)
    press(anna, mine, YES)
    late = boris.press(yours, YES).wait()
    assert late.text.startswith(f"Anna ({ANNA}) has already confirmed a stop here.")
    assert len(stop_requests(server)) == 2


def test_the_same_conference_can_be_stopped_again_in_its_next_run(anna, server):
    for number in (1, 2):
        server.add_conference("Daily", conference_id="daily")
        press(anna, confirmation(anna, "Daily"), YES)
        assert len(server.stops) == number


def test_press_after_a_restart_stops_once(own_stage):
    server = own_stage.new_server()
    kept, gone = server.add_conference("Kept"), server.add_conference("Gone")
    own_stage.start_bot({"Moscow": server.settings(), "Berlin": server.settings()})
    anna, boris = own_stage.anna, own_stage.boris
    first, second = confirmation(anna, "Gone"), confirmation(boris, "Gone")
    third = confirmation(anna, "Kept")
    press(anna, first, YES)
    assert own_stage.bot.stop() == 0
    own_stage.wake_bot()
    press(boris, second, YES)
    assert "This conference is no longer running." in second.text
    press(boris, second, BACK)
    assert "1. Kept" in second.text
    press(anna, third, YES)
    assert "is stopped." in third.text
    assert server.stops == [gone.id, kept.id]
    assert len(stop_requests(server)) == 2


# ---------------------------------------------------------------- nothing else


def test_made_up_stops_stop_nothing(anna, server):
    running = server.add_conference("Planning", conference_id="planning", age_s=7200, people=())
    server.add_conference("Review", conference_id="review", age_s=7200, people=())
    message, now = ask(anna, "/start"), int(time.time())
    moscow, berlin = short_id("Moscow"), short_id("Berlin")
    session = short_id(running.session_id)
    for made_up in (
        Press("stop", moscow, "", at=now),
        Press("stop", moscow, "AAAAAAAA", at=now),
        Press("stop", moscow, short_id("planning"), at=now),
        Press("stop", berlin, session, at=now),
        Press("stop_all", moscow, session, minutes=60, at=now),
        Press("stop_all", moscow, "", minutes=60, at=now),
        Press("stop_all", berlin, "", minutes=60, at=now),
        Press("stop", moscow, session),
    ):
        anna.press_data(message, pack(made_up)).wait()
    assert stop_requests(server) == []
    assert all(conference.is_running for conference in server.conferences)


def test_in_a_group_the_group_sees_the_result_and_the_others_are_told(own_stage):
    server = own_stage.new_server()
    anna, boris = own_stage.anna, own_stage.boris
    group = own_stage.telegram.group(-5005, members=[anna, boris])
    own_stage.start_bot(
        {"Moscow": server.settings(), "Berlin": server.settings()}, users=(ANNA, BORIS, -5005)
    )
    server.add_conference("Webinar")
    message = press(anna, ask(anna, "/start", group), "Moscow", "Running conferences", "1. Webinar")
    press(anna, message, YES)
    assert "is stopped." in message.text
    assert boris.chat.wait_for("was stopped by Anna")
    server.add_conference("Lecture")
    press(anna, confirmation(anna, "Lecture"), YES)
    assert group.wait_for("“Lecture” on “Moscow” was stopped by Anna")
    boris.chat.wait_for("Lecture")
    assert messages_about(anna, "was stopped by") == []
    assert [one.text for one in group.bot_messages if "Webinar" in one.text] == [message.text]
