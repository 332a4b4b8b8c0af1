"""What the bot tells unasked about the state of servers, whatever the network does meanwhile."""

import itertools
import json
import os
import re
import threading
import time

import pytest
import telebot
from telebot import apihelper
from telebot.apihelper import ApiTelegramException

import lib.telegram
from alerts import Announcer, Mailbox, MakingSure
from lib.clock import steady_clock
from lib.entries import OUTAGE, Step
from lib.evidence import Evidence
from lib.history import digest_of
from memory import Record
from tests.conftest import (
    ANNA,
    BORIS,
    TOKEN,
    label,
    open_menu,
    press,
    saying,
    says,
    shows_moment,
    wait_until,
)
from texts import duration, news, words
from trueconf_api import DOWN, SERVICE_DOWN, UP, Server, Status

GROUP = -5005
WATCHED = {"state": 1, "timeout": 1}


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
    alert = alert_of(stage.anna)
    stage.anna.press(alert, alert.button(label("open", server="Madrid"))).wait()
    stage.anna.chat.wait_for(saying("menu_question"))
    assert alert_of(stage.anna) is alert


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
    [line] = alerts_about(stage.boris.chat, "Lisbon")
    assert says(line, "alert_monitoring_off", who="Anna")

    def state():
        return bot.read_settings()["servers"]["Lisbon"]["server_status"]["state"]

    wait_until(lambda: state() == 0, what="the switch in the file")


@pytest.mark.waits(15)
def test_fifty_servers_behind_one_switch_are_one_message_and_one_recovery(own_stage):
    """Out of step, and with Telegram's patience: five messages at once and then one a second."""
    own_stage.telegram.strict_pacing = True
    server = own_stage.new_server()
    names = [f"server {number:02}" for number in range(1, 51)]
    watched = [{"state": 1, "timeout": 1 + number / 50} for number in range(50)]
    own_stage.telegram.group(GROUP, members=[own_stage.anna])
    own_stage.start_bot(
        {
            name: server.settings(server_status=status)
            for name, status in zip(names, watched, strict=True)
        },
        users=(ANNA, BORIS, GROUP),
    )
    wait_until(lambda: looks(server) >= 2 * len(names), what="the first looks")
    server.go_down()
    for chat in chats_of(own_stage):
        told = chat.wait_for(saying("group_down", 50, light="🔴"))
        assert sorted(re.findall(r"^🔴 (server \d\d),", told.text, re.MULTILINE)) == names
        assert told.labels[0] == label("take_all", number=50)
        assert label("all_servers") in told.labels
    server.come_back()
    for chat in chats_of(own_stage):
        back = chat.wait_for(saying("group_up", 50, light="🟢"))
        assert sorted(re.findall(r"^🟢 (server \d\d):", back.text, re.MULTILINE)) == names
        assert len(chat.bot_messages) == 2


@pytest.mark.waits(15)
def test_all_servers_of_an_alert_are_taken_by_one_press(own_stage):
    chats = chats_of(own_stage)
    names = ["Berlin", "Moscow"]
    servers = watched_servers(own_stage, *names, "Vienna")
    for name in names:
        servers[name].go_down()
    alerts = [chat.wait_for(saying("group_down", 2, light="🔴")) for chat in chats]
    assert all(says(alert, "others_up") for alert in alerts)
    own_stage.boris.press(alerts[1], label("take_all", number=2)).wait()
    for alert in alerts:
        own_stage.telegram.wait_until(
            lambda alert=alert: alert.text.count(words("mark_taken", who="Boris")) == 2
        )
        assert alert.labels[0] == label("release")
    for chat in (chats[0], chats[2]):
        assert chat.wait_for(saying("alert_several", number=2)).text.count("Boris") == 2
    servers["Moscow"].come_back()
    for alert in alerts:
        own_stage.telegram.wait_until(lambda alert=alert: says(alert, "mark_over"))
        assert alert.text.count(words("mark_taken", who="Boris")) == 2
    back = chats[0].wait_for("🟢 Moscow\n")
    assert says(back, "others_up_too", 1)
    own_stage.anna.press(alerts[0], label("release")).wait()
    wait_until(lambda: alerts[1].labels[0] == label("take_all", number=1))
    status = press(own_stage.anna, open_menu(own_stage.anna, "Berlin"), label("status"))
    assert label("take") in status.labels


