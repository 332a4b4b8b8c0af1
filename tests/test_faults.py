"""Whatever fails, the bot says so, goes on, loses nothing and shows no secret.

The real bot between the two simulators, and what they break. The watcher's own decisions are
tested elsewhere, the functions of `trueconf_api` one by one too.
"""

import http.server
import itertools
import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from demo.telegram.server import TelegramServer
from demo.trueconf.server import TrueConfServer
from keyboards import Press, pack, short_id, unpack
from lib.evidence import Evidence
from memory import Record
from status_watcher import Watcher
from tests.conftest import ANNA, PATIENCE_S, TOKEN, BotProcess, saying
from tests.conftest import wait_until as wait_for
from texts.en import WORDS
from trueconf_api import Server

HOUR_S = 3600
AT_ONCE = 28  # presses under way at the same time, fewer than the bot has threads for them


class Simulator(TrueConfServer):
    """A simulated server that remembers the secrets it has handed out."""

    def __init__(self, **options):
        super().__init__(**options)
        self.secrets = [self.client_secret]

    def new_token(self):
        token = super().new_token()
        self.secrets.append(token)
        return token


@pytest.fixture
def simulators():
    """A function that starts simulated servers with these names."""
    started = []

    def start(*names: str, **options) -> dict[str, Simulator]:
        servers = {name: Simulator(**options).start() for name in names}
        started.extend(servers.values())
        return servers

    yield start
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(TrueConfServer.stop, started))


def said(key: str) -> str:
    """A part of the sentence that holds whatever is filled in."""
    return max(re.split(r"<[^>]*>|\{\w+\}", WORDS[key]), key=len).strip()


def data(action: str, name: str = "", **more) -> str:
    """What a button of the server carries."""
    return pack(Press(action, short_id(name) if name else "", **more))


def open_menu(person, name: str):
    """A new message that shows the menu of a server."""
    asked = person.send("/start")
    message = person.chat.wait_for(lambda one: one.id > asked.id and said("servers") in one.text)
    person.press_data(message, data("menu", name)).wait(PATIENCE_S)
    assert said("menu_question") in message.text
    return message


def press(person, message, action: str, **carried) -> str:
    """Press the button that does this, wait for the answer, return what is shown then.
    `carried`: what else the button has to carry."""

    def is_meant(button):
        found = unpack(button.data)
        return found.action == action and all(
            getattr(found, name) == value for name, value in carried.items()
        )

    person.press(message, is_meant).wait(PATIENCE_S)
    return message.text


def leaked(telegram, bot, secrets) -> list[str]:
    """The secrets that the bot has printed or told somebody."""
    said = bot.output + "".join(str(call.parameters) for call in telegram.calls)
    return [secret for secret in secrets if secret in said]


# ---------------------------------------------------------------- every screen, every fault


@dataclass(frozen=True)
class Fault:
    """`told`: which sentence the screens with data say, None if they work all the same.
    `status`: what the Status screen says. `is_long`: a slow computer may reach the limit of the
    question first. `settings`: what its server needs in settings.json besides the usual;
    `options`: what the simulator needs."""

    apply: Callable[[Simulator], None]
    told: str | None
    status: str = said("state_up")
    is_long: bool = False
    settings: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)


def everywhere(fault: str, **details):
    def apply(server):
        server.break_path("", fault, **details)
        server.break_path("vsstatus", fault, **details)

    return apply


def on_the_web(fault: str, **details):
    return lambda server: server.break_path("", fault, **details)


def in_the_api(fault: str, **details):
    """The token requests go well."""

    def apply(server):
        for part in ("logs/calls", "participants", "users", "conferences", "stop"):
            server.break_path(part, fault, **details)

    return apply


def slammed(port_kind: str):
    return lambda server: server.slam(port_kind)


def with_certificate(kind: str):
    def apply(server):
        server.stop()
        server.certificate = kind
        server.start()

    return apply


