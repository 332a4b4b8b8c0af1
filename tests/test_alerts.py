"""What the bot tells unasked about the state of servers, whatever the network does meanwhile."""

import itertools
import re
import sys
import time
from functools import partial

import pytest
import telebot
from telebot import apihelper
from telebot.apihelper import ApiTelegramException

import alerts
import lib.telegram
import texts
from lib import settings
from status_watcher import StateChange
from tests.conftest import (
    ANNA,
    BORIS,
    TOKEN,
    BotProcess,
    label,
    open_menu,
    press,
    saying,
    says,
    shows_moment,
    wait_until,
)
from texts import duration, screens, words
from trueconf_api import DOWN, SERVICE_DOWN, Server, Status

GROUP = -5005
WATCHED = {"state": 1, "timeout": 1}
CREDENTIALS = {"ip": "moscow.example.org", "client_id": "id", "client_secret": "secret"}


def watched_servers(stage, *names):
    """Start a bot that checks these servers each second; return them by name."""
    servers = {name: stage.new_server() for name in names}
    stage.start_bot(
        {name: server.settings(server_status=WATCHED) for name, server in servers.items()},
        users=(ANNA, BORIS, GROUP),
    )
    # The first look is over when the second has begun.
    wait_until(lambda: all(looks(one) > 1 for one in servers.values()), what="the first looks")
    return servers


def looks(server):
    return sum(request.path == "/vsstatus" for request in server.requests)


def wait_for_looks(server, count):
    wanted = looks(server) + count
    wait_until(lambda: looks(server) >= wanted, what=f"{count} looks")


def chats_of(stage):
    group = stage.telegram.group(GROUP, members=[stage.anna])
    return [stage.anna.chat, stage.boris.chat, group]


# ---------------------------------------------------------------- down and up


@pytest.fixture(scope="module")
def servers(stage):
    chats_of(stage)
    return watched_servers(stage, "Moscow", "Berlin", "Madrid", "Vienna", "Lisbon")


def alerts_about(chat, *names):
    return [one for one in chat.bot_messages if one.text.partition("\n")[0][2:] in names]


def test_only_a_lasting_change_is_told(stage, servers):
    """Moscow loses a look, Berlin flaps, Madrid really fails."""
    failed_at = time.time()
    for part in ("vsstatus", "v4/server"):
        servers["Madrid"].break_path(part, "status", status=503)
    servers["Moscow"].break_path("vsstatus", "status", times=1, status=500)
    servers["Berlin"].break_path("vsstatus", "status", times=2, status=500)
    for chat in chats_of(stage):
        alert = chat.wait_for("🔴 Madrid\n")
        assert says(alert, "state_down", reason=words("reason_http", status=503))
        assert shows_moment(says(alert, "alert_since"), "time", failed_at)
        assert alert.labels == [label("take"), label("open", server="Madrid")]
        assert alerts_about(chat, "Moscow", "Berlin", "Madrid") == [alert]
    wait_for_looks(servers["Berlin"], 2)
    assert alerts_about(stage.anna.chat, "Moscow", "Berlin", "Madrid") == [alert_of(stage.anna)]
    message = press(stage.anna, alert_of(stage.anna), "Madrid")
    assert says(message, "menu_question")


def alert_of(person):
    return person.chat.wait_for("🔴 Madrid\n")


def test_check_that_is_switched_off_is_off_at_once_and_for_good(stage, servers):
    anna, bot = stage.anna, stage.bot
    screen = press(anna, open_menu(anna, "Lisbon"), label("status"))
    assert says(screen, "monitoring_on", interval=duration(1))
    press(anna, screen, label("monitoring_off"))
    assert says(screen, "monitoring_off")
    servers["Lisbon"].go_down()
    servers["Vienna"].core_down()
    assert says(stage.boris.chat.wait_for("🟡 Vienna\n"), "state_service_down")
    wait_for_looks(servers["Moscow"], 2)
    assert alerts_about(stage.boris.chat, "Lisbon") == []

    def state():
        return bot.read_settings()["servers"]["Lisbon"]["server_status"]["state"]

    wait_until(lambda: state() == 0, what="the switch in the file")