# ---------------------------------------------------------------- when Telegram is silent


@pytest.mark.waits(10)
def test_what_happened_while_telegram_was_silent_comes_as_one_message(own_stage):
    """Some servers were down and one was not, so they are told by name: what came and went is
    told once, with its times."""
    chats = chats_of(own_stage)
    servers = watched_servers(own_stage, "Moscow", "Berlin", "Madrid")
    own_stage.telegram.go_down()
    own_stage.bot.wait_for_output(saying("telegram_silent"))
    wait_for_looks(servers["Madrid"], 2)
    silent_at = time.time()
    for name in ("Moscow", "Berlin"):
        servers[name].go_down()
    for name in ("Moscow", "Berlin"):
        own_stage.bot.wait_for_output(f"{name}: down (port")
    wait_for_looks(servers["Madrid"], 2)
    back_at = time.time()
    for name in ("Moscow", "Berlin"):
        servers[name].come_back()
    for name in ("Moscow", "Berlin"):
        own_stage.bot.wait_for_output(f"{name}: up")
    own_stage.telegram.come_back()
    for chat in chats:
        message = chat.wait_for(saying("group_up", 2, light="🟢"))
        assert says(message, "others_up")
        for name in ("Moscow", "Berlin"):
            up = part_of(message, f"🟢 {name}\n")
            assert shows_moment(says(up, "alert_outage"), "since", silent_at)
            assert shows_moment(says(up, "alert_outage"), "until", back_at)
        assert "Madrid" not in message.text
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
        chat.wait_for(saying("alert_own_network"))
        assert "Moscow" not in told.text
        assert len(chat.bot_messages) <= 2


@pytest.mark.waits(35)
def test_alert_waits_for_telegram_and_for_another_look(own_stage):
    """What hangs is looked at again: the server is up by then, and nothing was told."""
    servers = watched_servers(own_stage, "Moscow")
    telegram = own_stage.telegram
    polls = telegram.count("getUpdates")
    for method in ("getMe", "getUpdates"):
        telegram.hang(method, times=1000)
    telegram.wait_until(lambda: telegram.count("getUpdates") > polls)  # the one before was answered
    servers["Moscow"].go_down()
    own_stage.bot.wait_for_output("Moscow: down (port")
    asked = telegram.count("getMe")
    telegram.wait_until(lambda: telegram.count("getMe") > asked + 1, 40)
    servers["Moscow"].come_back()
    telegram.clear_faults()
    for chat in chats_of(own_stage):
        message = chat.wait_for(saying("alert_own_network"))
        assert chat.bot_messages == [message]


# ---------------------------------------------------------------- one mailbox


class Desk:
    """Anna's mailbox without a bot around it, and the record that it tells of."""

    def __init__(self, telegram, folder):
        self.bot = lib.telegram.Bot(TOKEN, telegram.url)
        self.servers = [Server(f"Office {number}", "", is_monitored=True) for number in range(40)]
        for server in self.servers:
            server.learnt.is_state_sure = True
        self.record = Record(folder / "settings-memory.json", self.servers)
        self.record.add_chats([str(ANNA)])
        self.mailbox = Mailbox(
            self.bot, self.record, self.servers, (ANNA, None), print, lambda at: False
        )
        self.record.listen(self.mailbox.wake.set)

    def add(self, number=0, state=DOWN, **more):
        """An outage that has begun nine seconds ago."""
        server, begun = self.servers[number], time.time() - 9
        with self.record.changing(server.name):
            step = Step(begun, state, "timed_out", "timed_out", is_sure=True)
            entry = self.record.add(OUTAGE, server.name, "down", begun=begun, **more)
            entry.steps = [step]
        return entry

    def say(self, who):
        """Something that is told for itself."""
        with self.record.changing("Office 0"):
            return self.record.add("taken", "Office 0", "said", by=who)

    @property
    def is_done(self):
        chat = self.record.chats[str(ANNA)]
        return all(chat.told.get(one.number) for one in self.record.open.values())