ELSEWHERE = "https://other.invalid/"
DOWN = said("state_down")
NO_WEBSITE, UNTRUSTED = said("state_web_down"), said("state_web_untrusted")
FAILING = said("state_service_fails")
FAULTS = {
    "refused": Fault(TrueConfServer.go_down, "reason_refused", DOWN),
    "vanished": Fault(TrueConfServer.blackhole, "error_unreachable", DOWN),
    "hang": Fault(on_the_web("hang"), "reason_no_answer", NO_WEBSITE),
    "header": Fault(on_the_web("hang_after_header"), "reason_no_answer", NO_WEBSITE),
    "drip": Fault(on_the_web("drip"), "reason_no_answer", NO_WEBSITE),
    "cut": Fault(everywhere("cut"), "reason_cut", f"{DOWN} {said('reason_cut')}"),
    "slammed": Fault(TrueConfServer.slam, "reason_cut", f"{DOWN} {said('reason_cut')}"),
    "slammed2": Fault(slammed("status"), None, said("state_service_down")),
    "slammed3": Fault(slammed("web"), "reason_cut", NO_WEBSITE),
    "plain": Fault(
        TrueConfServer.slam, "reason_cut", f"{DOWN} {said('reason_cut')}", options={"tls": False}
    ),
    "reset": Fault(everywhere("reset"), "reason_cut", f"{DOWN} {said('reason_cut')}"),
    "untrusted": Fault(with_certificate("untrusted"), "reason_certificate_chain", UNTRUSTED),
    "expired": Fault(with_certificate("expired"), "reason_certificate_expired", UNTRUSTED),
    "othername": Fault(with_certificate("other_name"), "reason_certificate_name", UNTRUSTED),
    "http400": Fault(everywhere("status", status=400), "error_status", FAILING),
    "http401": Fault(in_the_api("status", status=401), "error_token_refused"),
    "forbidden": Fault(everywhere("status", status=403), "error_permission", FAILING),
    "badtoken": Fault(
        in_the_api("status", status=403, reason="accessTokenInvalid"), "error_token_refused"
    ),
    "http404": Fault(
        everywhere("status", status=404, reason="routeNotFound"),
        "error_api_version",
        FAILING,
        settings={"api_version": "v3.3"},  # with "auto" it is looked for once a minute
    ),
    "http429": Fault(everywhere("status", status=429), "error_status", FAILING),
    "in_front": Fault(everywhere("status", status=403, html=True), "error_in_front", FAILING),
    "http500": Fault(everywhere("status", status=500), "error_status", DOWN),
    "http502": Fault(everywhere("status", status=502, html=True), "error_status", DOWN),
    "html": Fault(everywhere("html"), "error_not_json"),
    "header2": Fault(everywhere("drip_header"), "reason_no_answer", DOWN),
    "statusline": Fault(everywhere("drip_status_line"), "reason_no_answer", DOWN),
    "continue": Fault(everywhere("continue"), "reason_no_answer", DOWN),
    "chunks": Fault(everywhere("chunk_drip"), "reason_no_answer", DOWN),
    "gzip": Fault(everywhere("gzip_drip"), "reason_no_answer", DOWN),
    "empty": Fault(everywhere("empty"), "error_not_json"),
    "truncated": Fault(everywhere("truncated"), "error_not_json"),
    "list": Fault(everywhere("list"), "error_shape"),
    "null": Fault(everywhere("null"), "error_not_json"),
    "strings": Fault(on_the_web("strings"), None),
    "huge": Fault(in_the_api("huge"), "error_too_large", is_long=True),
    "endless": Fault(on_the_web("endless"), "error_endless", is_long=True),
    "redirect": Fault(everywhere("redirect", location=ELSEWHERE), "error_redirect", FAILING),
}

# Screen -> the buttons that lead to it, and what the last of them has to carry; that one is
# pressed when the server is broken.
SCREENS = {
    "status": [("status", {})],
    "conferences": [("conferences", {})],
    "online": [("online", {})],
    "by_name": [("online", {}), ("by_name", {})],
    "forgotten": [("forgotten", {})],
    "conference": [("conferences", {}), ("conference", {})],
    "ask_stop": [("conferences", {}), ("conference", {}), ("ask_stop", {})],
    "stop": [("conferences", {}), ("conference", {}), ("ask_stop", {}), ("stop", {})],
    "stop_all": [
        ("forgotten", {}),
        ("forgotten", {"age_min": 60}),
        ("ask_stop_all", {}),
        ("stop_all", {}),
    ],
}


