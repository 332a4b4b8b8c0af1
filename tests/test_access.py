"""Who may do what: those in tg-users-id everything, everybody else nothing, by no way at all."""

import time

import pytest

from keyboards import Press, pack, short_id
from tests.conftest import (
    ANNA,
    BORIS,
    STRANGER,
    ask,
    label,
    open_menu,
    press,
    saying,
    says,
    wait_until,
)
from texts import plain_text

GROUP, OTHER_GROUP = -5005, -6006
TITLE = "Board meeting"


@pytest.fixture(scope="module")
def server(stage):
    server = stage.new_server()
    server.add_conference(TITLE, people=(), age_s=7200)
    server.add_conference("Second", people=(), age_s=7200)
    return server


@pytest.fixture(scope="module")
def group(stage):
    """There before the bot tells it anything."""
    return stage.telegram.group(GROUP, members=[stage.anna, stage.boris, stage.stranger])


@pytest.fixture(scope="module")
def anna(stage, server, group):
    """Anna, with a bot that also serves a group; the stranger is in that group too."""
    stage.start_bot(
        {"Moscow": server.settings(), "Berlin": server.settings()}, users=[ANNA, str(BORIS), GROUP]
    )
    wait_until(lambda: all(tokens_of(stage.bot)), what="the first access tokens in the file")
    return stage.anna


def tokens_of(bot):
    return [section["access_token"] for section in bot.read_settings()["servers"].values()]


@pytest.fixture
def stranger(stage, anna, group):
    return stage.stranger


@pytest.fixture
def untouched(stage, server, anna):
    """Whatever happens in the test: the servers are asked nothing, the settings stay."""
    server.clear_requests()
    before = stage.bot.settings_file.read_bytes()
    yield
    assert server.requests == []
    assert server.stops == []
    assert stage.bot.settings_file.read_bytes() == before


def every_press(moscow):
    """Each button that the bot knows, as a stranger could have copied or made it up."""
    session = short_id(moscow.conferences[0].session_id)
    everything = short_id("\n".join(sorted(one.session_id for one in moscow.conferences)))
    key, now = short_id("Moscow"), int(time.time())
    yield from (Press("servers"), Press("all"), Press("servers", page=1))
    for action in ("menu", "status", "online", "by_name", "conferences", "forgotten"):
        yield Press(action, key)
    for switch in (
        "monitoring_on",
        "monitoring_off",
        "forgotten_alerts_on",
        "forgotten_alerts_off",
    ):
        yield Press(switch, key)
    for action in ("conference", "ask_stop", "remind", "not_forgotten"):
        yield Press(action, key, session)
    yield Press("ask_stop_all", key, age_min=60)
    yield Press("stop", key, session, shown_at=now, as_shown=session)
    yield Press("stop_all", key, age_min=60, shown_at=now, as_shown=everything)


# ---------------------------------------------------------------- strangers


def test_stranger_is_told_the_own_id_and_whom_to_ask_once_a_minute(stranger, stage, untouched):
    for one in ["/start", "/status", "/id", "/help", "hello", "/start Moscow", "x" * 4096]:
        stranger.send(one)
    message = stranger.chat.wait_for(saying("stranger", id=STRANGER))
    assert "tg-users-id" in message.text
    ask(stage.anna, "/id")  # all messages before this one are dealt with, or will be in a moment
    stranger.send("/start")
    ask(stage.anna, "/id")
    assert [one.text for one in stranger.chat.bot_messages] == [message.text]
    assert message.labels == []
    stage.bot.wait_for_output(f"refused a message of Mallory ({STRANGER})")


def test_each_stranger_is_told_their_own_id(stage, anna, untouched):
    for number in range(5):
        person = stage.telegram.person(700_000_000 + number, first_name="<b>Mal&")
        assert says(ask(person, "/start"), "stranger", id=person.id)


def test_stranger_cannot_press_a_button_in_a_private_chat(stranger, server, untouched):
    stranger.send("/start")
    message = stranger.chat.wait_for(saying("stranger"))
    text = message.text
    for made_up in (*map(pack, every_press(server)), "nonsense", ""):
        pressed = stranger.press_data(message, made_up).wait()
        assert says(pressed, "stranger_popup", id=STRANGER)
        assert pressed.show_alert
    assert message.text == text
    assert len(stranger.chat.bot_messages) == 1