@pytest.fixture
def desk(telegram, anna, monkeypatch, tmp_path):
    for name in ("API_URL", "CUSTOM_REQUEST_SENDER"):
        monkeypatch.setattr(apihelper, name, None)
    desk = Desk(telegram, tmp_path)
    yield desk
    # A message is seen in the chat before the mailbox knows that it arrived. If Telegram ended in
    # between, the mailbox would send it again: to the Telegram of the next test.
    wait_until(lambda: desk.is_done, what="the end of the delivery")


def test_pause_of_any_length_that_telegram_asks_for_is_kept(desk, telegram, anna, monkeypatch):
    """Also one that is too long for a press to wait for."""
    monkeypatch.setattr(lib.telegram, "LONGEST_WAIT_S", 0)
    telegram.fail("sendMessage", 429, parameters={"retry_after": 2}, times=2)
    desk.mailbox.start()
    desk.say("Boris")
    anna.chat.wait_for(saying("alert_taken"))
    sent = [call for call in telegram.calls if call.method == "sendMessage"]
    assert [call.status for call in sent] == [429, 429, 200]
    assert all(later.at - call.at >= 2 for call, later in itertools.pairwise(sent))


def test_what_does_not_fit_into_one_message_comes_in_several_each_once(desk, telegram, anna):
    """Also where Telegram refuses one of them for a while."""
    telegram.go_down()
    names = [f"#{number}# " + "x" * 95 for number in range(70)]
    for name in names:
        desk.say(name)
    telegram.fail(
        "sendMessage", 429, parameters={"retry_after": 1}, when=lambda sent: "#40#" in sent["text"]
    )
    desk.mailbox.start()
    telegram.come_back()
    anna.chat.wait_for("#69#")
    told = "".join(message.text for message in anna.chat.bot_messages)
    assert re.findall(r"#(\d+)#", told) == [str(number) for number in range(70)]
    assert 1 < len(anna.chat.bot_messages) < 10


def test_alert_that_cannot_be_written_holds_up_no_other(desk, telegram, anna, caplog):
    with desk.record.changing("Office 0"):
        desk.record.add("certificate", "Office 0", "said", details={"end": "edited by hand"})
    desk.say("Boris")
    desk.mailbox.start()
    anna.chat.wait_for(saying("alert_taken", who="Boris"))
    assert f"what there is to say to {ANNA} could not be written" in caplog.text


def test_message_whose_answer_cannot_be_read_is_not_sent_again(
    desk, telegram, anna, monkeypatch, caplog
):
    def fail(fields):
        raise KeyError("date")

    monkeypatch.setattr(telebot.types.Message, "de_json", fail)
    desk.mailbox.start()
    for number in range(6):
        desk.say(f"#{number}#")
        anna.chat.wait_for(f"#{number}#")
    wait_until(lambda: desk.is_done, what="the end of the delivery")
    assert len(anna.chat.bot_messages) <= 6
    assert "an answer of Telegram cannot be read" in caplog.text


@pytest.mark.parametrize("asked", [None, [], {}, {"retry_after": 0}, {"retry_after": "9"}])
def test_wait_that_telegram_does_not_name_is_a_wait_all_the_same(asked):
    answer = {"error_code": 429, "description": "Too Many Requests", "parameters": asked}
    refusal = ApiTelegramException("sendMessage", None, answer)
    assert lib.telegram.asked_wait_s(refusal) == lib.telegram.RETRY_S


def test_alert_that_waited_over_midnight_says_of_which_day_it_is(desk, telegram, anna, monkeypatch):
    """It is put into words when it is sent."""
    telegram.go_down()
    desk.mailbox.start()
    outage = desk.add(state=SERVICE_DOWN)
    wait_until(lambda: desk.mailbox.waiting_since, what="an attempt that failed")
    tomorrow = time.localtime(time.time() + 86400)
    localtime = time.localtime
    monkeypatch.setattr(time, "localtime", lambda at=None: localtime(at) if at else tomorrow)
    telegram.come_back()
    message = anna.chat.wait_for("🟡 Office 0\n")
    with_date = time.strftime(words("moment_with_date"), localtime(outage.begun))
    assert says(message, "alert_since", time=with_date)