def watched(server: Simulator, **settings: object) -> dict:
    """Settings with everything switched on that the watcher does."""
    return server.settings(
        **settings,
        server_status={"state": 1, "timeout": 3},
        forgotten_conferences={"state": 1, "timeout": 3, "hours": 5},
    )


def break_all(servers: dict[str, Simulator]) -> None:
    with ThreadPoolExecutor(len(servers)) as pool:
        list(pool.map(lambda name: FAULTS[name].apply(servers[name]), servers))


def mend_all(servers: dict[str, Simulator]) -> None:
    def mend(server):
        if server.certificate != "good":
            with_certificate("good")(server)
        server.mend()
        server.come_back()

    with ThreadPoolExecutor(len(servers)) as pool:
        list(pool.map(mend, servers.values()))


@pytest.mark.waits(45)
def test_every_screen_and_the_watcher_under_every_fault(
    telegram, simulators, settings_for, start_bot
):
    servers = {name: simulators(name, **fault.options)[name] for name, fault in FAULTS.items()}
    for server in servers.values():
        for title in ("One", "Two"):
            server.add_conference(title, people=(), age_s=2 * HOUR_S)
    people = {
        screen: telegram.person(1000 + number, screen).starts_bot()
        for number, screen in enumerate(SCREENS)
    }
    users = [person.id for person in people.values()]
    bot = start_bot(
        settings_for(
            {name: watched(servers[name], **fault.settings) for name, fault in FAULTS.items()},
            users,
        )
    )

    def prepare(screen):
        """For each server a message where the last button can be pressed."""
        messages = {}
        for name in servers:
            messages[name] = open_menu(people[screen], name)
            for action, carried in SCREENS[screen][:-1]:
                press(people[screen], messages[name], action, **carried)
        return messages

    with ThreadPoolExecutor(AT_ONCE) as pool:
        messages = dict(zip(SCREENS, pool.map(prepare, SCREENS), strict=True))
        break_all(servers)

        def look(place):
            screen, name = place
            person, message = people[screen], messages[screen][name]
            action, carried = SCREENS[screen][-1]
            shown = press(person, message, action, **carried)
            return shown, message.labels

        places = [(screen, name) for name in servers for screen in SCREENS]
        seen = dict(zip(places, pool.map(look, places), strict=True))

    problems = []
    for (screen, name), (shown, labels) in seen.items():
        fault = FAULTS[name]
        expected = said(fault.told) if fault.told else ""
        if fault.is_long and said("reason_no_answer") in shown:
            continue
        if (fault.status if screen == "status" else expected) not in shown:
            problems.append(f"{screen} under {name} says {shown!r}")
        if not expected and "⚠️" in shown and said("list_changed") not in shown:
            problems.append(f"{screen} under {name} complains: {shown!r}")
        if WORDS["button_back"] not in labels:
            problems.append(f"{screen} under {name} has the buttons {labels}")
    assert problems == [], "\n".join(problems)
    stopped = {name for name, server in servers.items() if server.stops}
    assert stopped <= {"strings", "slammed2"}  # there the stop works

    broken = {name for name, fault in FAULTS.items() if fault.status != said("state_up")}
    watch_the_alerts(telegram, people["status"], messages["status"], servers, broken)

    def look_again(screen):
        for name in servers:
            message = open_menu(people[screen], name)
            shown = press(people[screen], message, SCREENS[screen][0][0])
            assert "⚠️" not in shown, shown
            assert "🔴" not in shown, shown

    with ThreadPoolExecutor(len(SCREENS)) as pool:
        list(pool.map(look_again, SCREENS))
    secrets = [TOKEN, *(secret for server in servers.values() for secret in server.secrets)]
    assert leaked(telegram, bot, secrets) == []
    assert not bot.has_ended


