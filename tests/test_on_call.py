"""On call: who takes an outage, reminders, pauses, the end of a certificate, and restarts."""

import re
import time

import pytest

from demo.trueconf.certificates import Certificate
from tests.conftest import ANNA, BORIS, open_menu, press, shows_moment, wait_until

GROUP = -5005
TAKE, OPEN = "🙋 I'll take it", "Open: Moscow"
BY_BORIS = f"Boris ({BORIS})"


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


def wait_for_looks(server, count):
    def looks():
        return sum(request.path == "/api/v4/server" for request in server.requests)

    wanted = looks() + count
    wait_until(lambda: looks() >= wanted, what=f"{count} looks")


def wait_for_text(stage, message, words):
    stage.telegram.wait_until(lambda: words in message.text)


@pytest.fixture
def server(own_stage):
    return own_stage.new_server()


# ---------------------------------------------------------------- I'll take it


def test_who_takes_an_outage_is_seen_by_all_and_only_the_first(own_stage, server):
    chats = start(own_stage, server)
    boris, chat_of_boris = own_stage.boris, own_stage.boris.chat
    server.go_down()
    alerts = [chat.wait_for("🔴 Moscow\nThe server does not respond") for chat in chats]
    assert all(alert.labels == [TAKE, OPEN] for alert in alerts)
    told, data = alerts[0].text.partition("\nSince")[0], alerts[0].button(TAKE).data
    press(boris, alerts[1], TAKE)
    assert alerts[1].text.endswith(f"\n🙋 Taken by: {BY_BORIS}")
    for alert in alerts:
        wait_for_text(own_stage, alert, f"\n🙋 Taken by: {BY_BORIS}")
        assert alert.text.startswith(told)
        assert alert.labels == [OPEN]
    for chat in (chats[0], chats[2]):
        chat.wait_for(f"🙋 Moscow\n{BY_BORIS} takes care of it.")
    own_stage.bot.wait_for_output(f"Moscow: the outage is taken by {BY_BORIS}")

    late = own_stage.anna.press_data(alerts[0], data).wait()
    assert late.text == f"{BY_BORIS} takes care of it already."
    press(boris, alerts[1], OPEN)
    server.come_back()
    for chat in chats:
        chat.wait_for("🟢 Moscow\nUp again")
    wait_until(lambda: alerts[0].labels == alerts[2].labels == [])
    assert "What would you like to see?" in alerts[1].text  # it has been a screen since
    assert "Status" in alerts[1].labels
    assert own_stage.anna.press_data(alerts[0], data).wait().text == "This outage is over."
    assert len(chat_of_boris.bot_messages) == 2


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
    chats[2].wait_for("takes care of it")
    own_stage.telegram.clear_faults()
    alert = own_stage.boris.chat.wait_for("🔴 Moscow")
    assert f"🙋 Taken by: Anna ({ANNA})" in alert.text
    assert alert.labels == [OPEN]


def test_who_takes_an_outage_is_told_although_telegram_takes_no_edit_of_theirs(own_stage, server):
    chats = start(own_stage, server)
    server.go_down()
    alerts = [chat.wait_for("🔴 Moscow") for chat in chats]
    own_stage.telegram.fail("editMessageText", code=502, times=2)
    own_stage.anna.press_data(alerts[0], alerts[0].button(TAKE).data).wait()
    for chat in chats[1:]:
        chat.wait_for("takes care of it")
    for alert in alerts:
        wait_for_text(own_stage, alert, f"🙋 Taken by: Anna ({ANNA})")


def test_outage_outlives_the_bot_and_is_told_once_and_to_its_end(own_stage, server):
    chats = start(own_stage, server)
    server.go_down()
    went_down_at = time.time()
    alerts = [chat.wait_for("🔴 Moscow") for chat in chats]
    restart(own_stage)
    press(own_stage.boris, alerts[1], TAKE)
    for alert in alerts:
        wait_for_text(own_stage, alert, f"🙋 Taken by: {BY_BORIS}")
    restart(own_stage)
    status = press(own_stage.anna, open_menu(own_stage.anna, "Moscow"), "Status")
    assert f"🙋 Taken by: {BY_BORIS}" in status.text
    assert TAKE not in status.labels

    assert own_stage.bot.stop() == 0
    server.come_back()
    came_back_at = time.time()
    own_stage.wake_bot()
    for chat in chats:
        recovery = chat.wait_for("🟢 Moscow\nUp again")
        assert re.search(r"\nIt was down for at most \d+\ss: ", recovery.text)
        assert shows_moment(recovery.text, ":", went_down_at)
        assert shows_moment(recovery.text, "–", came_back_at)
        assert sum("🔴 Moscow" in one.text for one in chat.bot_messages) == 1
    assert own_stage.bot.stop() == 0
    section = own_stage.bot.read_settings()["servers"]["Moscow"]
    assert "down_since" not in section["server_status"]
    assert (section["told"]["states"], section["told"]["taken_by"]) == ([], "")


