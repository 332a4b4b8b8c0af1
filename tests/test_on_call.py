"""On call: who takes an outage, reminders, pauses, the end of a certificate, and restarts."""

import re
import time

import pytest

from demo.trueconf.certificates import Certificate
from tests.conftest import (
    ANNA,
    BORIS,
    label,
    open_menu,
    press,
    saying,
    says,
    shows_moment,
    wait_until,
)
from texts import duration, plain_text, words

GROUP = -5005
TAKE, RELEASE, OPEN = label("take"), label("release"), label("open", server="Moscow")


def start(stage, server, **status):
    """The bot looks at the server each second and tells Anna, Boris and a group."""
    stage.telegram.group(GROUP, members=[stage.anna, stage.boris])
    watched = {"state": 1, "timeout": 1, **status}
    stage.start_bot({"Moscow": server.settings(server_status=watched)}, users=(ANNA, BORIS, GROUP))
    wait_for_looks(server, 1)
    return [stage.anna.chat, stage.boris.chat, stage.telegram.group(GROUP)]


def restart(stage):
    assert stage.bot.stop() == 0
    stage.wake_bot()


def wait_for_looks(server, count, path="/api/v4/server"):
    def looks():
        return sum(request.path == path for request in server.requests)

    wanted = looks() + count
    wait_until(lambda: looks() >= wanted, what=f"{count} looks")


def wait_for_taker(stage, message, who):
    stage.telegram.wait_until(lambda: says(message, "mark_taken", who=who))


@pytest.fixture
def server(own_stage):
    return own_stage.new_server()


# ---------------------------------------------------------------- I'll take it


@pytest.mark.waits(10)
def test_who_takes_an_outage_is_seen_by_all_and_only_the_first(own_stage, server):
    chats = start(own_stage, server)
    boris, chat_of_boris = own_stage.boris, own_stage.boris.chat
    server.go_down()
    alerts = [chat.wait_for("🔴 Moscow\n") for chat in chats]
    assert all(says(alert, "state_down", reason=words("reason_refused")) for alert in alerts)
    assert all(alert.labels == [TAKE, OPEN] for alert in alerts)
    since, data = says(alerts[0], "alert_since")["time"], alerts[0].button(TAKE).data
    press(boris, alerts[1], TAKE)
    for alert in alerts:
        wait_for_taker(own_stage, alert, "Boris")
        assert alert.text.startswith("🔴 Moscow\n")
        assert says(alert, "state_down", reason=words("reason_refused"))
        assert says(alert, "alert_since", time=since)
        wait_until(lambda alert=alert: alert.labels == [RELEASE, OPEN])
    for chat in (chats[0], chats[2]):
        chat.wait_for(saying("alert_taken", server="Moscow", who="Boris"))
    own_stage.bot.wait_for_output(f"Moscow taken by Boris ({BORIS})")

    late = own_stage.anna.press_data(alerts[0], data).wait()
    assert says(late, "taken_already", who="Boris")
    boris.press(alerts[1], OPEN).wait()
    menu = chat_of_boris.wait_for(saying("menu_question"))
    assert label("status") in menu.labels
    server.come_back()
    for chat in chats:
        assert says(chat.wait_for("🟢 Moscow\n"), "alert_up")
    for alert in alerts:  # it stays what it is, and says that it is over
        own_stage.telegram.wait_until(lambda alert=alert: says(alert, "mark_over"))
        assert alert.text.startswith("🔴 Moscow\n")
        assert says(alert, "mark_taken", who="Boris")
        assert alert.labels == [OPEN]
    assert own_stage.anna.press_data(alerts[0], data).wait().text == plain_text("outage_over")
    assert len(chat_of_boris.bot_messages) == 3


@pytest.mark.waits(10)
def test_who_took_an_outage_by_mistake_can_hand_it_over(own_stage, server):
    chats = start(own_stage, server)
    server.go_down()
    alerts = [chat.wait_for("🔴 Moscow\n") for chat in chats]
    own_stage.boris.press(alerts[1], TAKE).wait()
    wait_for_taker(own_stage, alerts[0], "Boris")
    own_stage.anna.press(alerts[0], RELEASE).wait()
    for chat in chats[1:2]:
        chat.wait_for(saying("alert_released", server="Moscow", who="Anna"))
    for alert in alerts:
        wait_until(lambda alert=alert: alert.labels == [TAKE, OPEN])
        assert not says(alert, "mark_taken")
    status = press(own_stage.anna, open_menu(own_stage.anna, "Moscow"), label("status"))
    press(own_stage.anna, status, TAKE, RELEASE)
    assert TAKE in status.labels