def watch_the_alerts(telegram, person, screens, servers, broken) -> None:
    """The watchers tell of the servers that are down and of no other; mended, all of them go on."""
    own = {message.id for message in screens.values()}

    def told(shape: str) -> set[str]:
        text = "\n".join(one.text for one in person.chat.bot_messages if one.id not in own)
        return {name for name in servers if re.search(shape.format(re.escape(name)), text)}

    # Alone, or as one of several in a message.
    telegram.wait_until(lambda: told("[🟡🟠🔴] {}[\n:,]") == broken, 90)
    mend_all(servers)
    for name, server in servers.items():
        server.add_conference(f"Left behind on {name}.", people=(), age_s=9 * HOUR_S)
    telegram.wait_until(lambda: told("🟢 {}[\n:,]") == broken, 60)
    telegram.wait_until(lambda: told(r"Left behind on {}\.") == set(servers), 60)


# ---------------------------------------------------------------- Telegram's side


@pytest.fixture
def office(simulators):
    server = simulators("office")["office"]
    server.add_conference("Weekly planning", people=("anna",), age_s=60)
    return server


def greets(person) -> bool:
    """The bot answers a new /start."""
    asked = person.send("/start")
    return bool(
        person.chat.wait_for(lambda one: one.id > asked.id and said("servers") in one.text, 40)
    )


def test_portal_that_answers_in_telegrams_place_is_waited_for(office, tmp_path):
    body = '{"error": "sign in first"}'

    class Portal(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Portal) as portal:
        serving = threading.Thread(target=portal.serve_forever, args=(0.01,), daemon=True)
        serving.start()
        content = {
            "tg-api-token": TOKEN,
            "tg-api-url": f"http://127.0.0.1:{portal.server_port}",
            "tg-users-id": [ANNA],
            "language": "en",
            "servers": {"office": office.settings()},
        }
        bot = BotProcess(tmp_path, content).start()
        try:
            bot.wait_for_output(saying("telegram_foreign_api"))
            portal.shutdown()
            portal.server_close()
            with TelegramServer(token=TOKEN, port=portal.server_port) as telegram:
                bot.wait_for_output("Bot is running...")
                assert greets(telegram.person(ANNA).starts_bot())
        finally:
            bot.kill()
        assert "Traceback" not in bot.output


@pytest.mark.waits(10)
def test_alert_waits_while_telegram_is_down(telegram, anna, boris, office, start_bot, settings_for):
    status = {"state": 1, "timeout": 1}
    bot = start_bot(settings_for({"office": office.settings(server_status=status)}))
    telegram.go_down()
    bot.wait_for_output(saying("telegram_silent"))
    office.core_down()
    bot.wait_for_output("office: service down (port")
    telegram.come_back()
    for person in (anna, boris):
        person.chat.wait_for("🟡 office\n", 60)
    assert greets(anna)


def calls_of(telegram, method: str, chat_id: int, words: str) -> list:
    return [
        call
        for call in telegram.calls
        if call.method == method
        and call.parameters.get("chat_id") == str(chat_id)
        and words in call.parameters.get("text", "")
    ]


def test_wait_that_telegram_asks_for_is_kept(telegram, anna, office, start_bot, settings_for):
    start_bot(settings_for({"office": office.settings()}))
    message = open_menu(anna, "office")
    telegram.fail("editMessageText", 429, parameters={"retry_after": 1}, times=2)
    press(anna, message, "conferences")
    wait_for(lambda: "Weekly planning" in message.text)
    first, second, third = calls_of(telegram, "editMessageText", ANNA, "Weekly planning")
    assert [first.status, second.status, third.status] == [429, 429, 200]
    assert second.at - first.at >= 1
    assert third.at - second.at >= 1