def test_what_is_over_before_it_could_be_told_is_told_once(desk, telegram, anna):
    """However long Telegram was away: no alert without its recovery, and none out of the blue."""
    telegram.go_down()
    desk.mailbox.start()
    first, second = desk.add(0), desk.add(1)
    wait_until(lambda: desk.mailbox.waiting_since, what="an attempt that failed")
    with desk.record.changing(first.server):
        first.ended, first.is_end_sure = time.time(), True
        first.news.append("up")
    telegram.come_back()
    assert says(anna.chat.wait_for("🟢 Office 0\n"), "alert_outage")
    assert says(anna.chat.wait_for("🔴 Office 1\n"), "alert_since")
    assert len(anna.chat.bot_messages) == 2
    assert second.ended is None


def test_alert_can_be_taken_before_its_sender_knows_that_it_has_arrived(desk, telegram, anna):
    """Its button stands in the chat while the answer of Telegram is still on its way."""
    entries = [desk.add(number) for number in range(2)]
    announcer = Announcer.__new__(Announcer)
    announcer.record, announcer.mailboxes = desk.record, [desk.mailbox]
    post, pressed = desk.mailbox._post, []

    def press_at_once(*sent):
        message_id = post(*sent)
        pressed.append(announcer.outages_shown(ANNA, message_id))
        return message_id

    desk.mailbox._post = press_at_once
    desk.mailbox.start()
    message = anna.chat.wait_for(saying("group_down", 2, light="🔴"))
    wait_until(lambda: desk.is_done, what="the end of the delivery")
    assert pressed == [entries]
    assert announcer.outages_shown(ANNA, message.id) == entries
    assert announcer.outages_shown(ANNA, message.id - 1) == []


def test_chat_that_could_not_be_reached_yet_is_no_new_one_after_a_restart(desk, tmp_path):
    desk.record.save()
    entry = desk.say("Boris")
    desk.record.save()
    again = Record(tmp_path / "settings-memory.json", desk.servers)
    again.add_chats([str(ANNA), str(BORIS)])
    assert not again.chats[str(ANNA)].told
    assert again.chats[str(BORIS)].told == {entry.number: 1}  # a new one hears nothing of before
    desk.mailbox.start()


def test_end_of_a_pause_says_nothing_that_was_not_made_sure_of(desk):
    """It was made sure of when Telegram was there, and is sent when Telegram is there again."""
    server, now = desk.servers[0], time.time()
    with desk.record.changing(server.name):
        pause = desk.record.add("pause", server.name, "begin", "end", begun=now - 60, until=now)
    desk.record.note_state(server, Status(DOWN, "timed_out", "timed_out"), now - 9)
    with desk.record.changing(server.name):
        server.known.outage.in_pause = True

    def text():
        return news.message("pause_end", [(server, pause, 2)], -1)[0]

    assert says(text(), "state_up")
    assert says(text(), "pause_nothing")
    with desk.record.changing(server.name):
        server.known.outage.steps[0].is_sure = True
    assert not says(text(), "state_up")
    assert says(text(), "pause_outages", 1)
    with desk.record.changing(server.name):
        desk.record.drop(server.known.outage)
        desk.record.drop(pause)
    desk.mailbox.start()


def test_what_was_made_sure_of_is_told_whatever_is_seen_since(desk, anna):
    """The server went from 🟡 to 🔴, and what looks like 🟡 again may be the own network."""
    entry = desk.add(state=SERVICE_DOWN)
    desk.mailbox.start()
    anna.chat.wait_for("🟡 Office 0\n")
    wait_until(lambda: desk.is_done)
    with desk.record.changing("Office 0"):
        entry.steps.append(Step(time.time(), DOWN, "timed_out", "timed_out", is_sure=True))
        entry.steps.append(Step(time.time(), SERVICE_DOWN, "timed_out"))
        entry.news.append("down")
    anna.chat.wait_for("🔴 Office 0\n")
    figures = digest_of(desk.servers, time.time() - 60, time.time())
    assert figures["bad"][0]["state"] == DOWN


