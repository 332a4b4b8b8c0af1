"""Stopping conferences: what was shown, nothing else, once, and true words afterwards."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from keyboards import Press, pack, short_id, unpack
from tests.conftest import ANNA, BORIS, ask, calm, label, open_menu, press, saying, says
from texts import age_choice, duration, plain_text, plural, words

BACK, STOP, YES = map(label, ("back", "stop", "confirm_stop"))
BY_ANNA = "Anna"


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


def confirmation(person, title):
    """The confirmation for this conference, as a new message."""
    page = press(person, open_menu(person, "Moscow"), label("conferences"), title)
    return press(person, page, STOP)


def confirmation_for_all(person, *ages):
    menu = press(person, open_menu(person, "Moscow"), label("forgotten"), *ages)
    return press(person, menu, lambda one: unpack(one.data).action == "ask_stop_all")


def messages_about(person, title):
    return [message for message in person.chat.bot_messages if title in message.text]


# ---------------------------------------------------------------- the confirmation


def test_confirmation_reads_the_conference_again(anna, server):
    conference = server.add_conference("Planning", owner="anna", people=("anna",), age_s=600)
    screen = press(anna, open_menu(anna, "Moscow"), label("conferences"), "Planning")
    conference.join("boris")
    conference.join("clara")
    conference.title, conference.owner = "Planning, part 2", "boris"
    conference.started_at -= 3600
    server.clear_requests()
    press(anna, screen, STOP)
    assert says(screen, "confirm_stop")
    assert "Planning, part 2" in screen.text
    assert says(screen, "entry_server", server="Moscow")
    assert says(screen, "entry_id", id=conference.id)
    assert says(screen, "entry_owner", owner="boris")
    assert "boris@" not in screen.text
    assert says(screen, "people_now", 3)
    assert all(name in screen.text.lower() for name in ("anna", "boris", "clara"))
    assert says(screen, "entry_age", duration=duration(4200))
    assert says(screen, "confirm_limit", limit=duration(300))
    assert len(server.requests) == 2
    assert screen.button(YES).style == "danger"
    assert server.stops == []


def test_confirmation_of_a_conference_that_is_over_says_so(anna, server):
    conference = server.add_conference("Planning")
    screen = press(anna, open_menu(anna, "Moscow"), label("conferences"), "Planning")
    conference.end()
    press(anna, screen, STOP)
    assert says(screen, "not_running")
    assert screen.labels == [BACK]
    press(anna, screen, BACK)
    assert says(screen, "conferences_none")


def test_confirmation_of_yesterdays_run_is_not_for_todays(anna, server):
    """A button is for one run: the same conference may run again, for somebody else."""
    conference = server.add_conference("Daily", conference_id="daily")
    screen = press(anna, open_menu(anna, "Moscow"), label("conferences"), "Daily")
    confirmed = confirmation(anna, "Daily")
    conference.end()
    server.add_conference("Daily", conference_id="daily")
    press(anna, screen, STOP)
    assert says(screen, "not_running")
    press(anna, confirmed, YES)
    assert says(confirmed, "not_running")
    assert stop_requests(server) == []


def test_confirmation_shows_when_the_number_of_people_is_unknown(anna, server):
    server.add_conference("Planning")
    server.break_path("participants", "status", status=500)
    screen = confirmation(anna, "Planning")
    assert says(screen, "people_unknown")
    press(anna, screen, YES)
    assert says(screen, "result_stopped")


@pytest.mark.parametrize("age_s", [301, 86400, -60])
def test_confirmation_is_good_for_five_minutes(anna, server, age_s):
    server.add_conference("Planning", people=(), age_s=7200)
    server.add_conference("Review", people=(), age_s=7200)
    for screen in (confirmation(anna, "Planning"), confirmation_for_all(anna)):
        calm(screen)
        shown = unpack(screen.button(YES).data)
        assert abs(shown.shown_at - time.time()) < 60
        for shown_at in (0, int(time.time()) - age_s):
            data = pack(replace(shown, shown_at=shown_at))
            pressed = anna.press_data(screen, data).wait()
            assert says(pressed, "confirm_expired", limit=duration(300))
            assert pressed.show_alert
    assert stop_requests(server) == []


# ---------------------------------------------------------------- afterwards, the truth


def test_stop_says_that_it_is_stopped(anna, boris, server, stage):
    conference = server.add_conference("Lecture <1>", owner="clara")
    other = server.add_conference("Another")
    screen = confirmation(anna, "Lecture <1>")
    server.clear_requests()
    press(anna, screen, YES)
    assert says(screen, "result_stopped", title="Lecture <1>", server="Moscow")
    assert server.stops == [conference.id]
    assert other.is_running
    assert len(server.requests) == 3
    told = boris.chat.wait_for("Lecture <1>")
    assert says(told, "stopped_by", title="Lecture <1>", server="Moscow", who=BY_ANNA)
    assert "\n" not in told.text
    log_line = f"Moscow: Lecture <1> (ID {conference.id}) stopped by Anna ({ANNA})"
    stage.bot.wait_for_output(log_line)


def test_the_others_are_told_with_one_line_and_the_presser_is_not(anna, boris, server):
    for title in ("First of two", "Second of two"):
        server.add_conference(title)
        press(anna, confirmation(anna, title), YES)
    boris.chat.wait_for("Second of two")
    assert len(messages_about(boris, "First of two")) == 1
    assert len(messages_about(boris, "Second of two")) == 1
    assert not any(map(saying("stopped_by"), anna.chat.bot_messages))


def test_stop_that_takes_its_time_is_still_running(anna, boris, server):
    server.stop_delay_s = float("inf")
    server.add_conference("Stubborn")
    screen = confirmation(anna, "Stubborn")
    press(anna, screen, YES)
    assert says(screen, "result_still_running", title="Stubborn", server="Moscow")
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
    assert says(screen, "result_already_over", title="Short", server="Moscow")
    server.add_conference(f"The next {refusal}")
    press(anna, confirmation(anna, "The next"), YES)
    boris.chat.wait_for(f"The next {refusal}")
    assert messages_about(boris, "Short") == []


def test_conference_that_is_over_when_confirmed_is_no_longer_running(anna, server):
    conference = server.add_conference("Planning")
    screen = confirmation(anna, "Planning")
    conference.end()
    press(anna, screen, YES)
    assert says(screen, "not_running")
    assert stop_requests(server) == []


def test_stop_that_fails_says_so_and_can_be_tried_again(anna, boris, server):
    conference = server.add_conference("Planning A")
    screen = confirmation(anna, "Planning A")
    data = screen.button(YES).data
    server.break_path("stop", "status", status=500)
    press(anna, screen, YES)
    assert says(screen, "result_failed", title="Planning A", server="Moscow")
    assert says(screen, "error_status", status=500)
    assert conference.is_running
    server.mend()
    anna.press_data(calm(screen), data).wait()
    assert says(screen, "result_stopped")
    assert len(server.stops) == 1


def test_stop_whose_answer_is_lost_is_told_truly(anna, server):
    server.add_conference("Planning")
    screen = confirmation(anna, "Planning")
    server.break_path("stop", "cut", times=1)
    press(anna, screen, YES)
    assert says(screen, "result_stopped")
    assert len(stop_requests(server)) == 1


def test_stop_whose_outcome_cannot_be_seen_is_said_to_be_unknown(anna, server):
    for number in (1, 2):
        server.add_conference(f"Webinar {number}", people=(), age_s=7200)
    one, both_of_them = confirmation(anna, "Webinar 1"), confirmation_for_all(anna)
    server.break_path("stop", "status", status=500)
    press(anna, both_of_them, YES)
    for title in ("Webinar 1", "Webinar 2"):  # the look said so
        assert says(both_of_them, "stop_all_failed", title=title)
    server.mend()
    server.stop_delay_s = float("inf")
    server.break_path("conferences", "status", status=503)
    press(anna, one, YES)
    assert says(one, "result_unknown", title="Webinar 1", server="Moscow")
    assert says(one, "error_status", status=503)


def test_server_that_is_down_stops_nothing_and_says_so(anna, server):
    server.add_conference("Planning")
    screen = confirmation(anna, "Planning")
    server.go_down()
    press(anna, screen, YES)
    assert says(screen, "error_unreachable", reason=words("reason_refused"))
    assert screen.labels == [label("status"), BACK]
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
    screen = confirmation_for_all(
        anna, lambda one: one.text == plain_text("duration_hours", number=2)
    )
    assert says(screen, "confirm_stop_all", 7, server="Moscow")
    assert says(screen, "all_are_older", age=age_choice(120))
    assert says(screen, "people_inside", number=1)
    first = says(screen, "short_entry_people", number=1, title="Webinar 4")["people"]
    assert says(first, "people_named", now=plural("people_count", 1))
    assert "boris" in first.lower()
    for number in (1, 2, 3, 5, 6, 7):
        assert says(
            screen, "short_entry_people", title=f"Webinar {number}", people=words("people_nobody")
        )
    assert "Busy" not in screen.text
    assert screen.button(YES).style == "danger"
    press(anna, screen, YES)
    assert all(says(screen, "stop_all_stopped", title=f"Webinar {one}") for one in range(1, 8))
    assert len(server.stops) == 7
    assert all(conference.is_running for conference in kept)
    told = boris.chat.wait_for(saying("stopped_all_by", 7, who=BY_ANNA, server="Moscow"))
    assert "Webinar 7" in told.text
    press(anna, screen, BACK)
    assert says(screen, "forgotten_age", age=age_choice(120))
    assert says(screen, "forgotten_none")


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
    assert says(screen, "list_changed")
    assert says(screen, "confirm_stop_all", left, server="Moscow")
    assert stop_requests(server) == []
    press(anna, screen, YES)
    assert sum(bool(says(line, "stop_all_stopped")) for line in screen.text.splitlines()) == left
    assert len(server.stops) == left


def test_list_in_another_order_is_the_same_list(anna, server):
    for number in (1, 2, 3):
        server.add_conference(f"Webinar {number}", people=(), age_s=7200)
    screen = confirmation_for_all(anna)
    server.conferences.reverse()
    press(anna, screen, YES)
    assert all(says(screen, "stop_all_stopped", title=f"Webinar {one}") for one in (1, 2, 3))


def test_stop_all_of_an_empty_list_shows_that_there_are_none(anna, server):
    for number in (1, 2):
        server.add_conference(f"Webinar {number}", people=(), age_s=7200)
    screen = confirmation_for_all(anna)
    for conference in server.conferences:
        conference.end()
    pressed = anna.press(calm(screen), YES).wait()
    assert pressed.text == plain_text("list_changed")
    assert says(screen, "forgotten_none")
    assert stop_requests(server) == []


def test_stop_all_says_for_each_what_became_of_it(anna, boris, server):
    for number in (1, 2):
        server.add_conference(f"Webinar {number}", people=(), age_s=7200)
    screen = confirmation_for_all(anna)
    server.break_path("stop", "status", times=1, status=500)
    press(anna, screen, YES)
    stopped = says(screen, "stop_all_stopped")["title"]
    failed = says(screen, "stop_all_failed")["title"]
    assert {stopped, failed} == {"Webinar 1", "Webinar 2"}
    assert says(screen, "error_status", status=500)
    boris.chat.wait_for(saying("stopped_by", title=stopped, server="Moscow", who=BY_ANNA))


def test_what_could_not_be_examined_is_not_stopped_with_the_others(anna, server):
    for number in (1, 2):
        server.add_conference(f"Webinar {number}", people=(), age_s=7200)
    unknown = server.add_conference("Nobody knows", people=(), duration=None, start_time=None)
    menu = press(anna, open_menu(anna, "Moscow"), label("forgotten"))
    assert says(menu, "forgotten_number", 3)
    press(anna, menu, label("stop_all", number=2), YES)
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
        lambda: anna.press(calm(screens[0]), YES).wait(),
        lambda: boris.press(calm(screens[1]), YES).wait(),
    )
    assert len(stop_requests(server)) == len(server.stops) == 1 + is_for_all
    [(winner, won), (loser, lost)] = sorted(
        zip((anna, boris), pressed, strict=True), key=lambda pair: pair[1].text is not None
    )
    assert won.text is None
    assert says(won.message, "stop_all_stopped" if is_for_all else "result_stopped")
    assert says(lost, "already_pressed", who=winner.first_name)
    assert YES in lost.message.labels
    loser.chat.wait_for(
        saying("stopped_by", who=winner.first_name) if not is_for_all else winner.first_name
    )


def test_double_press_stops_once(anna, server):
    server.add_conference("Webinar")
    screen = confirmation(anna, "Webinar")
    server.break_path("stop", "slow", times=1, delay_s=0.3)
    pressed = [anna.press(calm(screen), YES) for _ in range(3)]
    answers = [one.wait().text for one in pressed]
    assert answers.count(None) == 1
    assert says(screen, "result_stopped")
    assert len(stop_requests(server)) == 1


def test_press_on_a_confirmation_that_was_used_already_stops_nothing(anna, boris, server):
    server.add_conference("Webinar")
    mine, yours = confirmation(anna, "Webinar"), confirmation(boris, "Webinar")
    press(anna, mine, YES)
    late = boris.press(calm(yours), YES).wait()
    assert says(late, "already_pressed", who=BY_ANNA)
    assert len(stop_requests(server)) == 1
    press(boris, yours, BACK)
    assert says(yours, "not_running")
    press(boris, yours, BACK)
    assert says(yours, "conferences_none")


def test_press_on_a_confirmation_for_all_that_was_used_already_says_by_whom(anna, boris, server):
    for number in (1, 2):
        server.add_conference(f"Webinar {number}", people=(), age_s=7200)
    mine, yours = confirmation_for_all(anna), confirmation_for_all(boris)
    press(anna, mine, YES)
    late = boris.press(calm(yours), YES).wait()
    assert says(late, "already_pressed", who=BY_ANNA)
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
    assert says(second, "not_running")
    press(boris, second, BACK)
    assert "Kept" in second.text
    press(anna, third, YES)
    assert says(third, "result_stopped")
    assert server.stops == [gone.id, kept.id]
    assert len(stop_requests(server)) == 2


# ---------------------------------------------------------------- nothing else


def test_made_up_stops_stop_nothing(anna, server):
    running = server.add_conference("Planning", conference_id="planning", age_s=7200, people=())
    server.add_conference("Review", conference_id="review", age_s=7200, people=())
    message, now = calm(ask(anna, "/start")), int(time.time())
    moscow, berlin = short_id("Moscow"), short_id("Berlin")
    session = short_id(running.session_id)
    for made_up in (
        Press("stop", moscow, shown_at=now),
        Press("stop", moscow, "AAAAAAAA", shown_at=now, as_shown="AAAAAAAA"),
        Press("stop", moscow, short_id("planning"), shown_at=now, as_shown=short_id("planning")),
        Press("stop", berlin, session, shown_at=now, as_shown=session),
        Press("stop", moscow, session, shown_at=now),
        Press("stop_all", moscow, age_min=60, shown_at=now, as_shown=session),
        Press("stop_all", moscow, age_min=60, shown_at=now),
        Press("stop_all", berlin, age_min=60, shown_at=now),
        Press("stop", moscow, session, as_shown=session),
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
    message = press(anna, ask(anna, "/start", group), "Moscow", label("conferences"), "Webinar")
    press(anna, message, STOP, YES)
    assert says(message, "result_stopped")
    assert boris.chat.wait_for(saying("stopped_by", who=BY_ANNA))
    server.add_conference("Lecture")
    press(anna, confirmation(anna, "Lecture"), YES)
    assert group.wait_for(saying("stopped_by", title="Lecture", server="Moscow", who=BY_ANNA))
    boris.chat.wait_for("Lecture")
    assert not any(map(saying("stopped_by"), anna.chat.bot_messages))
    assert [one.text for one in group.bot_messages if "Webinar" in one.text] == [message.text]


# ---------------------------------------------------------------- what was shown


def test_conference_that_was_shown_empty_is_asked_about_again_when_somebody_has_joined(
    anna, server
):
    conference = server.add_conference("Webinar", people=())
    screen = confirmation(anna, "Webinar")
    conference.join("boris")
    press(anna, screen, YES)
    assert says(screen, "conference_changed")
    assert says(screen, "people_now", 1)
    assert stop_requests(server) == []
    conference.join("clara")  # it was shown with people in it
    press(anna, screen, YES)
    assert says(screen, "result_stopped")


def test_list_whose_empty_conference_has_filled_is_asked_about_again(anna, server):
    for number in (1, 2):
        server.add_conference(f"Webinar {number}", people=(), age_s=7200)
    screen = confirmation_for_all(anna)
    server.conferences[0].join("boris")
    press(anna, screen, YES)
    assert says(screen, "list_changed")
    assert says(screen, "people_inside", 1, number=1)
    assert stop_requests(server) == []
    press(anna, screen, YES)
    assert len(server.stops) == 2


# ---------------------------------------------------------------- runs without a name


def test_run_without_a_name_can_be_stopped_and_its_next_run_too(anna, server):
    for number in (1, 2, 3):
        server.add_conference("Daily", conference_id="daily", logged=False)
        screen = confirmation(anna, "Daily")
        press(anna, screen, YES)
        assert says(screen, "result_stopped")
        assert len(server.stops) == number
        server.conferences.clear()


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_run_that_the_log_names_later_is_still_found_and_asked_about(anna, server, is_confirmed):
    conference = server.add_conference("Daily", conference_id="daily", logged=False)
    screen = press(anna, open_menu(anna, "Moscow"), label("conferences"), "Daily")
    if is_confirmed:
        press(anna, screen, STOP)
    conference.logged = True
    press(anna, open_menu(anna, "Moscow"), label("conferences"))  # the bot has read the name
    press(anna, screen, YES if is_confirmed else STOP)
    assert says(screen, "confirm_stop")
    assert stop_requests(server) == []
    assert (says(screen, "conference_changed") is not None) == is_confirmed
    press(anna, screen, YES)
    assert says(screen, "result_stopped")
