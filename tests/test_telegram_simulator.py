"""The simulated Telegram: what it accepts, what it refuses, and how people use it.

Plain requests and telebot talk to it over real sockets.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import telebot
from telebot import apihelper
from telebot.types import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions

from demo.telegram.server import TelegramServer

MENU = {"inline_keyboard": [[{"text": "Moscow", "callback_data": "server|1"}]]}


class Client:
    """The Bot API over requests: `client.sendMessage(chat_id=1, text="x")`."""

    def __init__(self, telegram):
        self.telegram = telegram
        self.session = requests.Session()
        self.session.trust_env = False

    def post(self, method, **parameters):
        url = f"{self.telegram.url}/bot{self.telegram.token}/{method}"
        return self.session.post(url, json=parameters, timeout=30)

    def __getattr__(self, method):
        def call(**parameters):
            answer = self.post(method, **parameters).json()
            if not answer["ok"]:
                raise Refused(answer)
            return answer["result"]

        return call


class Refused(Exception):
    def __init__(self, answer):
        super().__init__(f"{answer['error_code']} {answer['description']}")
        self.parameters = answer.get("parameters", {})


@pytest.fixture
def telegram():
    with TelegramServer() as server:
        yield server


@pytest.fixture
def client(telegram):
    return Client(telegram)


@pytest.fixture
def anna(telegram):
    return telegram.person(111, first_name="Anna").starts_bot()


@pytest.fixture
def menu(client, anna):
    client.sendMessage(chat_id=111, text="Servers", reply_markup=MENU)
    return anna.chat.last


@pytest.fixture
def in_background():
    with ThreadPoolExecutor() as pool:
        yield pool.submit


@pytest.fixture
def bot(telegram, monkeypatch):
    """A small bot made with telebot, polling in a thread."""
    session = requests.Session()
    session.trust_env = False
    monkeypatch.setattr(apihelper, "session", session)
    monkeypatch.setattr(apihelper, "API_URL", telegram.url + "/bot{0}/{1}")
    bot = telebot.TeleBot(telegram.token, num_threads=4)
    add_handlers(bot)
    polling = threading.Thread(target=bot.infinity_polling, kwargs={"timeout": 5}, daemon=True)
    polling.start()
    yield bot
    bot.stop_polling()
    telegram.push_update({"end_of_the_test": {}})  # ends the poll that waits
    polling.join(10)


def add_handlers(bot):
    keyboard = InlineKeyboardMarkup()
    keyboard.add(InlineKeyboardButton("Stop", callback_data="stop", style="danger"))

    @bot.message_handler(commands=["start"])
    def greet(message):
        bot.send_message(
            message.chat.id,
            "<b>Hello</b>",
            parse_mode="HTML",
            reply_markup=keyboard,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        )

    @bot.callback_query_handler(func=lambda call: True)
    def stop(call):
        bot.edit_message_text("Stopped", call.message.chat.id, call.message.message_id)
        bot.answer_callback_query(call.id, "Done", show_alert=True)


# ---------------------------------------------------------------- with telebot


def test_telebot_answers_a_command_and_a_press(telegram, bot):
    anna = telegram.person(111, first_name="Anna", last_name="Ivanova", username="anna")
    anna.send("/start")
    hello = anna.chat.wait_for("Hello")
    assert hello.html == "<b>Hello</b>"
    assert hello.entities == [{"type": "bold", "offset": 0, "length": 5}]
    assert hello.button("Stop").style == "danger"
    press = anna.press(hello, "Stop").wait()
    assert (press.text, press.show_alert) == ("Done", True)
    assert hello.wait_edit().text == "Stopped"
    assert hello.labels == []
    assert [labels for _, labels, _ in hello.history] == [["Stop"], []]


def test_telebot_goes_on_after_telegram_was_down(telegram, bot):
    telegram.wait_for_poll()
    telegram.go_down()
    telegram.come_back()
    anna = telegram.person(111)
    anna.send("/start")
    anna.chat.wait_for("Hello")


# ---------------------------------------------------------------- HTTP


WAYS_TO_SEND = [
    {"method": "GET", "params": {"chat_id": 111, "text": "1 & 2"}},
    {"method": "POST", "params": {"chat_id": 111, "text": "1 & 2"}},
    {"method": "POST", "data": {"chat_id": 111, "text": "1 & 2"}},
    {"method": "POST", "json": {"chat_id": 111, "text": "1 & 2"}},
    {"method": "POST", "params": {"chat_id": 111}, "data": {"text": "1 & 2"}},
]


def test_parameters_come_in_the_query_a_form_or_json(telegram, client, anna):
    url = f"{telegram.url}/bot{telegram.token}/SendMessage"
    for way in WAYS_TO_SEND:
        client.session.request(url=url, timeout=30, **way).raise_for_status()
        assert anna.chat.last.text == "1 & 2", way
        assert telegram.calls[-1].parameters == {"chat_id": "111", "text": "1 & 2"}, way
    assert len(anna.chat.messages) == len(WAYS_TO_SEND)
    assert (telegram.calls[-1].method, telegram.calls[-1].status) == ("sendMessage", 200)


WRONG_ADDRESSES = [
    ("/bot5032177032:AAGahjzZ6zbWSEsVFj13Ki-YMPhPEPzQjxF/getMe", 401),
    ("/botnonsense/getMe", 404),
    ("/bot5032177032:AAGahjzZ6zbWSEsVFj13Ki-YMPhPEPzQjxE/getNothing", 404),
    ("/somewhere", 404),
    ("/bot5032177032:AAGahjzZ6zbWSEsVFj13Ki-YMPhPEPzQjxE/getMe?x=" + "x" * 8192, 414),
]


def test_wrong_addresses_are_refused(telegram, client):
    for path, status in WRONG_ADDRESSES:
        assert client.session.get(telegram.url + path, timeout=30).status_code == status, path[:99]


# ---------------------------------------------------------------- updates


def test_a_poll_waits_until_something_comes(telegram, client, anna, in_background):
    poll = in_background(client.getUpdates, timeout=30)
    telegram.wait_for_poll()
    anna.send("/status@trueconf_demo_bot now")
    (update,) = poll.result(30)
    assert update["message"]["from"]["is_bot"] is False
    assert update["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 25}]
    assert len(telegram.pending) == 1
    assert client.getUpdates(offset=update["update_id"] + 1) == []
    assert telegram.pending == []
    assert telegram.polls == 2


def test_a_newer_poll_ends_the_older_one(telegram, client, in_background):
    older = in_background(client.getUpdates, timeout=30)
    telegram.wait_for_poll()
    assert client.getUpdates() == []
    with pytest.raises(Refused, match="409 Conflict: terminated by other getUpdates request; make"):
        older.result(30)


def test_a_webhook_ends_polling_until_it_is_deleted(telegram, client, in_background):
    poll = in_background(client.getUpdates, timeout=30)
    telegram.wait_for_poll()
    client.setWebhook(url="https://example.org/")
    with pytest.raises(Refused, match="409 Conflict: terminated by setWebhook request"):
        poll.result(30)
    with pytest.raises(Refused, match="409 Conflict: can't use getUpdates method while webhook"):
        client.getUpdates()
    assert client.getWebhookInfo()["url"] == "https://example.org/"
    client.deleteWebhook()
    assert client.getUpdates() == []


def test_kinds_that_were_not_asked_for_do_not_come(telegram, client, anna):
    client.getUpdates(allowed_updates=["callback_query"])
    anna.send("hello")
    assert client.getUpdates() == []
    telegram.push_update({"poll_of_tomorrow": {}})
    assert [list(update)[1] for update in client.getUpdates()] == ["poll_of_tomorrow"]
    assert client.getWebhookInfo()["allowed_updates"] == ["callback_query"]


def test_updates_are_chosen_by_limit_and_offset_and_can_be_dropped(telegram, client, anna):
    for text in "abcd":
        anna.send(text)
    assert [update["message"]["text"] for update in client.getUpdates(limit=2)] == ["a", "b"]
    assert [update["message"]["text"] for update in client.getUpdates(offset=-1)] == ["d"]
    assert len(telegram.pending) == 1
    client.deleteWebhook(drop_pending_updates=True)
    assert telegram.pending == []


# ---------------------------------------------------------------- sending


def send_refusal(client, **parameters):
    with pytest.raises(Refused) as refusal:
        client.sendMessage(**{"chat_id": 111, "text": "x", **parameters})
    return str(refusal.value)


def rows(*buttons):
    return {"inline_keyboard": [list(buttons)]}


WRONG_MESSAGES = [
    ({"text": ""}, "message text is empty"),
    ({"text": " \n "}, "message text is empty"),
    ({"text": "<b> </b>", "parse_mode": "HTML"}, "message text is empty"),
    ({"text": "x" * 4097}, "message is too long"),
    ({"text": "😀" * 2049}, "message is too long"),
    ({"text": "x", "parse_mode": "Wiki"}, "unsupported parse_mode"),
    ({"text": "\ud83d"}, "strings must be encoded in UTF-8"),
    ({"chat_id": 999}, "chat not found"),
    ({"chat_id": ""}, "chat_id is empty"),
    ({"reply_markup": "nonsense"}, "can't parse reply_markup JSON object"),
    ({"reply_markup": []}, "object expected as reply markup"),
    ({"link_preview_options": "1"}, "can't parse link preview options: expected an Object"),
    ({"reply_to_message_id": 77}, "message to be replied not found"),
]


def test_a_wrong_message_is_refused(client, anna):
    for parameters, description in WRONG_MESSAGES:
        assert send_refusal(client, **parameters) == f"400 Bad Request: {description}"
    assert anna.chat.messages == []


WRONG_BUTTONS = [
    ({"text": "", "callback_data": "x"}, 'field "text" must be non-empty'),
    ({"text": "x"}, "text buttons are unallowed"),
    ({"text": "x", "callback_data": ""}, "text buttons are unallowed"),
    ({"text": "x", "callback_data": 5}, 'field "callback_data" must be of type String'),
    ({"text": "x", "callback_data": "x", "url": "http://a.b"}, "only one action"),
    ({"text": "x", "callback_data": "я" * 33}, "BUTTON_DATA_INVALID"),
    ({"text": "x", "callback_data": "x", "style": "blue"}, "invalid button style"),
    ({"text": "x", "url": "ftp://a.b"}, "is invalid: Unsupported URL protocol"),
    ({"text": "x", "url": "http://server/"}, "is invalid: Wrong HTTP URL"),
    ({"text": "x", "url": "https://"}, "is invalid: URL host is empty"),
]


def test_a_wrong_button_is_refused(client, anna):
    for button, description in WRONG_BUTTONS:
        refusal = send_refusal(client, reply_markup=rows(button))
        assert refusal.startswith("400 Bad Request: ")
        assert description in refusal


def test_a_keyboard_over_the_limits_is_refused(client, anna):
    for row_count, width, data in ((101, 1, "x"), (1, 9, "x"), (50, 2, "я" * 32)):
        row = [{"text": "Остановить 🛑", "callback_data": data}] * width
        refusal = send_refusal(client, reply_markup={"inline_keyboard": [row] * row_count})
        assert refusal == "400 Bad Request: reply markup is too long"


def test_a_keyboard_at_the_limits_is_taken(client, anna):
    button = {"text": "x" * 10, "callback_data": "я" * 32, "style": "success"}
    client.sendMessage(chat_id=111, text="😀" * 2048, reply_markup=rows(*[button] * 8))
    assert anna.chat.last.labels == ["x" * 10] * 8
    links = rows({"text": "a", "url": "https://10.0.0.1:8443/x"}, {"text": "b", "url": "tg://x"})
    client.sendMessage(chat_id=111, text="links", reply_markup=links)
    assert anna.chat.last.button("b").url == "tg://x"


# ---------------------------------------------------------------- HTML


def sent_html(client, html):
    client.sendMessage(chat_id=111, text=html, parse_mode="HTML")
    return client.telegram.person(111).chat.last


WRONG_HTML = [
    ("a < b", 'Unsupported start tag "" at byte offset 2'),
    ("a <", "Unclosed start tag at byte offset 2"),
    ("я <br/>", 'Unsupported start tag "br/" at byte offset 3'),
    ("<p>x</p>", 'Unsupported start tag "p" at byte offset 0'),
    ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
    ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
    ("x</b>", "Unexpected end tag at byte offset 1"),
    ("<b>x</b", "Unclosed end tag at byte offset 4"),
    ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
    ('<a href="x>x</a>', "Unexpected end of name token at byte offset 7"),
    ("<a href>x</a>", "Expected equal sign in declaration of an attribute of the tag"),
    ("<b ='x'>x</b>", 'Empty attribute name in the tag "b" at byte offset 0'),
]


def test_wrong_html_is_refused(client, anna):
    for html, problem in WRONG_HTML:
        refusal = send_refusal(client, text=html, parse_mode="HTML")
        assert refusal.startswith(f"400 Bad Request: can't parse entities: {problem}"), html


RIGHT_HTML = [
    ("<b>b</b><strong>b</strong>", "bb", ["bold", "bold"]),
    ("<i>i</i><em>i</em><u>u</u>", "iiu", ["italic", "italic", "underline"]),
    ("<s>s</s><strike>s</strike><del>s</del>", "sss", ["strikethrough"] * 3),
    ("<ins>u</ins><code>c</code>", "uc", ["underline", "code"]),
    ('<pre><code class="language-py">x</code></pre>', "x", ["pre"]),
    ("<tg-spoiler>x</tg-spoiler><span class='tg-spoiler'>x</span>", "xx", ["spoiler"] * 2),
    ("<blockquote expandable>x</blockquote>", "x", ["expandable_blockquote"]),
    ("<B >x</B ><i>y</>", "xy", ["bold", "italic"]),
    ("&lt;b&gt; &amp;lt; &quot;&#1071;&#x44F;", '<b> &lt; "Яя', []),
    ("AT&T &nbsp; & &#0;", "AT&T &nbsp; & &#0;", []),
    ("<b></b>x<i></i>", "x", []),
    ('<a href="tg://user?id=5">x</a>', "x", ["text_mention"]),
]


def test_html_is_read_as_telegram_reads_it(client, anna):
    for html, text, kinds in RIGHT_HTML:
        message = sent_html(client, html)
        assert (message.text, [entity["type"] for entity in message.entities]) == (text, kinds)


def test_offsets_of_entities_count_utf16_units(client, anna):
    message = sent_html(client, '😀<b>я <i>😀</i></b> <a href="https://a.b/?x=1&amp;y=2">z</a>')
    assert message.entities == [
        {"type": "bold", "offset": 2, "length": 4},
        {"type": "italic", "offset": 4, "length": 2},
        {"type": "text_link", "offset": 7, "length": 1, "url": "https://a.b/?x=1&y=2"},
    ]


def test_a_text_is_trimmed_with_its_entities(client, anna):
    message = sent_html(client, "\n x <b>bold \n</b> \n<i> </i>")
    assert message.text == "x bold"
    assert message.entities == [{"type": "bold", "offset": 2, "length": 4}]


def test_entities_over_a_hundred_are_dropped_and_counted(client, anna):
    assert sent_html(client, "<b>x</b> " * 100).dropped_entities == 0
    message = sent_html(client, "<b>x</b> " * 103)
    assert (len(message.entities), message.dropped_entities) == (100, 3)


def test_a_link_to_a_name_without_a_dot_is_no_link(client, anna):
    message = sent_html(client, '<a href="http://server/c/1">x</a>')
    assert (message.entities, message.dropped_links) == ([], ["http://server/c/1"])


# ---------------------------------------------------------------- editing and deleting


def edit_refusal(client, **parameters):
    with pytest.raises(Refused) as refusal:
        client.editMessageText(**parameters)
    return str(refusal.value)


def test_an_edit_changes_text_and_keyboard(client, anna, menu):
    edited = client.editMessageText(chat_id=111, message_id=menu.id, text="<i>All</i>")
    assert edited["edit_date"] >= edited["date"]
    assert (menu.text, menu.keyboard, menu.edits) == ("<i>All</i>", [], 1)
    client.editMessageReplyMarkup(chat_id=111, message_id=menu.id, reply_markup=MENU)
    assert (menu.text, menu.labels, menu.edits) == ("<i>All</i>", ["Moscow"], 2)
    assert [text for text, _, _ in menu.history] == ["Servers", "<i>All</i>", "<i>All</i>"]


def test_an_edit_that_changes_nothing_is_refused(client, anna, menu):
    same = {"chat_id": 111, "message_id": menu.id, "text": "Servers\n", "reply_markup": MENU}
    refusal = edit_refusal(client, **same)
    assert refusal.startswith("400 Bad Request: message is not modified: specified new message")
    with pytest.raises(Refused, match="message is not modified"):
        client.editMessageReplyMarkup(chat_id=111, message_id=menu.id, reply_markup=MENU)
    client.editMessageText(**{**same, "text": "<b>Servers</b>", "parse_mode": "HTML"})
    assert menu.edits == 1


def test_what_is_gone_or_not_the_bots_own_cannot_be_edited(client, anna, menu):
    letter = anna.send("hello")
    foreign = edit_refusal(client, chat_id=111, message_id=letter.id, text="x")
    assert foreign == "400 Bad Request: message can't be edited"
    client.deleteMessage(chat_id=111, message_id=menu.id)
    assert menu.deleted
    gone = edit_refusal(client, chat_id=111, message_id=menu.id, text="x")
    assert gone == "400 Bad Request: message to edit not found"
    with pytest.raises(Refused, match="message to delete not found"):
        client.deleteMessage(chat_id=111, message_id=menu.id)
    missing = edit_refusal(client, chat_id=111, text="x")
    assert missing == "400 Bad Request: message identifier is not specified"


# ---------------------------------------------------------------- pressing


def test_a_press_carries_the_message_as_it_was(client, anna, menu):
    press = anna.press(menu, "Mosc")
    client.editMessageText(chat_id=111, message_id=menu.id, text="later")
    (update,) = client.getUpdates()
    query = update["callback_query"]
    assert query["message"]["text"] == "Servers"
    assert query["message"]["reply_markup"] == MENU
    assert (query["id"], query["data"], query["from"]["id"]) == (press.id, "server|1", 111)
    assert isinstance(query["chat_instance"], str)


def test_a_press_is_answered_once(client, anna, menu):
    press = anna.press(menu, lambda button: button.data == "server|1")
    with pytest.raises(AssertionError, match=r"'Moscow' \('server|1'\) was not answered"):
        press.wait(timeout=0)
    client.answerCallbackQuery(callback_query_id=press.id, text="я" * 200)
    assert press.wait().answer_seconds >= 0
    with pytest.raises(Refused, match="400 Bad Request: query is too old and response timeout"):
        client.answerCallbackQuery(callback_query_id=press.id)


def test_a_press_cannot_be_answered_late_or_at_length(telegram, client, anna, menu):
    press = anna.press(menu, "Moscow")
    with pytest.raises(Refused, match="400 Bad Request: MESSAGE_TOO_LONG"):
        client.answerCallbackQuery(callback_query_id=press.id, text="я" * 201)
    telegram.query_life_s = 0
    with pytest.raises(Refused, match="query is too old"):
        client.answerCallbackQuery(callback_query_id=press.id)
    assert not press.answered


def test_a_press_on_an_old_message_carries_little_of_it(telegram, client, anna, menu):
    telegram.forget_messages(anna.chat)
    anna.press(menu, "Moscow")
    anna.press_data(None, "made up")
    old, inline = (update["callback_query"] for update in client.getUpdates())
    assert (old["message"]["date"], old["message"]["message_id"]) == (0, menu.id)
    assert "text" not in old["message"]
    assert "message" not in inline
    assert (inline["data"], bool(inline["inline_message_id"])) == ("made up", True)


# ---------------------------------------------------------------- who may be written to


def test_a_bot_writes_only_to_those_who_started_it(telegram, client):
    boris = telegram.person(222)
    assert send_refusal(client, chat_id=222) == (
        "403 Forbidden: bot can't initiate conversation with a user"
    )
    boris.send("/start")
    client.sendMessage(chat_id=222, text="x")
    boris.block_bot()
    assert send_refusal(client, chat_id=222) == "403 Forbidden: bot was blocked by the user"
    boris.unblock_bot()
    client.sendMessage(chat_id=222, text="x")
    kinds = [list(update)[1] for update in client.getUpdates()]
    assert kinds == ["message", "my_chat_member", "my_chat_member"]


def test_a_group_that_threw_the_bot_out_refuses_it(telegram, client, anna):
    group = telegram.group(-1001, title="Admins", members=[anna])
    client.sendMessage(chat_id=-1001, text="x", reply_markup=MENU)
    boris = telegram.person(222)
    boris.press(group.last, "Moscow")
    assert client.getUpdates()[0]["callback_query"]["message"]["chat"]["type"] == "group"
    group.kick_bot()
    refusal = "403 Forbidden: bot was kicked from the group chat"
    assert send_refusal(client, chat_id=-1001) == refusal
    assert edit_refusal(client, chat_id=-1001, message_id=group.last.id, text="y") == refusal
    anna.send("anybody?", chat=group)
    assert all("message" not in update for update in client.getUpdates())


def test_a_group_that_became_a_supergroup_names_its_new_id(telegram, client, anna):
    group = telegram.group(-1001, title="Admins", members=[anna])
    new = group.upgrade_to_supergroup(-1001234567890)
    with pytest.raises(Refused, match="group chat was upgraded to a supergroup chat") as refusal:
        client.sendMessage(chat_id=-1001, text="x")
    assert refusal.value.parameters == {"migrate_to_chat_id": -1001234567890}
    client.sendMessage(chat_id=-1001234567890, text="x")
    assert new.last.text == "x"
    assert group.bot_messages == []
    anna.send("/status", chat=group)
    old_note, new_note, command = (update["message"] for update in client.getUpdates())
    assert old_note["migrate_to_chat_id"] == -1001234567890
    assert new_note["migrate_from_chat_id"] == -1001
    assert command["chat"] == {"id": -1001234567890, "title": "Admins", "type": "supergroup"}


def test_a_forum_takes_messages_for_topics_that_are_there_and_open(telegram, client, anna):
    forum = telegram.group(-1001234567890, members=[anna], topics={17: "Alerts"})
    client.sendMessage(chat_id=forum.id, text="general")
    client.sendMessage(chat_id=forum.id, text="alert", message_thread_id=17)
    assert [message.topic for message in forum.messages] == [None, 17]
    for chat_id, topic in ((forum.id, 18), (111, 17)):
        refusal = send_refusal(client, chat_id=chat_id, message_thread_id=topic)
        assert refusal == "400 Bad Request: message thread not found"
    forum.closed_topics = {1, 17}
    for parameters in ({}, {"message_thread_id": 17}):
        refusal = send_refusal(client, chat_id=forum.id, **parameters)
        assert refusal == "400 Bad Request: TOPIC_CLOSED"
    anna.send("/id", chat=forum, topic=17)
    message = client.getUpdates()[0]["message"]
    assert (message["message_thread_id"], message["is_topic_message"]) == (17, True)
    assert message["chat"]["is_forum"] is True


def test_who_hides_behind_a_group_or_a_channel_has_the_id_of_a_bot(telegram, client, anna):
    group = telegram.group(-1001234567890, members=[anna])
    anna.send("/status", chat=group, write_as="anonymous")
    anna.send("/status", chat=group, write_as="channel")
    admin, channel = (update["message"] for update in client.getUpdates())
    assert (admin["from"]["id"], admin["sender_chat"]["id"]) == (1087968824, group.id)
    assert (channel["from"]["id"], channel["sender_chat"]["type"]) == (136817688, "channel")


def test_a_message_can_come_without_a_sound(client, anna):
    client.sendMessage(chat_id=111, text="x", disable_notification=True)
    assert anna.chat.last.is_silent


# ---------------------------------------------------------------- pace


def test_more_than_a_message_a_second_is_refused_when_pacing_is_on(telegram, client, anna):
    for _ in range(10):
        client.sendMessage(chat_id=111, text="not paced")
    telegram.strict_pacing = True
    for _ in range(5):
        client.sendMessage(chat_id=111, text="a burst")
    with pytest.raises(Refused, match="429 Too Many Requests: retry after 1") as refusal:
        client.sendMessage(chat_id=111, text="too many")
    assert refusal.value.parameters == {"retry_after": 1}


def test_a_group_takes_twenty_messages_a_minute(telegram):
    group = telegram.group(-1001)
    assert [group.pause_s(now=second) for second in range(100, 120)] == [0] * 20
    assert group.pause_s(now=125) == 35
    assert group.pause_s(now=160) == 0


# ---------------------------------------------------------------- commands and small methods


WRONG_COMMANDS = [
    ([{"command": "Start", "description": "x"}], "BOT_COMMAND_INVALID"),
    ([{"command": "", "description": "x"}], "command must be non-empty"),
    ([{"command": "x" * 33, "description": "x"}], "command length must not exceed 32"),
    ([{"command": "x", "description": ""}], "command description must be non-empty"),
    ([{"command": "x", "description": "x" * 257}], "command description length must not"),
    ([{"command": "x", "description": "x"}] * 101, "BOT_COMMANDS_TOO_MUCH"),
]


def test_wrong_commands_are_refused(client):
    for commands, description in WRONG_COMMANDS:
        with pytest.raises(Refused, match=f"400 Bad Request: {description}"):
            client.setMyCommands(commands=commands)


def test_commands_are_kept_for_each_language(client):
    client.setMyCommands(commands=[{"command": "a", "description": "A"}])
    client.setMyCommands(commands=[{"command": "b", "description": "B"}], language_code="ru")
    assert client.getMyCommands(language_code="ru")[0]["command"] == "b"
    client.deleteMyCommands(language_code="ru")
    assert client.getMyCommands(language_code="ru") == []
    assert client.getMyCommands()[0]["command"] == "a"


# ---------------------------------------------------------------- faults


def test_a_call_can_be_made_to_fail(telegram, client, anna):
    telegram.fail("sendMessage", when=lambda parameters: parameters["text"] == "b")
    client.sendMessage(chat_id=111, text="a")
    with pytest.raises(Refused, match="429 Too Many Requests: retry after 3") as refusal:
        client.sendMessage(chat_id=111, text="b")
    assert refusal.value.parameters == {"retry_after": 3}
    client.sendMessage(chat_id=111, text="b")
    telegram.fail(None, code=502, html=True)
    answer = client.post("getMe")
    assert (answer.status_code, answer.text[:6]) == (502, "<html>")
    assert [call.status for call in telegram.calls] == [200, 429, 200, 502]


def test_a_connection_can_be_cut_before_or_in_the_answer(telegram, client, anna):
    telegram.cut("sendMessage")
    with pytest.raises(requests.RequestException):
        client.sendMessage(chat_id=111, text="lost")
    assert anna.chat.messages == []
    telegram.cut("sendMessage", in_the_middle=True)
    with pytest.raises(requests.RequestException):
        client.sendMessage(chat_id=111, text="done")
    assert anna.chat.last.text == "done"


def test_a_call_that_hangs_is_never_answered(telegram, client, in_background):
    telegram.hang("getMe")
    call = in_background(client.getMe)
    telegram.wait_until(lambda: telegram.count("getMe") == 1)
    client.getWebhookInfo()
    assert not call.done()
    telegram.clear_faults()
    with pytest.raises(requests.RequestException):
        call.result(30)


def test_a_forgotten_connection_is_silent_and_a_new_one_works(telegram, client, anna):
    client.getMe()
    telegram.lose_connections()
    url = f"{telegram.url}/bot{telegram.token}/sendMessage"
    with pytest.raises(requests.ReadTimeout):
        client.session.post(url, json={"chat_id": 111, "text": "lost"}, timeout=0.2)
    assert anna.chat.messages == []
    client.sendMessage(chat_id=111, text="on a new connection")
    assert anna.chat.last.text == "on a new connection"


def test_a_server_that_is_down_refuses_and_comes_back_on_its_port(
    telegram, client, anna, in_background
):
    address = telegram.url
    poll = in_background(client.getUpdates, timeout=30)
    telegram.wait_for_poll()
    anna.send("kept")
    poll.result(30)
    poll = in_background(client.getUpdates, offset=telegram.pending[0]["update_id"] + 1, timeout=30)
    telegram.wait_for_poll()
    telegram.go_down()
    with pytest.raises(requests.ConnectionError):
        poll.result(30)
    with pytest.raises(requests.ConnectionError):
        client.getMe()
    telegram.come_back()
    assert telegram.url == address
    client.sendMessage(chat_id=111, text="again")
    assert [message.text for message in anna.chat.messages] == ["kept", "again"]