def test_reminders_come_until_somebody_takes_it(own_stage, server):
    chats = start(own_stage, server, repeat=0.001)
    server.core_down()
    first = chats[0].wait_for("🟡 Moscow\nThe service does not respond")
    reminder = chats[0].wait_for("\nStill so after")
    assert reminder.text.startswith("🟡 Moscow\nThe service does not respond")
    assert reminder.labels == [TAKE, OPEN]
    wait_until(lambda: first.labels == [])
    status = press(own_stage.anna, open_menu(own_stage.anna, "Moscow"), "Status")
    press(own_stage.anna, status, TAKE)
    assert f"🙋 Taken by: Anna ({ANNA})" in status.text
    last = chats[1].wait_for("Anna (111111111) takes care of it")
    wait_for_looks(server, 6)
    assert chats[1].last is last
    server.core_back()
    assert "\nThe service did not respond for" in chats[1].wait_for("🟢 Moscow\nUp again").text


def test_website_alone_has_a_light_and_words_of_its_own(own_stage, server):
    chats = start(own_stage, server)
    server.web_down()
    chats[0].wait_for("🟠 Moscow\nThe website does not respond")
    server.web_back()
    recovery = chats[0].wait_for("🟢 Moscow\nUp again")
    assert "\nThe website did not respond for" in recovery.text


def test_server_whose_service_is_not_asked_is_only_up_or_down(own_stage, server):
    chats = start(own_stage, server, port=0)
    server.core_down()
    wait_for_looks(server, 4)
    status = press(own_stage.anna, open_menu(own_stage.anna, "Moscow"), "Status")
    assert "🟢" in status.text
    assert chats[1].bot_messages == []
    server.web_down()
    chats[1].wait_for("🔴 Moscow\nThe server does not respond")
    server.web_back()
    recovery = chats[1].wait_for("🟢 Moscow\nUp again")
    assert "\nIt was down for" in recovery.text
    assert [one.text[0] for one in chats[1].bot_messages] == ["🔴", "🟢"]


def test_outage_that_gets_worse_keeps_the_time_of_its_alert_when_somebody_takes_it(
    own_stage, server
):
    chats = start(own_stage, server)
    server.core_down()
    chats[0].wait_for("🟡 Moscow")
    server.web_down()
    alert = chats[0].wait_for("🔴 Moscow\nThe server does not respond")
    since = re.search(r"\nSince (\S+) ", alert.text)[1]
    press(own_stage.anna, alert, TAKE)
    assert f"\nSince {since} " in alert.text
    assert f"🙋 Taken by: Anna ({ANNA})" in alert.text


# ---------------------------------------------------------------- pauses


def test_pause_is_told_survives_a_restart_and_anybody_can_end_it(own_stage, server):
    chats = start(own_stage, server)
    anna, boris = own_stage.anna, own_stage.boris
    status = press(anna, open_menu(anna, "Moscow"), "Status")
    press(anna, status, "🔧 Pause 1 h")
    ends_at = time.time() + 3600
    assert shows_moment(status.text, "🔧 Paused until", ends_at)
    assert "🔧 End the pause" in status.labels
    line = chats[1].wait_for("🔧 Moscow\nPaused until")
    assert line.text.endswith(f"By: Anna ({ANNA})")
    own_stage.bot.wait_for_output(f"Moscow: paused for 1 h, by Anna ({ANNA})")

    server.go_down()
    went_down_at = time.time()
    own_stage.bot.wait_for_output("Moscow: down (port")
    restart(own_stage)
    menu = press(boris, line, OPEN)
    assert shows_moment(menu.text, "🔧 Paused until", ends_at)
    menu = press(boris, line, "Status")
    assert not any("🔴 Moscow" in one.text for chat in chats for one in chat.bot_messages)
    press(boris, menu, "🔧 End the pause")
    assert "Paused" not in menu.text
    own_stage.bot.wait_for_output(f"Moscow: pause ended, by {BY_BORIS}")
    for chat in chats:
        told = chat.wait_for("🔴 Moscow\nThe server does not respond")
        assert shows_moment(told.text, "\nThe pause is over. Meanwhile: 🔴", went_down_at)
        assert told.text.count("🔴") == 2  # once as the light, once as what happened
        assert told.labels == [TAKE, OPEN]
    server.come_back()
    assert shows_moment(chats[0].wait_for("🟢 Moscow\nUp again").text, ":", went_down_at)


# ---------------------------------------------------------------- the rest


def test_certificate_that_ends_soon_is_told_once(own_stage):
    server = own_stage.new_server(certificate=Certificate(ends_in_days=2.9))
    chats = start(own_stage, server)
    for chat in chats:
        chat.wait_for("⏳ Moscow\nCertificate ends in 3 days, on 20")
    restart(own_stage)
    wait_for_looks(server, 2)
    assert [len(chat.bot_messages) for chat in chats] == [1, 1, 1]


def test_server_that_answers_now_and_then_has_a_word_on_status(own_stage, server):
    start(own_stage, server)
    for _ in range(3):
        server.break_path("vsstatus", "status", times=1, status=503)
        wait_for_looks(server, 3)
    own_stage.bot.wait_for_output("Moscow: unsteady, 3 looks lost")
    status = press(own_stage.anna, open_menu(own_stage.anna, "Moscow"), "Status")
    assert "⚠️ Unsteady: 3 of the last looks" in status.text
    assert len(own_stage.anna.chat.bot_messages) == 1