def test_many_servers_at_once_are_all_told_within_telegrams_limits(own_stage):
    """Telegram takes five messages at once and then one a second; the rest comes together."""
    own_stage.telegram.strict_pacing = True
    server = own_stage.new_server()
    names = [f"server {number:02}" for number in range(1, 31)]
    own_stage.start_bot({name: server.settings(server_status=WATCHED) for name in names})
    wait_until(lambda: looks(server) >= len(names), what="the first looks")
    server.go_down()

    def told(chat):
        text = "\n".join(one.text for one in chat.bot_messages)
        return sorted(re.findall(r"^🔴 (server \d\d)\n", text, re.MULTILINE))

    for chat in chats_of(own_stage)[:2]:
        own_stage.telegram.wait_until(lambda chat=chat: told(chat) == names)
        assert len(chat.bot_messages) < 20
        together = filter(None, map(saying("alert_several"), chat.bot_messages))
        assert any("🔴 server" in found["news"] for found in together)


# ---------------------------------------------------------------- when Telegram is silent


@pytest.mark.waits(10)
def test_what_happened_while_telegram_was_silent_comes_as_one_message(own_stage):
    """Some servers were down and one was not, so they are told by name."""
    chats = chats_of(own_stage)
    servers = watched_servers(own_stage, "Moscow", "Berlin", "Madrid")
    own_stage.telegram.go_down()
    own_stage.bot.wait_for_output(saying("telegram_silent"))
    silent_at = time.time()
    for name in ("Moscow", "Berlin"):
        servers[name].go_down()
    for name in ("Moscow", "Berlin"):
        own_stage.bot.wait_for_output(f"{name}: down (port")
        servers[name].come_back()
    back_at = time.time()
    for name in ("Moscow", "Berlin"):
        own_stage.bot.wait_for_output(f"{name}: up")
    own_stage.telegram.come_back()
    for chat in chats:
        message = chat.wait_for(saying("alert_missed"))
        late = says(message, "alert_missed")
        assert sorted(late["news"].split(", ")) == ["🟢 Berlin", "🟢 Moscow"]
        assert shows_moment(late, "since", silent_at)
        for name in ("Moscow", "Berlin"):
            down, up = part_of(message, f"🔴 {name}\n"), part_of(message, f"🟢 {name}\n")
            assert shows_moment(says(down, "alert_since"), "time", silent_at)
            assert shows_moment(says(up, "alert_outage"), "since", silent_at)
            assert shows_moment(says(up, "alert_outage"), "until", back_at)
        assert "Madrid" not in message.text
        assert sorted(message.labels) == [
            label("open", server=name) for name in ("Berlin", "Moscow")
        ]
        assert chat.bot_messages == [message]


def part_of(message, beginning):
    """The one of several alerts in a message that begins like this."""
    [part] = [part for part in message.text.split("\n\n") if part.startswith(beginning)]
    return part


@pytest.mark.waits(15)
def test_outage_of_the_own_network_is_told_as_that(own_stage):
    chats = chats_of(own_stage)
    names = ["Moscow", "Berlin", "Madrid"]
    servers = watched_servers(own_stage, *names)
    began_at = time.time()
    own_stage.telegram.go_down()
    for server in servers.values():
        server.go_down()
    for name in names:
        own_stage.bot.wait_for_output(f"{name}: down (port")
    ended_at = time.time()
    for server in servers.values():
        server.come_back()
    own_stage.telegram.come_back()
    for chat in chats:
        message = chat.wait_for(saying("alert_own_network"))
        assert shows_moment(says(message, "alert_own_network"), "since", began_at)
        assert shows_moment(says(message, "alert_own_network"), "until", ended_at)
        assert not any(name in message.text for name in names)
    wait_for_looks(servers["Moscow"], 3)
    assert [len(chat.bot_messages) for chat in chats] == [1, 1, 1]