def test_stranger_cannot_press_a_button_in_a_group(stranger, anna, group, server, stage):
    message = ask(anna, "/start", group)
    before, number = message.text, len(group.bot_messages)
    press_all_of(stranger, message, server)
    for button in message.buttons:
        assert says(stranger.press(message, button).wait(), "stranger_popup", id=STRANGER)
    confirmed = press(anna, message, "Moscow", label("conferences"), TITLE, label("stop"))
    pressed = stranger.press(confirmed, label("confirm_stop")).wait()
    assert says(pressed, "stranger_popup", id=STRANGER)
    assert says(confirmed, "confirm_stop")
    assert before != confirmed.text
    assert len(group.bot_messages) == number
    assert server.stops == []
    stage.bot.wait_for_output(f"refused a press of Mallory ({STRANGER})")


def press_all_of(person, message, server):
    text = message.text
    for made_up in every_press(server):
        pressed = person.press_data(message, pack(made_up)).wait()
        assert says(pressed, "stranger_popup", id=person.id)
    assert message.text == text


def test_stranger_cannot_use_the_message_of_somebody_else(stranger, anna, server):
    """A press in Anna's private chat, or on no message at all, as only a forger could send it."""
    press_all_of(stranger, open_menu(anna, "Moscow"), server)
    for made_up in every_press(server):
        pressed = stranger.press_data(None, pack(made_up)).wait()
        assert says(pressed, "stranger_popup", id=STRANGER)
    assert server.stops == []


def test_strangers_in_groups_are_answered_to_id_alone(stranger, anna, group, stage, untouched):
    other = stage.telegram.group(OTHER_GROUP, members=[stranger])
    number = len(group.bot_messages)
    name = stage.telegram.bot_username
    for words in ("/start", f"/start@{name}", "/status", "hello", f"/id@{name}", "/id"):
        stranger.send(words, group)
        stranger.send(words, other)
    for chat in (group, other):
        assert says(chat.wait_for(saying("your_id", id=STRANGER)), "group_id", id=chat.id)
    anna.send("/help", group)
    group.wait_for(saying("help"))
    assert len(group.bot_messages) == number + 2
    assert len(other.bot_messages) == 1


def test_group_that_is_listed_gives_its_members_nothing(stage, anna, group, server, untouched):
    """Alerts come to the group; who presses or writes there must be listed."""
    newcomer = stage.telegram.person(800_000_000, first_name="Newcomer")
    newcomer.send("/start", group)
    message = ask(anna, "/start", group)
    press_all_of(newcomer, message, server)


def test_who_is_anonymous_in_a_group_gets_nothing_but_its_id(stage, anna, untouched):
    """Also somebody who is listed: Telegram does not say who it is."""
    forum = stage.telegram.group(-1001234567890, members=[anna], topics={17: "Alerts"})
    for way in ("anonymous", "channel"):
        for words in ("/start", "/status"):
            anna.send(words, forum, write_as=way)
    anna.send("/id", forum, topic=17, write_as="anonymous")
    told = forum.wait_for(saying("id_anonymous"))
    assert told.topic == 17
    assert says(told, "group_id", id=forum.id)
    assert says(told, "topic_id", id=forum.id, topic=17)
    assert not says(told, "your_id")
    answer = ask(anna, "/help", forum)
    assert forum.bot_messages == [told, answer]
    stage.bot.wait_for_output(f"refused a message of somebody anonymous in {forum.id}")


# ---------------------------------------------------------------- those who are listed


def test_listed_people_may_also_press_in_groups(anna, stage, group, server):
    other = stage.telegram.group(OTHER_GROUP, members=[anna])
    for chat in (group, other):
        message = press(anna, ask(anna, "/start", chat), "Moscow", label("conferences"))
        assert TITLE in message.text
        press(stage.boris, message, label("back"))
        assert says(message, "menu_question")


def test_id_in_a_group_also_names_the_group(anna, group):
    told = ask(anna, "/id", group)
    assert says(told, "your_id", id=ANNA)
    assert says(told, "group_id", id=GROUP)
    assert ask(anna, "/id").text == plain_text("your_id", id=ANNA)