@pytest.mark.waits(10)
def test_alerts_obey_the_wait_and_none_is_lost(
    telegram, anna, boris, office, start_bot, settings_for
):
    status = {"state": 1, "timeout": 1}
    start_bot(settings_for({"office": office.settings(server_status=status)}))
    telegram.fail(
        "sendMessage",
        429,
        parameters={"retry_after": 2},
        times=2,
        when=lambda parameters: parameters.get("chat_id") == str(ANNA),
    )
    office.core_down()
    boris.chat.wait_for("🟡", 40)
    assert not anna.chat.bot_messages  # and Boris did not wait for her
    office.core_back()
    anna.chat.wait_for("🟢", 40)
    told = "\n".join(one.text for one in anna.chat.bot_messages)
    assert (told.count("🟡"), told.count("🟢")) == (1, 1)
    assert told.index("🟡") < told.index("🟢")
    sent = calls_of(telegram, "sendMessage", ANNA, "🟡")
    assert [call.status for call in sent] == [429, 429, 200]
    assert all(later.at - call.at >= 2 for call, later in itertools.pairwise(sent))


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_deleted_message_is_replaced_by_a_new_one(
    telegram, anna, office, start_bot, settings_for, is_forgotten
):
    start_bot(settings_for({"office": office.settings()}))
    message = open_menu(anna, "office")
    if is_forgotten:
        telegram.forget_messages(anna.chat)
    message.deleted = True
    anna.press_data(message, data("conferences", "office")).wait()
    new = anna.chat.wait_for("Weekly planning")
    assert new.id > message.id
    assert WORDS["button_back"] in new.labels


def test_press_without_a_message_is_answered_in_the_private_chat(
    anna, office, start_bot, settings_for
):
    start_bot(settings_for({"office": office.settings()}))
    anna.press_data(None, data("conferences", "office")).wait()
    anna.chat.wait_for("Weekly planning")


BAD_ANSWERS = (
    {"code": 502, "html": True},
    {"code": 200, "html": True},
    {"code": 500},
    {"code": 429, "parameters": {"retry_after": 1}},
    {"code": 400, "description": "Bad Request: surprise"},
)


@pytest.mark.parametrize(
    ("method", "bad_answers"),
    [
        ("getUpdates", (BAD_ANSWERS[1], BAD_ANSWERS[3])),
        ("editMessageText", BAD_ANSWERS),
        ("answerCallbackQuery", BAD_ANSWERS),
        ("sendMessage", BAD_ANSWERS),
    ],
)
def test_bot_goes_on_after_answers_of_telegram_that_are_none(
    telegram, anna, office, start_bot, settings_for, method, bad_answers
):
    bot = start_bot(settings_for({"office": office.settings()}))
    message = open_menu(anna, "office")
    for bad_answer in bad_answers:
        fault = telegram.fail(method, **bad_answer)
        one = anna.press_data(message, data("conferences", "office"))
        if method == "sendMessage":
            anna.send("/start")
        telegram.wait_until(lambda fault=fault: fault.times == 0)
        if method != "answerCallbackQuery":
            one.wait(PATIENCE_S)
    assert greets(anna)
    assert "Weekly planning" in press(anna, open_menu(anna, "office"), "conferences")
    assert leaked(telegram, bot, [TOKEN, *office.secrets]) == []


@pytest.mark.parametrize("in_the_middle", [False, True])
def test_long_poll_that_is_cut_loses_no_press(
    telegram, anna, office, start_bot, settings_for, in_the_middle
):
    start_bot(settings_for({"office": office.settings()}))
    telegram.cut("getUpdates", in_the_middle=in_the_middle)
    assert greets(anna)
    assert greets(anna)
    assert len(anna.chat.bot_messages) == 2


PERSON = {"id": ANNA, "is_bot": False, "first_name": "Anna"}
CHAT = {"id": ANNA, "first_name": "Anna", "type": "private"}
CHANNEL = {"id": -1001234567890, "title": "News", "type": "channel"}
PLAIN = {"message_id": 1, "from": PERSON, "chat": CHAT, "date": 1750000000}
PHOTO = [{"file_id": "a", "file_unique_id": "b", "width": 1, "height": 1}]
ODD_UPDATES = (
    {"news_of_2030": {"what": "never heard of"}},
    {},
    {"message": {**PLAIN, "photo": PHOTO}},
    {"message": {**PLAIN, "photo": PHOTO, "caption": "/start"}},
    {"message": {**PLAIN, "new_chat_members": [PERSON]}},
    {"message": {**PLAIN, "something_new": {"deep": [1]}}},
    {"edited_message": {**PLAIN, "text": "/start", "edit_date": 1750000001}},
    {"message": {"message_id": 1, "chat": CHANNEL, "date": 1750000000, "text": "/status"}},
    {"channel_post": {"message_id": 1, "chat": CHANNEL, "date": 1750000000, "text": "/start"}},
    {"message": {**PLAIN, "from": PERSON, "chat": CHANNEL, "text": "/start"}},
    {"poll": {"id": "1", "question": "?", "options": [], "total_voter_count": 0}},
)