def test_chat_that_had_blocked_the_bot_hears_what_is_true_now(desk, telegram, anna):
    anna.block_bot()
    desk.mailbox.start()
    over, going_on = desk.add(0), desk.add(1)
    wait_until(lambda: desk.is_done, what="two refusals")
    with desk.record.changing(over.server):
        over.ended, over.is_end_sure = time.time(), True
        over.news.append("up")
    wait_until(lambda: over.is_closed)
    anna.unblock_bot()
    desk.mailbox.tell_again()
    assert says(anna.chat.wait_for("🔴 Office 1\n"), "alert_since")
    assert len(anna.chat.bot_messages) == 1
    assert going_on.ended is None


@pytest.mark.parametrize("words_of_telegram", ["message thread not found", "TOPIC_CLOSED"])
def test_topic_that_is_gone_costs_the_group_nothing(
    desk, telegram, anna, words_of_telegram, monkeypatch
):
    group = telegram.group(-1001234567890, members=[anna], topics={17: "Alerts"})
    name = "-1001234567890:17"
    desk.record.add_chats([name, str(ANNA)])
    mailbox = Mailbox(
        desk.bot, desk.record, desk.servers, (-1001234567890, 17), print, lambda at: False
    )
    desk.record.listen(mailbox.wake.set)
    telegram.fail(
        "sendMessage",
        400,
        f"Bad Request: {words_of_telegram}",
        times=1000,
        when=lambda sent: sent.get("message_thread_id"),
    )
    desk.mailbox.start()
    mailbox.start()
    desk.add(0)
    assert says(group.wait_for("🔴 Office 0\n"), "topic_gone", topic=17)
    desk.add(1)
    assert not says(group.wait_for("🔴 Office 1\n"), "topic_gone")
    telegram.clear_faults()
    desk.add(2)
    assert group.wait_for("🔴 Office 2\n").topic == 17
    wait_until(lambda: not desk.record.chats[name].is_topic_gone)


def test_group_that_is_listed_by_both_of_its_ids_gets_each_alert_once(desk, telegram, anna):
    """As where somebody has added the new one by hand, and left the old one there."""
    old = telegram.group(GROUP, members=[anna])
    ids = (GROUP, -1001234567890)
    group = old.upgrade_to_supergroup(ids[1])
    desk.record.add_chats([str(ANNA), *map(str, ids)])
    mailboxes = [desk.mailbox]
    for one in ids:
        mailboxes.append(
            Mailbox(desk.bot, desk.record, desk.servers, (one, None), print, lambda at: False)
        )
        desk.record.listen(mailboxes[-1].wake.set)
    for mailbox in mailboxes:
        mailbox.start()
    for number in range(3):
        outage = desk.add(number)
        wait_until(lambda outage=outage: all(
            chat.told.get(outage.number) for chat in desk.record.chats.values()
        ))  # fmt: skip
    assert len(group.bot_messages) == 3
    assert set(desk.record.chats) == {str(ANNA), str(ids[1])}
    with desk.record.changing(outage.server):
        outage.by = "Boris"
    telegram.wait_until(lambda: says(group.last, "mark_taken", who="Boris"))


def test_group_that_moves_is_the_same_chat_whenever_the_bot_is_killed(desk, telegram, anna):
    """The settings and the record are two files. Whichever of its IDs the settings list in the end,
    the record knows what the group was told."""
    new_id = -1001234567890
    telegram.group(GROUP, members=[anna]).upgrade_to_supergroup(new_id)
    desk.record.add_chats([str(ANNA), str(GROUP)])
    outage = desk.add()
    desk.record.tell_no_more(outage, (GROUP,))
    desk.record.save()
    kept = []

    def list_anew(old, new):
        chats = json.loads(desk.record.path.read_text(encoding="utf-8"))["chats"]
        kept.append([chats[str(one)]["told"] for one in (old, new)])

    group = Mailbox(desk.bot, desk.record, desk.servers, (GROUP, None), list_anew, lambda at: False)
    desk.record.listen(group.wake.set)
    with desk.record.changing(outage.server):
        outage.news.append("reminder")
    for mailbox in (desk.mailbox, group):
        mailbox.start()
    wait_until(lambda: kept)
    assert kept == [[{str(outage.number): 1}] * 2]


