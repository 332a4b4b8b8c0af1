"""Who gets what is told unasked: groups, those who cannot be reached, and Telegram's patience.

A stopped conference is told to all others by the same way as an alert, and without its delay.
"""

import time

import pytest

from tests.conftest import ANNA, BORIS, ask, label, open_menu, press, saying, says, wait_until

GROUP, NO_GROUP, NOBODY = -5005, -6006, 333333333
SUPERGROUP = -1001234567890


@pytest.fixture
def server(own_stage):
    return own_stage.new_server()


@pytest.fixture
def group(own_stage):
    return own_stage.telegram.group(GROUP, members=[own_stage.anna])


@pytest.fixture
def anna(own_stage, server, group):
    own_stage.telegram.person(NOBODY)
    own_stage.start_bot({"Moscow": server.settings()}, users=(NOBODY, BORIS, NO_GROUP, GROUP, ANNA))
    own_stage.expected_refusals.append("chat not found")
    return own_stage.anna


def stop(anna, server, title):
    """Let Anna stop a conference of this title: all others are told."""
    server.add_conference(title)
    page = press(anna, open_menu(anna, "Moscow"), label("conferences"), title)
    press(anna, page, label("stop"), label("confirm_stop"))


def calls_to(stage, chat_id):
    sent = [call for call in stage.telegram.calls if call.method == "sendMessage"]
    return [call for call in sent if call.parameters["chat_id"] == str(chat_id)]


def test_who_cannot_be_reached_is_logged_once_and_holds_up_nobody(own_stage, anna, group, server):
    boris = own_stage.boris
    boris.block_bot()
    titles = ["First", "Second", "Third"]
    for title in titles:
        stop(anna, server, title)
        group.wait_for(title)
    for chat_id in (BORIS, NO_GROUP, NOBODY):
        wait_until(lambda chat_id=chat_id: len(calls_to(own_stage, chat_id)) == 3)
    bot = own_stage.bot
    bot.wait_for_output(f"{BORIS} gets no alerts: 403 Forbidden: bot was blocked by the user")
    bot.wait_for_output(f"{NO_GROUP} gets no alerts: 400 Bad Request: chat not found")
    bot.wait_for_output(f"{NOBODY} gets no alerts: 403 Forbidden")
    assert bot.output.count("gets no alerts") == 3

    boris.unblock_bot()
    stop(anna, server, "Fourth")
    assert "Fourth" in boris.chat.wait_for(saying("stopped_by")).text
    assert len(boris.chat.bot_messages) == 1
    boris.block_bot()
    stop(anna, server, "Fifth")
    wait_until(lambda: bot.output.count(f"{BORIS} gets no alerts") == 2, what="a second line")


def test_group_that_became_a_supergroup_is_followed_and_saved(own_stage, anna, group, server):
    stop(anna, server, "First")
    group.wait_for("First")
    supergroup = group.upgrade_to_supergroup(SUPERGROUP)
    own_stage.expected_refusals.append("upgraded to a supergroup")
    stop(anna, server, "Second")
    supergroup.wait_for("Second")
    stop(anna, server, "Third")
    supergroup.wait_for("Third")
    assert len(calls_to(own_stage, GROUP)) == 2
    expected = [NOBODY, BORIS, NO_GROUP, SUPERGROUP, ANNA]
    saved = own_stage.bot.read_settings
    wait_until(lambda: saved()["tg-users-id"] == expected, what="the new ID in the file")
    own_stage.bot.wait_for_output(f"the group {GROUP} is now {SUPERGROUP}")

    own_stage.bot.stop()
    own_stage.wake_bot()
    stop(anna, server, "Fourth")
    supergroup.wait_for("Fourth")
    assert len(calls_to(own_stage, GROUP)) == 2
    assert says(ask(anna, "/start", supergroup), "servers")


@pytest.mark.parametrize("hours_from_now", [-1, 1])
def test_alerts_reach_their_topic_and_make_no_sound_in_quiet_hours(
    own_stage, server, hours_from_now
):
    anna, now = own_stage.anna, time.time()
    group = own_stage.telegram.group(SUPERGROUP, members=[anna], topics={17: "Alerts"})
    ends = [time.localtime(now + 3600 * hours) for hours in (hours_from_now, hours_from_now + 2)]
    own_stage.start_bot(
        {"Moscow": server.settings()},
        users=(ANNA, BORIS, f"{SUPERGROUP}:17", SUPERGROUP),
        **{"quiet-hours": "-".join(time.strftime("%H:%M", end) for end in ends)},
    )
    stop(anna, server, "First")
    group.wait_for("First")
    wait_until(lambda: len(calls_to(own_stage, SUPERGROUP)) == 2)
    assert {message.topic for message in group.bot_messages} == {None, 17}
    sent = [call.parameters for call in calls_to(own_stage, SUPERGROUP)]
    is_quiet = {one.get("disable_notification") in ("true", "True") for one in sent}
    assert is_quiet == {hours_from_now < 0}


def test_group_that_threw_the_bot_out_is_logged_once(own_stage, anna, group, server):
    group.kick_bot()
    for title in ("First", "Second"):
        stop(anna, server, title)
        own_stage.boris.chat.wait_for(title)
    wait_until(lambda: len(calls_to(own_stage, GROUP)) == 2)
    own_stage.bot.wait_for_output(f"{GROUP} gets no alerts: 403 Forbidden: bot was kicked")
    assert own_stage.bot.output.count(f"{GROUP} gets no alerts") == 1


def test_pause_that_telegram_asks_for_is_kept_and_holds_up_nobody_else(
    own_stage, anna, group, server
):
    own_stage.telegram.fail(
        "sendMessage",
        429,
        parameters={"retry_after": 2},
        when=lambda parameters: parameters["chat_id"] == str(BORIS),
    )
    stop(anna, server, "First")
    group.wait_for("First")
    own_stage.boris.chat.wait_for("First")
    refused, taken = calls_to(own_stage, BORIS)
    [to_the_group] = calls_to(own_stage, GROUP)
    assert refused.status == 429
    assert taken.at - refused.at >= 2
    assert to_the_group.at < taken.at
    assert len(own_stage.boris.chat.bot_messages) == 1


def test_what_waits_for_one_recipient_comes_together_and_in_order(own_stage, anna, group, server):
    own_stage.telegram.fail(
        "sendMessage",
        429,
        parameters={"retry_after": 1},
        times=1000,
        when=lambda parameters: parameters["chat_id"] == str(BORIS),
    )
    titles = [f"Webinar {number}" for number in range(1, 8)]
    for title in titles:
        stop(anna, server, title)
    own_stage.telegram.clear_faults()
    told = own_stage.boris.chat.wait_for("Webinar 7")
    assert says(told, "alert_several", number=7, news="Moscow")
    places = [told.text.index(title) for title in titles]
    assert places == sorted(places)