def test_commands_for_another_bot_and_talk_in_groups_are_ignored(anna, stage, group):
    number = len(group.bot_messages)
    name = stage.telegram.bot_username
    for words in ("/start@other_bot", "/status@otherbot", "/help@", "start", "/unknown", "hello"):
        anna.send(words, group)
    answers = [ask(anna, f"/start@{name}", group), ask(anna, f"/HELP@{name.upper()}", group)]
    assert group.bot_messages[number:] == answers
    assert says(answers[0], "servers")
    assert says(answers[1], "help")


def test_command_for_another_bot_in_a_private_chat_is_answered_with_help(anna):
    assert says(ask(anna, "/start@other_bot"), "help")


def test_who_switched_what_is_in_the_log(anna, stage):
    message = press(anna, open_menu(anna, "Berlin"), label("status"), label("monitoring_on"))
    stage.bot.wait_for_output(f"Berlin: monitoring on, by Anna ({ANNA})")
    press(anna, message, label("monitoring_off"))
    stage.bot.wait_for_output(f"Berlin: monitoring off, by Anna ({ANNA})")


def test_id_written_as_text_in_the_settings_is_a_person(stage, anna):
    assert says(ask(stage.boris, "/start"), "servers")


def test_no_secret_is_in_the_log_or_in_a_chat(stage, anna, group, server):
    settings = stage.bot.read_settings()
    secrets = [settings["tg-api-token"], *tokens_of(stage.bot)]
    secrets += [section["client_secret"] for section in settings["servers"].values()]
    chats = [stage.anna.chat, stage.boris.chat, stage.stranger.chat, group]
    said = [text for chat in chats for one in chat.bot_messages for text, *_ in one.history]
    for text in (stage.bot.output, *said):
        assert not any(secret in text for secret in secrets)


# ---------------------------------------------------------------- old buttons


def test_what_was_pressed_and_sent_while_the_bot_was_off_is_dropped(own_stage):
    server = own_stage.new_server()
    server.add_conference(TITLE)
    own_stage.start_bot({"Moscow": server.settings(), "Berlin": server.settings()})
    anna = own_stage.anna
    screen = press(anna, open_menu(anna, "Moscow"), label("conferences"), TITLE, label("stop"))
    text = screen.text
    assert own_stage.bot.stop() == 0
    server.clear_requests()
    pressed = anna.press(screen, label("confirm_stop"))
    sent = anna.send("/status")
    own_stage.wake_bot()
    assert says(ask(anna, "/id"), "your_id")
    assert server.stops == []
    assert screen.text == text
    assert not pressed.answered
    assert [one.text for one in anna.chat.bot_messages if one.id > sent.id] == [
        plain_text("your_id", id=ANNA)
    ]
    press(anna, screen, label("confirm_stop"))
    assert says(screen, "result_stopped")


def test_old_buttons_find_their_server_after_a_restart(own_stage):
    """Wherever the file has moved it. A server that was taken out leaves buttons out of date."""
    names = ("192.168.0.1", "server #2", "Сервер 3")
    servers = {name: own_stage.new_server() for name in names}
    for name, server in servers.items():
        server.add_conference(f"Conference on {name}")
    own_stage.start_bot({name: server.settings() for name, server in servers.items()})
    anna = own_stage.anna
    lists = {name: press(anna, open_menu(anna, name), label("conferences")) for name in names}
    own_stage.bot.stop()

    settings = own_stage.bot.read_settings()
    settings["servers"] = {name: settings["servers"][name] for name in reversed(names[1:])}
    own_stage.bot.write_settings(settings)
    own_stage.wake_bot()
    for name in names[1:]:
        press(anna, lists[name], label("refresh"))
        assert f"Conference on {name}" in lists[name].text
        press(anna, lists[name], f"Conference on {name}", label("stop"), label("confirm_stop"))
        assert says(lists[name], "result_stopped", title=f"Conference on {name}", server=name)
        assert len(servers[name].stops) == 1
    removed = lists[names[0]]
    servers[names[0]].clear_requests()
    for button in removed.buttons:
        pressed = anna.press(removed, button).wait()
        assert pressed.text == plain_text("out_of_date")
        assert pressed.show_alert
    assert "Conference on 192.168.0.1" in removed.text
    assert servers[names[0]].requests == []