def test_what_is_seen_after_the_last_look_waits_for_the_next(tmp_path):
    """A cut of the own network begins while others are looked at, and one server is clear."""
    servers = [Server(name, "https://192.0.2.1", is_monitored=True) for name in "ab"]
    record = Record(tmp_path / "memory.json", servers)
    record.note_state(servers[0], Status(DOWN, "refused", "refused"), time.time())
    asked = []

    def is_there():
        asked.append(time.time())
        if len(asked) == 2:
            record.note_state(servers[1], Status(DOWN, "timed_out", "timed_out"), asked[-1])
        return True

    sure = MakingSure(record, servers, Evidence(), is_there, lambda: {"a", "b"})
    sure.turn()
    assert [one.known.outage.news for one in servers] == [["down"], []]
    sure.turn()
    assert [one.known.outage.news for one in servers] == [["down"], ["down"]]


def test_what_speaks_for_the_own_network_is_in_the_record_before_the_long_looks(tmp_path):
    """A kill while they go on must not make an outage of it; also of what came about while Telegram
    was asked."""
    servers = [Server(name, "https://192.0.2.1", is_monitored=True) for name in "ab"]
    record, evidence = Record(tmp_path / "memory.json", servers), Evidence()
    now, kept = time.time(), []
    evidence.note_telegram(False, steady_clock() - 20, steady_clock())

    def lose(server):
        record.note_state(server, Status(DOWN, "timed_out", "timed_out"), now - 9)

    def is_there():
        if servers[1].known.outage is None:
            lose(servers[1])
        return True

    def look_again():
        kept.extend(one.known.outage.steps[0].is_own for one in servers)
        return set()

    lose(servers[0])
    MakingSure(record, servers, evidence, is_there, look_again).turn()
    assert kept == [True, True]


def test_silent_dns_of_all_servers_is_told_as_the_bots_own_trouble(tmp_path):
    """While it lasts nothing is said of the servers; and nothing at all of them when it is over."""
    servers = [Server(name, f"https://{name}.example", is_monitored=True) for name in "abc"]
    servers.append(Server("by address", "https://192.0.2.1", is_monitored=True))
    record, names = Record(tmp_path / "memory.json", servers), {one.name for one in servers}
    sure = MakingSure(record, servers, Evidence(), lambda: True, lambda: names)
    silent = Status(DOWN, "dns_silent", "dns_silent")
    for server in servers[:2]:
        record.note_state(server, silent, time.time())
    record.note_state(servers[2], Status(DOWN, "refused", "refused"), time.time())
    sure.publish(names - {"a", "b"})
    assert not [one for one in record.open.values() if one.kind == "job"]  # it is not all of them
    record.note_state(servers[2], Status(UP), time.time())

    record.note_state(servers[2], silent, time.time())
    for _ in range(2):
        sure.publish(names)
    [job] = [one for one in record.open.values() if one.kind == "job"]
    assert job.news == ["fails"]
    text, _ = news.message("job_fails", [(None, job, 1)], -1)
    assert says(text, "alert_dns")
    assert not any(one.known.outage.news for one in servers[:3])
    for server in servers[:3]:
        record.note_state(server, Status(UP), time.time())
    sure.publish(names)
    assert job.news == ["fails", "works"]
    assert not any(server.known.of_kind(OUTAGE) for server in servers[:2])


# ---------------------------------------------------------------- the file of the record


BAD_FILES = {
    "broken": b'{"version": 1, "servers": {',
    "no text": b"\xff\xfe\x00",
    "a list": b"[]",
    "of somebody else": b'{"name": "another program"}',
    "odd values": b'{"version": 1, "servers": {"Moscow": {"entries": {"x": {"number": "y"}}}}}',
    "deep": b"[" * 100_000,
    "odd chats": b'{"version": 1, "chats": {"?": 5, "111111111": {"told": [1]}}}',
    "numbers": b'{"version": 1, "servers": {"Moscow": {"days": {"x": 1e999}, "entries": []}}}',
}


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES)
@pytest.mark.waits(10)
def test_file_of_the_record_that_is_none_costs_no_alert(own_stage, content):
    server = own_stage.new_server()
    own_stage.write_settings({"Moscow": server.settings(server_status=WATCHED)})
    path = own_stage.bot.settings_file.with_name("settings-memory.json")
    path.write_bytes(content)
    own_stage.wake_bot()
    server.go_down()
    own_stage.anna.chat.wait_for("🔴 Moscow\n")
    assert own_stage.bot.stop() == 0
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert OUTAGE in [one["kind"] for one in kept["servers"]["Moscow"]["entries"].values()]