def test_alert_that_waits_while_somebody_takes_it_comes_with_the_name(own_stage, server):
    chats = start(own_stage, server)
    anna = own_stage.anna
    own_stage.telegram.fail(
        "sendMessage",
        429,
        parameters={"retry_after": 1},
        times=1000,
        when=lambda parameters: parameters["chat_id"] == str(BORIS),
    )
    server.go_down()
    press(anna, anna.chat.wait_for("🔴 Moscow"), TAKE)
    chats[2].wait_for(saying("alert_taken"))
    own_stage.telegram.clear_faults()
    alert = own_stage.boris.chat.wait_for("🔴 Moscow")
    assert says(alert, "mark_taken", who="Anna")
    assert alert.labels == [RELEASE, OPEN]


def test_who_takes_an_outage_is_told_although_telegram_takes_no_edit_of_theirs(own_stage, server):
    chats = start(own_stage, server)
    server.go_down()
    alerts = [chat.wait_for("🔴 Moscow") for chat in chats]
    own_stage.telegram.fail("editMessageText", code=502, times=2)
    own_stage.anna.press_data(alerts[0], alerts[0].button(TAKE).data).wait()
    for chat in chats[1:]:
        chat.wait_for(saying("alert_taken", who="Anna"))
    for alert in alerts:
        wait_for_taker(own_stage, alert, "Anna")


@pytest.mark.waits(10)
def test_outage_outlives_the_bot_and_is_told_once_and_to_its_end(own_stage, server):
    chats = start(own_stage, server)
    server.go_down()
    went_down_at = time.time()
    alerts = [chat.wait_for("🔴 Moscow") for chat in chats]
    restart(own_stage)
    press(own_stage.boris, alerts[1], TAKE)
    for alert in alerts:
        wait_for_taker(own_stage, alert, "Boris")
    restart(own_stage)
    status = press(own_stage.anna, open_menu(own_stage.anna, "Moscow"), label("status"))
    assert says(status, "mark_taken", who="Boris")
    assert TAKE not in status.labels

    assert own_stage.bot.stop() == 0
    server.come_back()
    came_back_at = time.time()
    own_stage.wake_bot()
    for chat in chats:
        recovery = chat.wait_for("🟢 Moscow\n")
        outage = says(recovery, "alert_outage")
        at_most = says(outage["duration"], "at_most")
        assert says(at_most["duration"], "duration_seconds")
        assert shows_moment(outage, "since", went_down_at)
        assert shows_moment(outage, "until", came_back_at)
        assert sum("🔴 Moscow" in one.text for one in chat.bot_messages) == 1
    for alert in alerts:
        own_stage.telegram.wait_until(lambda alert=alert: says(alert, "mark_over"))


@pytest.mark.waits(20)
def test_reminders_come_until_somebody_takes_it(own_stage, server):
    chats = start(own_stage, server, repeat=0.001)
    server.core_down()
    first = chats[0].wait_for("🟡 Moscow\n")
    reminder = chats[0].wait_for(saying("alert_still"))
    assert says(first.text.splitlines()[1], "state_service_down", port=server.status_port)
    assert reminder.text.startswith("🟡 Moscow\n")
    assert says(reminder.text.splitlines()[1], "alert_still")  # no new outage, at first sight
    assert says(reminder, "state_service_down", port=server.status_port)
    assert reminder.labels == first.labels == [TAKE, OPEN]
    status = press(own_stage.anna, open_menu(own_stage.anna, "Moscow"), label("status"))
    press(own_stage.anna, status, TAKE)
    assert says(status, "mark_taken", who="Anna")
    last = chats[1].wait_for(saying("alert_taken", who="Anna"))
    wait_for_looks(server, 6)
    assert chats[1].last is last
    server.core_back()
    assert says(chats[1].wait_for("🟢 Moscow\n"), "alert_outage_service")


@pytest.mark.waits(10)
def test_website_alone_has_a_light_and_words_of_its_own(own_stage, server):
    chats = start(own_stage, server)
    server.web_down()
    assert says(chats[0].wait_for("🟠 Moscow\n"), "state_web_down")
    server.web_back()
    assert says(chats[0].wait_for("🟢 Moscow\n"), "alert_outage_web")


@pytest.mark.waits(15)
def test_server_whose_service_is_not_asked_is_only_up_or_down(own_stage, server):
    chats = start(own_stage, server, port=0)
    server.core_down()
    wait_for_looks(server, 4)
    status = press(own_stage.anna, open_menu(own_stage.anna, "Moscow"), label("status"))
    assert "🟢" in status.text
    assert chats[1].bot_messages == []
    server.web_down()
    assert says(chats[1].wait_for("🔴 Moscow\n"), "state_down")
    server.web_back()
    assert says(chats[1].wait_for("🟢 Moscow\n"), "alert_outage")
    assert [one.text[0] for one in chats[1].bot_messages] == ["🔴", "🟢"]


