"""Several presses on one message: the newest owns it, and who waits holds up nobody."""

import pytest
from telebot import types

import stopping
from keyboards import Press
from lib.telegram import WORKERS
from lib.telegram_presses import MOST_MESSAGES, Presses
from tests.conftest import ANNA, BORIS, calm, label, open_menu, press, saying, says, wait_until
from trueconf_api import Server

BACK, YES = label("back"), label("confirm_stop")


def waits_for(server, part):
    """Whether the server has been asked this, which it answers late."""
    wait_until(lambda: any(part in one.path for one in server.requests), what=part)


def shown_since(message, edits):
    return [text for text, _, _ in message.history[edits + 1 :]]


def open_in_group(stage, *labels):
    """A screen in the group of both."""
    sent = stage.anna.send("/start", stage.group)
    return press(stage.anna, stage.group.wait_for(lambda one: one.id > sent.id), *labels)


@pytest.fixture
def office(own_stage):
    server, berlin = own_stage.new_server(), own_stage.new_server()
    own_stage.group = own_stage.telegram.group(-5005, members=[own_stage.anna, own_stage.boris])
    users = (ANNA, BORIS, -5005)
    own_stage.start_bot({"office": server.settings(), "Berlin": berlin.settings()}, users=users)
    return server


# ---------------------------------------------------------------- a late answer


@pytest.mark.waits(5)
@pytest.mark.parametrize(
    ("are_two_people", "opened", "asks"),
    [
        (False, "forgotten", "confirm_stop"),
        (True, "forgotten", "confirm_stop"),
        (True, "conferences", "conference"),
    ],
)
def test_late_screen_of_one_conference_never_replaces_that_of_another(
    own_stage, office, are_two_people, opened, asks
):
    anna, second = own_stage.anna, own_stage.boris if are_two_people else own_stage.anna
    office.add_conference("Alpha", people=(), age_s=7200)
    office.add_conference("Beta", people=(), age_s=7200)
    message = open_in_group(own_stage, "office", label(opened))
    edits = message.edits
    office.break_path("participants", "slow", times=1, delay_s=3)
    alpha = anna.press(message, "Alpha")
    waits_for(office, "participants")
    press(second, message, "Beta")
    assert alpha.wait().text is None
    [shown] = shown_since(message, edits)
    assert says(shown, asks)
    assert "Beta" in shown


@pytest.mark.waits(3)
def test_late_status_does_not_jump_in_after_back(own_stage, office):
    anna = own_stage.anna
    message = open_menu(anna, "office")
    office.break_path("vsstatus", "slow", times=1, delay_s=2)
    office.clear_requests()
    late = anna.press(message, label("status"))
    waits_for(office, "vsstatus")
    edits = message.edits
    press(anna, message, BACK)
    late.wait()
    [shown] = shown_since(message, edits)
    assert says(shown, "servers")


@pytest.mark.waits(3)
def test_late_error_changes_nothing_either(own_stage, office):
    anna = own_stage.anna
    message = open_menu(anna, "office")
    office.clear_requests()
    office.break_path("users", "hang")
    late = anna.press(message, label("online"))
    waits_for(office, "users")
    edits = message.edits
    press(anna, message, BACK)
    office.mend()
    late.wait()
    [shown] = shown_since(message, edits)
    assert says(shown, "servers")


def test_edit_that_telegram_makes_wait_does_not_land_after_a_newer_press(own_stage, office):
    anna, telegram = own_stage.anna, own_stage.telegram
    message = open_menu(anna, "office")
    telegram.fail("editMessageText", 429, parameters={"retry_after": 1})
    press(anna, message, label("online"))
    edits = message.edits
    press(anna, message, BACK)
    telegram.fail("editMessageText", 429, parameters={"retry_after": 2})
    press(anna, message, "Berlin")
    wait_until(lambda: "Berlin" in message.text)
    assert [says(text, "online") for text in shown_since(message, edits)] == [None, None]


@pytest.mark.waits(3)
def test_press_that_only_says_something_leaves_the_message_to_the_one_before(own_stage, office):
    anna = own_stage.anna
    message = open_menu(anna, "office")
    office.break_path("users", "slow", times=1, delay_s=2)
    office.clear_requests()
    late = anna.press(message, label("online"))
    waits_for(office, "users")
    assert says(anna.press_data(message, "no such button").wait(), "out_of_date")
    late.wait()
    assert label("refresh") in message.labels