def test_watch_begins_although_telegram_is_silent_at_the_start(own_stage):
    server = own_stage.new_server()
    server.go_down()  # already then
    started_at = time.time()
    own_stage.telegram.go_down()
    own_stage.write_settings({"Moscow": server.settings(server_status=WATCHED)})
    own_stage.bot.start()
    own_stage.bot.wait_for_output("Moscow: down (port")
    assert "Bot is running..." not in own_stage.bot.output
    own_stage.telegram.come_back()
    own_stage.bot.wait_for_output("Bot is running...")
    message = own_stage.anna.chat.wait_for("🔴 Moscow\n")
    # Whether it was tried while Telegram was silent, and is told as missed, is a matter of luck.
    assert says(message, "state_down", reason=words("reason_refused"))
    assert shows_moment(says(message, "alert_first"), "time", started_at)


# ---------------------------------------------------------------- whose outage was it

# Telegram was silent from 1000 to 1100; each server is looked at every 15 s.
GONE_AND_BACK = alerts.Sight(15, gone_at=1010, back_at=1105)
STILL_DOWN = alerts.Sight(15, gone_at=1010)
UP_ALL_THE_WHILE = alerts.Sight(15)
OUTAGES = {
    "the only server": ([GONE_AND_BACK], True),
    "all servers": ([GONE_AND_BACK, alerts.Sight(15, gone_at=990, back_at=1098)], True),
    "no server": ([], False),
    "one was up all the while": ([GONE_AND_BACK, UP_ALL_THE_WHILE], False),
    "one is looked at once an hour": ([GONE_AND_BACK, alerts.Sight(3600)], True),
    "one is still down": ([GONE_AND_BACK, STILL_DOWN], True),
    "all are still down": ([STILL_DOWN], False),
    "a part of it answered": ([alerts.Sight(15, 1010, 1105, has_answered=True)], False),
    "it failed long before": ([alerts.Sight(15, 800, 1105)], False),
    "it failed before, that was told, and it came back with Telegram": (
        [alerts.Sight(15, back_at=1105)],
        False,
    ),
    "one came back long before Telegram": ([GONE_AND_BACK, alerts.Sight(15, 1010, 1040)], False),
    "one that was down before came back long before Telegram": (
        [GONE_AND_BACK, alerts.Sight(15, back_at=1040)],
        False,
    ),
}


@pytest.mark.parametrize(("sights", "is_own"), OUTAGES.values(), ids=OUTAGES)
def test_outage_was_the_own_network_if_all_vanished_and_came_back_together(sights, is_own):
    assert alerts.was_own_network(1000, 1100, sights) == is_own


def test_server_that_fails_while_telegram_is_blocked_for_hours_was_not_cut_off_with_it():
    sight = alerts.Sight(15, gone_at=7000, back_at=7200)
    assert not alerts.was_own_network(1000, 7210, [sight])


@pytest.mark.waits(10)
def test_server_that_went_down_in_an_outage_of_the_own_network_is_told_alone(own_stage):
    names = ["Moscow", "Berlin"]
    servers = watched_servers(own_stage, *names)
    own_stage.telegram.go_down()
    for server in servers.values():
        server.go_down()
    for name in names:
        own_stage.bot.wait_for_output(f"{name}: down (port")
    servers["Moscow"].come_back()
    own_stage.telegram.come_back()
    for chat in chats_of(own_stage):
        told = chat.wait_for("🔴 Berlin")
        chat.wait_for(saying("alert_own_network_one"))
        assert "Moscow" not in told.text
        assert len(chat.bot_messages) <= 2