@pytest.mark.waits(10)
def test_outage_that_gets_worse_keeps_the_time_of_its_alert_when_somebody_takes_it(
    own_stage, server
):
    chats = start(own_stage, server)
    server.core_down()
    chats[0].wait_for("🟡 Moscow")
    server.web_down()
    alert = chats[0].wait_for("🔴 Moscow\n")
    since = says(alert, "alert_since")["time"]
    press(own_stage.anna, alert, TAKE)
    wait_for_taker(own_stage, alert, "Anna")
    assert says(alert, "alert_since", time=since)


# ---------------------------------------------------------------- pauses


@pytest.mark.waits(15)
def test_pause_is_told_survives_a_restart_and_anybody_can_end_it(own_stage, server):
    chats = start(own_stage, server)
    anna, boris = own_stage.anna, own_stage.boris
    status = press(anna, open_menu(anna, "Moscow"), label("status"))
    press(anna, status, label("pause", duration=duration(3600)))
    ends_at = time.time() + 3600
    assert shows_moment(says(status, "paused"), "time", ends_at)
    assert label("pause_end") in status.labels
    line = chats[1].wait_for("🔧 Moscow\n")
    assert shows_moment(says(line, "alert_paused", who="Anna"), "time", ends_at)
    own_stage.bot.wait_for_output(f"Moscow: paused for 1 h, by Anna ({ANNA})")

    server.go_down()
    went_down_at = time.time()
    own_stage.bot.wait_for_output("Moscow: down (port")
    restart(own_stage)
    boris.press(line, OPEN).wait()
    menu = boris.chat.wait_for(saying("menu_question"))
    assert shows_moment(says(menu, "paused"), "time", ends_at)
    status = press(boris, menu, label("status"))
    assert not any("🔴 Moscow" in one.text for chat in chats for one in chat.bot_messages)
    press(boris, status, label("pause_end"))
    own_stage.bot.wait_for_output(f"Moscow: pause ended, by Boris ({BORIS})")
    for chat in chats:
        told = chat.wait_for(saying("pause_over"))
        assert told.text.startswith("🔧 Moscow\n")
        assert "🔴" in told.text
        span = says(told, "pause_outages", 1)
        assert shows_moment(re.match("(?P<time>.*)", span["span"]), "time", went_down_at)
        alert = chat.wait_for("🔴 Moscow\n")
        assert shows_moment(says(alert, "alert_since"), "time", went_down_at)
        assert alert.labels == [TAKE, OPEN]
    server.come_back()
    recovery = chats[0].wait_for("🟢 Moscow\n")
    assert shows_moment(says(recovery, "alert_outage"), "since", went_down_at)


@pytest.mark.waits(15)
def test_who_switches_the_alerts_off_is_told_to_the_others(own_stage, server):
    chats = start(own_stage, server)
    anna = own_stage.anna
    status = press(anna, open_menu(anna, "Moscow"), label("status"))
    press(anna, status, label("monitoring_off"))
    screen = press(anna, open_menu(anna, "Moscow"), label("forgotten"))
    press(anna, screen, label("forgotten_alerts_on", age=duration(3600)))
    press(anna, screen, label("forgotten_alerts_off"))
    for chat in chats[1:]:
        line = chat.wait_for(saying("alert_monitoring_off", server="Moscow", who="Anna"))
        assert line.labels == [OPEN]
        chat.wait_for(saying("alert_forgotten_off", server="Moscow", who="Anna"))
        assert len(chat.bot_messages) == 2


# ---------------------------------------------------------------- the rest


def test_certificate_that_ends_soon_is_told_once(own_stage):
    server = own_stage.new_server(certificate=Certificate(ends_in_days=2.9))
    chats = start(own_stage, server)
    for chat in chats:
        assert says(chat.wait_for("⏳ Moscow\n"), "certificate_ends", 3)
    restart(own_stage)
    wait_for_looks(server, 2)
    assert [len(chat.bot_messages) for chat in chats] == [1, 1, 1]


@pytest.mark.waits(15)
def test_server_that_answers_now_and_then_has_a_word_on_status(own_stage, server):
    start(own_stage, server)
    for _ in range(3):
        server.break_path("vsstatus", "status", times=1, status=503)
        wait_for_looks(server, 3, "/vsstatus")  # the spoilt one, and good ones after it
    own_stage.bot.wait_for_output("Moscow: unsteady, 3 looks lost")
    status = press(own_stage.anna, open_menu(own_stage.anna, "Moscow"), label("status"))
    assert says(status, "unsteady", 3)
    assert len(own_stage.anna.chat.bot_messages) == 1