@pytest.mark.waits(10)
def test_folder_in_place_of_the_file_costs_one_line(own_stage):
    server = own_stage.new_server()
    own_stage.write_settings({"Moscow": server.settings(server_status=WATCHED)})
    own_stage.bot.settings_file.with_name("settings-memory.json").mkdir()
    own_stage.wake_bot()
    server.go_down()
    own_stage.anna.chat.wait_for("🔴 Moscow\n")
    own_stage.bot.wait_for_output("settings-memory.json: not saved, will try again")
    assert own_stage.bot.output.count("settings-memory.json: not saved") == 1


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_only_the_owner_may_read_the_file(desk, tmp_path):
    desk.say("Boris")
    desk.mailbox.start()
    path = tmp_path / "settings-memory.json"
    wait_until(path.exists)
    assert not path.stat().st_mode & 0o077


@pytest.mark.waits(15)
def test_what_2_0_0_kept_in_the_settings_is_taken_over_once(own_stage):
    server = own_stage.new_server()
    server.go_down()
    section = server.settings(server_status=WATCHED)
    since = time.time() - 7200
    section["server_status"]["down_since"] = since
    section["told"] = {"states": ["down"], "taken_by": "Boris (222222222)", "certificate": 5.0}
    section["forgotten_conferences"] = {"state": 0, "reported": {"a@b#c": 0}}
    own_stage.write_settings({"Moscow": section})
    own_stage.wake_bot()
    wait_for_looks(server, 0)
    own_stage.bot.wait_for_output("Bot is running...")
    status = press(own_stage.anna, open_menu(own_stage.anna, "Moscow"), label("status"))
    assert says(status, "mark_taken", who="Boris (222222222)")
    kept = own_stage.bot.read_settings()["servers"]["Moscow"]
    assert "told" not in kept
    assert "down_since" not in kept["server_status"]
    assert "reported" not in kept["forgotten_conferences"]
    assert own_stage.bot.stop() == 0
    server.come_back()
    own_stage.wake_bot()
    recovery = own_stage.anna.chat.wait_for("🟢 Moscow\n")
    assert shows_moment(says(recovery, "alert_outage"), "since", since)
    assert not any(one.text.startswith("🔴 Moscow\n") for one in own_stage.anna.chat.bot_messages)


def test_record_of_many_servers_is_read_again_as_it_was(tmp_path):
    servers = [Server(f"Office {number}", "") for number in range(20)]
    record = Record(tmp_path / "settings-memory.json", servers)
    for server in servers:
        for number in range(60):
            with record.changing(server.name):
                entry = record.add(OUTAGE, server.name, "down", "up", begun=float(number))
                entry.steps = [Step(float(number), DOWN, is_sure=True)]
                entry.ended, entry.is_end_sure, entry.is_closed = number + 1.0, True, True
                del record.open[entry.number]
    record.save()
    again = [Server(one.name, "") for one in servers]
    Record(tmp_path / "settings-memory.json", again)
    for server in again:
        outages = server.known.of_kind(OUTAGE)
        assert [one.begun for one in outages] == [float(number) for number in range(10, 60)]
        assert outages[0].steps[0].state == DOWN


def test_many_threads_change_the_record_at_once(tmp_path):
    servers = [Server(f"Office {number}", "") for number in range(8)]
    record = Record(tmp_path / "settings-memory.json", servers)

    def work(server):
        for _ in range(200):
            with record.changing(server.name):
                record.add("taken", server.name, "said", by="Anna")
            record.save()

    threads = [threading.Thread(target=work, args=(one,)) for one in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({entry.number for entry in record.open.values()}) == 1600