@pytest.mark.waits(35)
def test_alert_waits_for_telegram_and_for_another_look(own_stage):
    """What hangs is looked at again: the server is up by then, and nothing was told."""
    servers = watched_servers(own_stage, "Moscow")
    telegram = own_stage.telegram
    telegram.hang("getMe", times=1000)
    servers["Moscow"].go_down()
    own_stage.bot.wait_for_output("Moscow: down (port")
    asked = telegram.count("getMe")
    telegram.wait_until(lambda: telegram.count("getMe") > asked + 1, 40)
    servers["Moscow"].come_back()
    telegram.clear_faults()
    for chat in chats_of(own_stage):
        message = chat.wait_for(saying("alert_own_network_one"))
        assert chat.bot_messages == [message]


class WatchedMailbox(alerts.Mailbox):
    is_empty = False

    def put(self, *news):
        self.is_empty = False
        super().put(*news)

    def _send_some(self, waiting):
        rest = super()._send_some(waiting)
        self.is_empty = not rest and self._queue.empty()
        return rest


@pytest.fixture
def mailbox(telegram, anna, monkeypatch):
    """Anna's mailbox without a bot around it, while Telegram cannot be reached."""
    for name in ("API_URL", "CUSTOM_REQUEST_SENDER"):
        monkeypatch.setattr(apihelper, name, None)
    bot = lib.telegram.Bot(TOKEN, telegram.url)
    telegram.go_down()
    mailbox = WatchedMailbox(bot, (ANNA, None), print, lambda at: False)
    mailbox.start()
    yield mailbox
    # A message is seen in the chat before the mailbox knows that it arrived. If Telegram ended in
    # between, the mailbox would send it again: to the Telegram of the next test.
    wait_until(lambda: mailbox.is_empty, what="the end of the delivery")


def test_pause_of_any_length_that_telegram_asks_for_is_kept(mailbox, telegram, anna, monkeypatch):
    """Also one that is too long for a press to wait for."""
    monkeypatch.setattr(lib.telegram, "LONGEST_WAIT_S", 0)
    telegram.come_back()
    telegram.fail("sendMessage", 429, parameters={"retry_after": 2}, times=2)
    mailbox.put(alerts.Alert(lambda: texts.words("servers")))
    anna.chat.wait_for(saying("servers"))
    sent = [call for call in telegram.calls if call.method == "sendMessage"]
    assert [call.status for call in sent] == [429, 429, 200]
    assert all(later.at - call.at >= 2 for call, later in itertools.pairwise(sent))


def change_alert(state):
    """What is told of a server that went into this state a moment ago."""
    server, since = Server("Moscow", "https://moscow.example.org"), time.time() - 9
    change = StateChange(server, Status(state, "timed_out", "timed_out"), since, None, False)
    write = partial(screens.state_alert, server, change.status, since, is_first=False)
    return alerts.Alert(write, None, server, change)


# ---------------------------------------------------------------- one mailbox


def test_message_that_is_refused_in_the_middle_of_many_repeats_none(
    mailbox, telegram, anna, monkeypatch
):
    """What does not fit into one message comes in several, each of them once."""
    monkeypatch.setattr(lib.telegram, "LONGEST_WAIT_S", 0)
    wait_asked = {"retry_after": 1}
    telegram.fail(
        "sendMessage", 429, parameters=wait_asked, when=lambda fields: "#2#" in fields["text"]
    )
    for number in range(5):
        text = texts.Html(f"#{number}# " + "x" * 2500)
        mailbox.put(alerts.Alert(lambda text=text: text))
    wait_until(lambda: mailbox._missed_since, what="an attempt that failed")
    telegram.come_back()
    anna.chat.wait_for("#4#")
    told = "".join(message.text for message in anna.chat.bot_messages)
    assert re.findall(r"#(\d)#", told) == ["0", "1", "2", "3", "4"]