def test_updates_of_unknown_kinds_are_left_alone(telegram, anna, office, start_bot, settings_for):
    bot = start_bot(settings_for({"office": office.settings()}))
    for fields in ODD_UPDATES:
        telegram.push_update(fields)
    query = {"id": "1", "from": PERSON, "chat_instance": "5"}
    telegram.push_update({"callback_query": query})
    telegram.push_update({"callback_query": {**query, "game_short_name": "chess"}})
    assert greets(anna)
    assert len(anna.chat.bot_messages) == 1
    assert not bot.has_ended


UNREADABLE_UPDATES = (
    {"message": {"text": "/start"}},
    {"callback_query": {"id": "1"}},
    {"callback_query": None, "message": [1]},
    {"my_chat_member": {"chat": CHAT}},
    {"chat_join_request": "soon"},
)


def test_update_that_cannot_be_read_costs_itself_alone(
    telegram, anna, office, start_bot, settings_for
):
    bot = start_bot(settings_for({"office": office.settings()}))
    for fields in UNREADABLE_UPDATES:
        telegram.push_update(fields)
    assert greets(anna)
    bot.wait_for_output("an update of Telegram cannot be read")
    telegram.wait_until(lambda: telegram.pending == [])
    assert bot.output.count("an update of Telegram cannot be read") == len(UNREADABLE_UPDATES)


def test_press_in_a_topic_whose_message_is_gone_is_answered_in_the_topic(
    telegram, anna, office, start_bot, settings_for
):
    group = telegram.group(-1001234500005, members=[anna], topics={7: "Servers"})
    start_bot(settings_for({"office": office.settings()}))
    asked = anna.send("/start", group)
    message = group.wait_for(lambda one: one.id > asked.id)
    message.deleted = True
    in_topic = {**message.to_dict(), "is_topic_message": True, "message_thread_id": 7}
    query = {"id": "1", "from": PERSON, "chat_instance": "5", "data": data("menu", "office")}
    telegram.push_update({"callback_query": {**query, "message": in_topic}})
    group.wait_for(said("menu_question"))
    [sent] = calls_of(telegram, "sendMessage", group.id, said("menu_question"))
    assert sent.parameters["message_thread_id"] == "7"


# ---------------------------------------------------------------- many at once


def test_fifty_presses_at_once_each_get_their_own_screen(
    telegram, simulators, start_bot, settings_for
):
    names = [f"server {number}" for number in range(5)]
    servers = simulators(*names, round_trip_s=0.02)
    for name, server in servers.items():
        server.add_conference(f"Meeting on {name}", people=("anna",))
    people = [telegram.person(3000 + number).starts_bot() for number in range(5)]
    users = [person.id for person in people]
    start_bot(settings_for({name: servers[name].settings() for name in names}, users))
    messages = [(person, name, open_menu(person, name)) for person in people for name in names]
    presses = [
        (name, message, person.press_data(message, data("conferences", name)))
        for _ in range(2)
        for person, name, message in messages
    ]
    for _, _, pressed in presses:  # of the two on one message the newer one shows its screen
        pressed.wait(PATIENCE_S)
    for name, message, _ in presses:
        assert f"Meeting on {name}" in message.text
    assert len(presses) == 50