@pytest.mark.waits(4)
def test_result_of_a_stop_comes_as_a_new_message_where_somebody_has_pressed_on(own_stage, office):
    anna = own_stage.anna
    office.add_conference("Alpha")
    page = press(anna, open_menu(anna, "office"), label("conferences"), "Alpha")
    message = press(anna, page, label("stop"))
    office.break_path("stop", "slow", times=1, delay_s=2)
    office.clear_requests()
    stop = anna.press(calm(message), YES)
    waits_for(office, "/stop")
    press(anna, message, BACK)
    edits = message.edits
    stop.wait()
    told = anna.chat.wait_for(saying("result_stopped", title="Alpha", server="office"))
    assert told.id > message.id
    assert shown_since(message, edits) == []


# ---------------------------------------------------------------- a heavy thumb


@pytest.mark.parametrize("is_for_all", [False, True])
def test_second_tap_of_a_heavy_thumb_stops_nothing(own_stage, office, is_for_all):
    for title in ("Alpha", "Beta"):
        office.add_conference(title, people=(), age_s=7200)
    anna, wanted = own_stage.anna, label("stop_all", number=2) if is_for_all else "Alpha"
    message = press(anna, open_menu(anna, "office"), label("forgotten"), wanted)
    assert message.labels == [BACK, YES]
    assert says(anna.press(message, YES).wait(), "too_soon")
    assert message.labels == [BACK, YES]
    assert office.stops == []
    press(anna, message, YES)
    assert len(office.stops) == 1 + is_for_all


@pytest.mark.waits(2)
def test_tap_counts_from_when_the_question_landed_not_from_when_it_was_made(own_stage, office):
    office.add_conference("Alpha")
    anna = own_stage.anna
    message = press(anna, open_menu(anna, "office"), label("conferences"), "Alpha")
    own_stage.telegram.fail("editMessageText", 429, parameters={"retry_after": 2})
    press(anna, message, label("stop"))
    wait_until(lambda: YES in message.labels)
    assert says(anna.press(message, YES).wait(), "too_soon")
    assert office.stops == []


# ---------------------------------------------------------------- who waits holds up nobody


@pytest.mark.waits(5)
def test_presses_that_telegram_makes_wait_hold_up_nobody_else(own_stage, office):
    anna, boris, telegram = own_stage.anna, own_stage.boris, own_stage.telegram
    message = open_in_group(own_stage, "office")
    menu = open_menu(boris, "office")
    asked = {"retry_after": 50}
    telegram.fail(
        "editMessageText",
        429,
        parameters=asked,
        times=1000,
        when=lambda fields: fields["chat_id"] == str(own_stage.group.id),
    )
    button = message.button(label("online"))

    def refused():
        return [one for one in telegram.calls if one.status == 429]

    for number in range(WORKERS + 1):
        anna.press(message, button)
        wait_until(lambda number=number: len(refused()) > number)
    press(boris, menu, BACK)
    assert says(menu, "servers")
    assert label("refresh") not in message.labels  # it waits still


def test_what_is_remembered_of_messages_is_bounded():
    presses = Presses()
    first, last = (call_on(number) for number in (0, MOST_MESSAGES))
    for number in range(MOST_MESSAGES + 1):
        presses.begin(call_on(number) if 0 < number < MOST_MESSAGES else (first, last)[number > 0])
    assert len(presses) == MOST_MESSAGES
    assert presses.owns(last)
    assert not presses.owns(first)  # what is not known any more changes nothing


def call_on(number):
    user = types.User(ANNA, False, "Anna")
    chat = types.Chat(ANNA, "private")
    message = types.Message(number, user, 0, chat, "text", {}, "")
    return types.CallbackQuery(number, user, "", "", "", message=message)


def test_what_is_remembered_of_stopped_runs_is_bounded():
    server = Server("office", "https://127.0.0.1")
    for number in range(2 * stopping.MOST_REMEMBERED):
        stopping._claim(server, [str(number)], "Anna", Press("stop", shown_at=1))
    assert len(server.stopped_by) == stopping.MOST_REMEMBERED
    newest = next(reversed(server.stopped_by))
    with pytest.raises(stopping.NotNow):
        stopping._claim(server, [newest], "Boris", Press("stop", shown_at=1))