def test_alert_that_cannot_be_written_holds_up_no_other(mailbox, telegram, anna, caplog):
    telegram.come_back()
    mailbox.put(alerts.Alert(lambda: texts.words("no such words")))
    mailbox.put(alerts.Alert(lambda: texts.words("servers")))
    anna.chat.wait_for(saying("servers"))
    assert f"an alert to {ANNA} could not be sent" in caplog.text


def test_message_whose_answer_cannot_be_read_is_not_sent_again(
    mailbox, telegram, anna, monkeypatch, caplog
):
    def fail(fields):
        raise KeyError("date")

    monkeypatch.setattr(telebot.types.Message, "de_json", fail)
    telegram.come_back()
    for number in range(6):
        text = texts.Html(f"#{number}#")
        mailbox.put(alerts.Alert(lambda text=text: text))
    anna.chat.wait_for("#5#")
    told = "".join(message.text for message in anna.chat.bot_messages)
    assert re.findall(r"#(\d)#", told) == ["0", "1", "2", "3", "4", "5"]
    wait_until(lambda: mailbox.is_empty, what="the end of the delivery")
    assert "an answer of Telegram cannot be read" in caplog.text


@pytest.mark.parametrize("asked", [None, [], {}, {"retry_after": 0}, {"retry_after": "9"}])
def test_wait_that_telegram_does_not_name_is_a_wait_all_the_same(asked):
    answer = {"error_code": 429, "description": "Too Many Requests", "parameters": asked}
    refusal = ApiTelegramException("sendMessage", None, answer)
    assert lib.telegram.asked_wait_s(refusal) == lib.telegram.RETRY_S


def test_alert_that_waited_over_midnight_says_of_which_day_it_is(
    mailbox, telegram, anna, monkeypatch
):
    """It is put into words when it is sent."""
    mailbox.put(change_alert(SERVICE_DOWN))
    wait_until(lambda: mailbox._missed_since, what="an attempt that failed")
    now = time.time()
    tomorrow = time.localtime(now + 86400)
    localtime = time.localtime
    monkeypatch.setattr(time, "localtime", lambda at=None: localtime(at) if at else tomorrow)
    telegram.come_back()
    message = anna.chat.wait_for("\n🟡 Moscow\n")
    with_date = time.strftime(texts.words("moment_with_date"), localtime(now - 9))
    assert says(message, "alert_since", time=with_date)


def test_group_that_is_listed_by_both_of_its_ids_gets_each_alert_once(
    mailbox, telegram, anna, settings_for, tmp_path
):
    telegram.come_back()
    listed = BotProcess(tmp_path, settings_for({"Moscow": CREDENTIALS}, users=[ANNA]))
    config = settings.load(str(listed.settings_file), tmp_path)
    announcer = alerts.Announcer(mailbox.bot, config, [])
    announcer.mailboxes.append(mailbox)
    announcer.tell_state(change_alert(DOWN).change)
    anna.chat.wait_for("🔴 Moscow\n")
    announcer.mailboxes[0].put(alerts.Alert(lambda: texts.words("servers")))
    anna.chat.wait_for(saying("servers"))
    assert len(anna.chat.bot_messages) == 2


def test_what_is_told_late_at_once_comes_as_one_message(
    mailbox, telegram, anna, settings_for, tmp_path
):
    """However soon the thread of the mailbox takes up the first of it."""
    telegram.come_back()
    listed = BotProcess(tmp_path, settings_for({"Moscow": CREDENTIALS}, users=[ANNA]))
    config = settings.load(str(listed.settings_file), tmp_path)
    announcer = alerts.Announcer(mailbox.bot, config, [])
    announcer.mailboxes[:] = [mailbox]
    changes = [change_alert(DOWN).change for _ in range(30)]
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        announcer._tell_states(changes, late_since=time.time() - 60)
        message = anna.chat.wait_for(saying("alert_missed"))
    finally:
        sys.setswitchinterval(usual_s)
    assert message.text.count("\n🔴 Moscow\n") == len(changes)