def test_switch_that_is_pressed_a_hundred_times_starts_one_watch(
    telegram, office, start_bot, settings_for
):
    people = [telegram.person(3000 + number).starts_bot() for number in range(5)]
    status = {"timeout": 3600}
    users = [person.id for person in people]
    bot = start_bot(settings_for({"office": office.settings(server_status=status)}, users))
    messages = {person: open_menu(person, "office") for person in people}
    presses = [
        person.press_data(messages[person], data(switch, "office"))
        for _ in range(10)
        for person in people
        for switch in ("monitoring_on", "monitoring_off")
    ]
    for one in presses:
        one.wait(PATIENCE_S)
    assert len(presses) == 100

    def state():
        return bot.read_settings()["servers"]["office"]["server_status"]["state"]

    anna, message = people[0], messages[people[0]]
    anna.press_data(message, data("monitoring_off", "office")).wait()
    wait_for(lambda: state() == 0)
    assert said("monitoring_off") in message.text
    office.clear_requests()
    anna.press_data(message, data("monitoring_on", "office")).wait()
    assert said("monitoring_on") in message.text
    wait_for(lambda: state() == 1)
    # One look of the one watcher, one of the screen, and one more of the screen below.
    wait_for(lambda: len(office.requests) == 4)
    press(anna, message, "status")
    assert sorted(one.path for one in office.requests) == 3 * ["/api/v4/server"] + 3 * ["/vsstatus"]


def test_token_that_expires_under_load_is_asked_for_once(
    telegram, simulators, start_bot, settings_for
):
    office = simulators("office", round_trip_s=0.05)["office"]
    people = [telegram.person(3000 + number).starts_bot() for number in range(10)]
    users = [person.id for person in people]
    bot = start_bot(settings_for({"office": office.settings()}, users))
    messages = [(person, open_menu(person, "office")) for person in people for _ in range(3)]
    press(*messages[0], "online")
    office.expire_tokens()
    office.clear_requests()
    presses = [
        (message, person.press_data(message, data("online", "office")))
        for person, message in messages[1:]
    ]
    for message, one in presses:
        one.wait(PATIENCE_S)
        assert said("online_of") in message.text
    asked = Counter(one.path for one in office.requests)
    assert asked["/oauth2/v1/token"] == 1
    wait_for(lambda: bot.read_settings()["servers"]["office"]["access_token"] == office.secrets[-1])


# ---------------------------------------------------------------- settings.json, edited and killed


def edit(file: Path, key: str, value: object) -> None:
    """What a person does in an editor: the whole file is written anew."""
    content = json.loads(file.read_text(encoding="utf-8"))
    text = json.dumps({**content, key: value}, ensure_ascii=False, indent=2)
    file.write_text(text, encoding="utf-8")


def test_edits_by_hand_while_the_bot_saves_are_all_kept(
    telegram, anna, boris, office, start_bot, settings_for
):
    bot = start_bot(settings_for({"office": office.settings()}))
    message = open_menu(anna, "office")
    press(anna, message, "status")
    for number in range(6):
        edit(bot.settings_file, f"note {number}", number)
        switch, state = (("monitoring_on", 1), ("monitoring_off", 0))[number % 2]
        anna.press_data(message, data(switch, "office")).wait()

        def is_saved(state=state):
            return bot.read_settings()["servers"]["office"]["server_status"]["state"] == state

        wait_for(is_saved)
    notes = {key: value for key, value in bot.read_settings().items() if key.startswith("note")}
    assert notes == {f"note {number}": number for number in range(6)}


# ---------------------------------------------------------------- who watches the watchers


class Fragile(Watcher):
    """A watcher whose looks fail, one after the other, in each of these ways."""

    def __init__(self, errors, folder):
        server = Server("office", "https://192.0.2.1", is_monitored=True)
        record = Record(folder / "settings-memory.json", [server])
        super().__init__(server, record, Evidence())
        self.errors, self.survived = list(errors), threading.Event()

    def check(self):
        if not self.errors:
            self.survived.set()
            self.stop()
        else:
            self.look_now()
            raise self.errors.pop(0)


def test_watcher_outlives_a_look_that_raises_anything(caplog, tmp_path):
    errors = [MemoryError(), RecursionError(), KeyError("x"), AssertionError(), OSError(28, "full")]
    errors += [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), StopIteration(), Exception()]
    watcher = Fragile(errors, tmp_path)
    watcher.start()
    assert watcher.survived.wait(PATIENCE_S)
    watcher.join(PATIENCE_S)
    assert not watcher.is_alive()
    failed = [record for record in caplog.records if "look failed" in record.getMessage()]
    assert len(failed) == len(errors)
    assert all(record.exc_info for record in failed)
