"""Whatever comes in, from Telegram, from a server or from the settings, is dealt with.

The values are made by hypothesis, other ones each time. Nothing may end in a traceback, stop a
conference or be more than Telegram takes.
"""

import http.server
import json
import os
import re
import string
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as tried
from hypothesis import strategies as some

import command_line
import keyboards
import stopping
import texts
import trueconf_api
from demo.telegram import checks
from demo.telegram.html import parse, utf16_length
from keyboards import Press, pack, short_id, unpack
from lib import settings
from lib.entries import Entry
from lib.settings_server import LONGEST_H
from memory import forgotten_details
from tests.conftest import PATIENCE_S, TOKEN, wait_until
from tests.test_settings import FORGOTTEN_KEYS, SERVER_KEYS, STATUS_KEYS, TOP_KEYS
from tests.test_trueconf_api import server_for
from texts import news, screens
from trueconf_api import Server, TrueConfError

LANGUAGES = tuple(texts.LANGUAGES)
TIMES = int(os.environ.get("FUZZ_TIMES", "1"))  # set it to search longer


def fuzz(examples: int):
    """So many inputs. No time limit for one, and nothing is kept in the folder."""
    checks = list(HealthCheck)
    return tried(max_examples=examples * TIMES, suppress_health_check=checks, database=None)


# Letters of any kind, halves of surrogate pairs too: JSON can carry those.
letters = some.one_of(
    some.characters(),
    some.characters(categories=["Cs"]),
    some.sampled_from("<>&\"'{}%/#?@.:\u202e\u200d😀🏳️\x00\x1b\n ё"),
)


def text_of(characters, most: int):
    # Not some.text, which hardly ever takes half a character.
    return some.lists(characters, max_size=most).map("".join)


words = text_of(letters, 40)
long_words = some.one_of(words, text_of(letters, 9).map(lambda text: text * 300))
numbers = some.one_of(
    some.integers(-5, 5),
    some.integers(),
    some.floats(),
    some.sampled_from([10**400, -(10**400), 2**63, 1e308]),
)
plain_values = some.one_of(some.none(), some.booleans(), numbers, long_words)
values = some.recursive(
    plain_values,
    lambda inner: some.one_of(
        some.lists(inner, max_size=4), some.dictionaries(words, inner, max_size=4)
    ),
    max_leaves=8,
)


# ---------------------------------------------------------------- what buttons carry

key_letters = string.ascii_letters + string.digits + "-_"
names = some.text(key_letters, max_size=8)
pages, ages = some.integers(0, 9999), some.integers(0, 60 * LONGEST_H)
parts = some.one_of(names, some.text("0123456789-+.e ٣", max_size=14), words)


@fuzz(400)
@given(some.one_of(some.none(), long_words, some.lists(parts, max_size=8).map(":".join)))
@example("::::::")
@example("stop:" + "9" * 60)
@example("a:b:c:-1:0:0")
@example("a:b:c:١:٢:٣")
def test_callback_data_of_any_letters_is_a_press_or_none(data):
    press = unpack(data)
    assert press is None or isinstance(press, Press)
    if press:
        assert unpack(pack(press)) == press


@fuzz(150)
@given(names, names, pages, ages, some.integers(0, 10**10 - 1), names, names)
def test_press_comes_back_as_it_was_packed(server, item, page, age_min, shown_at, where, shown):
    press = Press("ask_it", server, item, page, age_min, shown_at, where, shown)
    assert unpack(pack(press)) == press
    for_an_outage = Press("take", server, pause_min=page, outage_at=shown_at)
    assert unpack(pack(for_an_outage)) == for_an_outage


def test_number_on_a_button_is_bounded():
    assert unpack("menu:a::" + "9" * 12) == Press("menu", "a", page=10**12 - 1)
    assert unpack("menu:a::" + "9" * 13) is None


@fuzz(150)
@given(long_words)
def test_key_of_any_name_fits_into_a_button(name):
    assert re.fullmatch(r"[A-Za-z0-9_-]{8}", short_id(name))


# ---------------------------------------------------------------- settings

odd_texts = some.sampled_from(
    ["", " ", "\x00", "x" * 5000, "../" * 400, "<fill in>", "http://[", "[::1", "::1", TOKEN]
)
odd_texts |= some.sampled_from(
    ["https://user:pw@host", "host:99999", "host:0", "хост.рф", "a:b:c", ".", "-", "15", "-7"]
)
settings_values = some.one_of(values, odd_texts)


def section(keys: tuple[str, ...], **inner):
    """An object with some of the keys and anything in them."""
    known = {key: inner.get(key, settings_values) for key in keys}
    return some.fixed_dictionaries({}, optional=known)


servers_sections = section(
    SERVER_KEYS,
    server_status=some.one_of(section(STATUS_KEYS), settings_values),
    forgotten_conferences=some.one_of(section(FORGOTTEN_KEYS), settings_values),
)
any_settings = section(
    TOP_KEYS,
    servers=some.one_of(
        some.dictionaries(words, some.one_of(servers_sections, settings_values), max_size=3),
        settings_values,
    ),
)
GOOD_SERVER = {"ip": "192.0.2.1", "client_id": "id", "client_secret": "secret"}
GOOD = {"tg-api-token": TOKEN, "tg-users-id": [1], "servers": {"office": GOOD_SERVER}}


def load_and_save(folder, raw: bytes) -> None:
    """Load settings, or say in each language what is wrong; what loads can be saved."""
    file = folder / "settings.json"
    file.write_bytes(raw)
    try:
        loaded = settings.load(str(file), folder)
    except settings.SettingsError as error:
        for language in LANGUAGES:
            error.language = language
            told = command_line.settings_error(error)
            assert told.strip()
            assert TOKEN not in told
        return
    for warning in loaded.warnings:
        screens.problem(warning)
    for server in loaded.servers.values():
        server.access_token = "new-token-of-the-server"
    loaded.save()
    before, after = json.loads(raw.decode("utf-8-sig")), json.loads(file.read_bytes())
    for name in loaded.servers:
        assert after["servers"][name].pop("access_token") == "new-token-of-the-server"
        before["servers"][name].pop("access_token", None)
    assert json.dumps(after) == json.dumps(before)


@fuzz(120)
@given(some.one_of(any_settings, values))
def test_settings_of_any_json_load_or_are_explained(tmp_path_factory, content):
    load_and_save(tmp_path_factory.mktemp("any"), json.dumps(content).encode())


@fuzz(120)
@given(any_settings, servers_sections)
def test_settings_that_are_nearly_right_load_or_are_explained(tmp_path_factory, top, server):
    content = {**GOOD, "servers": {"office": {**GOOD_SERVER, **server}}}
    content |= {key: value for key, value in top.items() if key != "servers"}
    load_and_save(tmp_path_factory.mktemp("nearly"), json.dumps(content).encode())


@fuzz(100)
@given(
    some.one_of(some.binary(max_size=60), words.map(lambda text: text.encode("utf-8", "replace")))
)
@example(b"[" * 100_000)
@example(b"{" * 100_000)
@example(b'\xef\xbb\xbf{"servers": 1}')
@example(b'{"language": "de", "tg-users-id": [' + b"9" * 5000 + b"]}")
@example(b'{"a": 1, "a": 2}')
def test_settings_of_any_bytes_are_explained(tmp_path_factory, raw):
    load_and_save(tmp_path_factory.mktemp("bytes"), raw)


# ---------------------------------------------------------------- what a server answers

zones = some.one_of(
    some.sampled_from(["UTC", "+03:00", "+99:99", "Europe", "Europe/Moscow"]), words
)
dates = some.one_of(some.sampled_from(["2025-03-04 09:00:12.000000", "0001-01-01 00:00:00"]), words)
times = some.fixed_dictionaries({}, optional={"date": dates, "timezone": zones})
short_ids = text_of(letters, 128)  # as long as the documentation says


def rows_of(good: dict, **known):
    """Lists of rows: good ones with something else in some fields, and anything."""
    fields = {key: some.one_of(known.get(key, values), values) for key in good}
    rows = some.fixed_dictionaries({}, optional=fields)
    spoilt = rows.map(lambda row: {**good, **row})
    return some.lists(some.one_of(spoilt, spoilt, rows, values), max_size=12)


CALL = {
    "conference_id": "0000004f@video.example.org#vcs",
    "named_conf_id": "a",
    "topic": "Meeting",
    "class": 10,
    "owner": "anna@video.example.org",
    "participant_count": 3,
    "start_time": None,
    "duration": 7200,
    "end_time": None,
}
call_rows = rows_of(
    CALL,
    conference_id=short_ids,
    named_conf_id=some.one_of(short_ids, some.sampled_from(["a", "b"]), some.none(), numbers),
    start_time=times,
    end_time=some.none(),
    duration=some.integers(0, 10**6),
)
PERSON = {"call_id": "anna@video.example.org", "uid": None, "id": None, "leave_time": None}
PERSON["role"] = 1
people_rows = rows_of(PERSON, leave_time=some.none())
conference_rows = rows_of({"id": "a"}, id=some.sampled_from(["a", "b", "", None, 5]))
USER = {"uid": "anna@video.example.org", "id": "anna", "status": 1, "is_active": 1}
user_rows = rows_of(USER, status=some.integers(-3, 6))


@contextmanager
def answering():
    """A server on a real port whose answers are put into `bodies`: path -> bytes of JSON."""
    bodies = {"token": json.dumps({"access_token": "t" * 20, "expires_in": 3600}).encode()}
    for path, rows in (("conferences",) * 2, ("logs/calls", "list"), ("participants", "list")):
        bodies[path] = json.dumps({"cnt": 0, rows: []}).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            path = self.path.partition("?")[0].removeprefix("/api/v3.3/")
            key = "participants" if path.endswith("/participants") else path
            body = bodies["token" if "oauth2" in path else key]
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.server_port}", bodies
        listener.shutdown()


@pytest.fixture(scope="module")
def answers():
    with answering() as (url, bodies):
        yield Server("office", url), bodies


def check_message(text: str, keyboard=None) -> None:
    """Telegram takes it, and shows all of it."""
    formatted = parse(text)
    assert 0 < utf16_length(formatted.text) <= texts.MESSAGE_LIMIT
    assert formatted.dropped_entities == 0
    text.encode()
    if keyboard is not None:
        markup = keyboard.to_json()
        markup.encode()
        checks.keyboard_rows(checks.Parameters(reply_markup=markup))


def check_lists(server, running, found) -> None:
    """Every page of both lists, and all that can be said of their first entry."""
    for number in range(screens.page_of(running, 0, screens.CONFERENCES_A_PAGE).total):
        page = screens.page_of(running, number, screens.CONFERENCES_A_PAGE)
        text = screens.conferences_screen(server, page, len(running))
        check_message(text, keyboards.conferences(server, page))
    for number in range(screens.page_of(found, 0, screens.CONFERENCES_A_PAGE).total):
        page = screens.page_of(found, number, screens.CONFERENCES_A_PAGE)
        text = screens.forgotten_screen(server, page, len(found), 60)
        check_message(text, keyboards.forgotten(server, page, 60, len(found)))
    for conference in running[:2]:
        people = trueconf_api.or_error(trueconf_api.get_people, server, conference)
        found_page = trueconf_api.ConferencePage(conference, people, None)
        page = screens.page_of(screens.people_in(found_page), 0, screens.PEOPLE_A_PAGE)
        opened = Press("conference", short_id(server.name), short_id(conference.session_id))
        keyboard = keyboards.conference(opened, found_page, page)
        check_message(screens.conference_screen(server, found_page, page), keyboard)
    if running:
        details = {"conferences": [asdict(one) for one in running]}
        stopped = Entry(1, "stopped", server.name, 0, by="Anna", news=["said"], details=details)
        check_news("stopped", server, [stopped])
        people = trueconf_api.People(2, 0, ("Anna", "Boris"), None, None)
        check_message(screens.confirm_stop(server, running[0], people))
        check_message(screens.confirm_stop_all(server, found, 60, has_changed=True))
        for results in (running[:1], running):
            check_message(screens.stop_result(server, dict.fromkeys(results, trueconf_api.STOPPED)))
    if found:
        entries = [
            Entry(number, "forgotten", server.name, 0, details=forgotten_details(one))
            for number, one in enumerate(found)
        ]
        check_news("forgotten", server, entries[:1])
        check_news("forgotten_list", server, entries)


def check_news(kind, server, entries) -> None:
    shown = [(server, entry, 1) for entry in entries]
    check_message(news.message(kind, shown, 0)[0], keyboards.under_news(kind, shown))


def ask(function, *arguments):
    """The answer, or the TrueConfError, which has a sentence for people."""
    answer = trueconf_api.or_error(function, *arguments)
    if isinstance(answer, TrueConfError):
        check_message(screens.error_screen(answer))
        return []
    return answer


@pytest.fixture
def any_language():
    """A function that chooses the language until the test ends."""
    yield texts.use
    texts.use("ru")


@fuzz(50)
@given(some.sampled_from(LANGUAGES), call_rows, people_rows, conference_rows)
def test_conferences_of_any_shape_are_shown(answers, any_language, language, calls, people, listed):
    server, bodies = answers
    any_language(language)
    bodies["logs/calls"] = json.dumps({"cnt": len(calls), "list": calls}).encode()
    bodies["participants"] = json.dumps({"cnt": len(people), "list": people}).encode()
    bodies["conferences"] = json.dumps({"cnt": len(listed), "conferences": listed}).encode()
    running = ask(trueconf_api.get_running_conferences, server)
    found = ask(trueconf_api.find_forgotten, server, 1)
    check_lists(server, running, found)
    for one in running:
        assert isinstance(one.age_s, (int, type(None)))
        assert one.title.__class__ is one.id.__class__ is one.owner.__class__ is str


def test_what_is_spoilt_in_these_tests_is_understood_as_it_is(answers):
    server, bodies = answers
    bodies["users"] = json.dumps({"users": [USER], "next_page_id": -1}).encode()
    bodies["conferences"] = json.dumps({"cnt": 1, "conferences": [{"id": "a"}]}).encode()
    bodies["logs/calls"] = json.dumps({"cnt": 1, "list": [CALL]}).encode()
    bodies["participants"] = json.dumps({"cnt": 1, "list": [PERSON]}).encode()
    [conference] = trueconf_api.get_running_conferences(server)
    assert trueconf_api.get_people(server, conference).has_owner
    assert trueconf_api.get_online(server).online == 1


@fuzz(50)
@given(user_rows, values)
def test_people_of_any_shape_are_counted(answers, users, next_page_id):
    server, bodies = answers
    body = {"users": users, "next_page_id": next_page_id}
    bodies["users"] = json.dumps(body).encode()
    online = ask(trueconf_api.get_online, server)
    if online:
        check_message(screens.online_screen(server, online))
        found = ask(trueconf_api.get_online_people, server)
        page = screens.page_of(found, 0, screens.PEOPLE_A_PAGE)
        check_message(screens.by_name_screen(server, page, found))
        assert online.accounts >= online.online >= online.free + online.in_conference
    for asked in ("a", "<"):
        matches = trueconf_api.find_people([server], asked)
        check_message(screens.who_screen(asked, matches, is_private=True), keyboards.who(matches))


any_bodies = some.one_of(
    some.binary(max_size=200),
    values.map(lambda value: json.dumps(value).encode()),
    some.sampled_from([b"", b"[" * 100_000, b'{"list":' * 50_000, b'{"cnt":' + b"9" * 5000 + b"}"]),
)


@fuzz(100)
@given(any_bodies)
def test_body_of_any_bytes_is_an_error_that_people_can_read(answers, body):
    server, bodies = answers
    bodies.update(dict.fromkeys(("logs/calls", "participants", "conferences", "users"), body))
    for function, more in (
        (trueconf_api.get_running_conferences, ()),
        (trueconf_api.get_online, ()),
        (trueconf_api.find_forgotten, (1,)),
    ):
        ask(function, server, *more)


@fuzz(100)
@given(any_bodies, some.sampled_from([None, "t"]))
def test_token_answer_of_any_bytes_is_a_token_or_an_error(answers, body, token):
    url = answers[0].url
    server, bodies = Server("office", url), answers[1]
    good, bodies["token"] = bodies["token"], body
    bodies["users"] = b'{"users": []}'
    try:
        ask(trueconf_api.get_online, server)
    finally:
        bodies["token"] = good


lengths = some.one_of(some.sampled_from([0, 1, 2, 5, 6, 101]), some.integers(0, 30))
awkward = some.sampled_from(["x", "Щ", "😀", "<", "&", "\n", "\u202e", "👩‍👩‍👧"])


@pytest.mark.parametrize("language", LANGUAGES)
@fuzz(8)
@given(lengths, awkward | letters)
@example(61, "👩‍👩‍👧")
@example(61, "<")
@example(10, "/")  # a mark against links beside each of them
@example(11, "/")
@example(50, "@")
def test_list_of_any_length_and_letters_fits_into_messages(any_language, language, number, letter):
    any_language(language)
    server = Server(letter * 200, "http://127.0.0.1:9")  # nobody listens there
    running = [
        trueconf_api.Conference(
            f"{position:08x}@video.example.org#vcs",
            str(10**9 + position),
            letter * 240,
            letter * 64,
            10**9,
            10**8,
            "https://192.0.2.1:8443",
        )
        for position in range(number)
    ]
    people = trueconf_api.People(5, 0, ("Anna",) * 5, None, None)
    found = [trueconf_api.Forgotten(one, "no_leader", people) for one in running]
    check_lists(server, running, found)


# ---------------------------------------------------------------- the whole bot


def test_presses_of_any_content_do_nothing(telegram, anna, new_server, settings_for, start_bot):
    office = new_server()
    for title in ("One", "Two"):
        office.add_conference(title, people=(), age_s=7200)
    bot = start_bot(settings_for({"office": office.settings()}))
    stranger = telegram.person(999, "Stranger").starts_bot()
    anna.send("/start")
    menu = anna.chat.wait_for(lambda message: message.buttons)
    anna.press_data(menu, pack(Press("online", short_id("office")))).wait(PATIENCE_S)
    wait_until(lambda: bot.read_settings()["servers"]["office"]["access_token"])
    before = bot.read_settings()
    key, now = short_id("office"), int(time.time())
    found = trueconf_api.find_forgotten(server_for(office), 60)
    shown = [(one.conference, one.people) for one in found]
    items = [short_id(conference.session_id) for conference, _ in shown]
    assert len(items) == 2
    real = [
        pack(press)
        for press in (
            *(
                Press("stop", key, item, shown_at=now, as_shown=stopping.key_of_shown([one]))
                for item, one in zip(items, shown, strict=True)
            ),
            *(Press("ask_stop", key, item) for item in items),
            Press("stop_all", key, age_min=60, shown_at=now, as_shown=stopping.key_of_shown(shown)),
            Press("ask_stop_all", key, age_min=60),
            Press("forgotten", key, age_min=60),
        )
    ]

    def spoilt(data: str, place: int, letter: str) -> str:
        """Another server, conference, time or list than the button was made for."""
        parts = data.split(":")
        parts[place if parts[place] else 0] += letter
        return ":".join(parts)

    spoilt_data = some.builds(
        spoilt,
        some.sampled_from([one for one in real if one.startswith("stop")]),
        some.sampled_from([0, 1, 2, 5, 7]),  # of the fields of a press
        some.sampled_from(list("aZ0_-=é:%/")),
    ).filter(lambda data: data not in real)
    any_data = some.one_of(
        some.text(some.characters(exclude_categories=("Cs",)), min_size=1, max_size=64),
        some.text(key_letters + ":", max_size=64),
        some.builds(
            lambda action, item, rest: f"{action}:{key}:{item}:{rest}",
            some.sampled_from(
                ["stop", "ask_stop", "stop_all", "conference", "remind", "not_forgotten", "nobody"]
            ),
            some.sampled_from([*items, "", "x", "AAAAAAAA"]),
            some.sampled_from(["", "::", "9:9:9", f"::{now - 301}", f"::{now + 10**9}", "-1"]),
        ),
        spoilt_data,
    )

    def is_an_action(data: str) -> bool:
        """Whether it is the very confirmation that a person could have pressed; a colon at its
        end changes nothing."""
        press = unpack(data)
        is_stop = press is not None and press.action in ("stop", "stop_all")
        return is_stop and press in map(unpack, real)

    presses = []

    @fuzz(150)
    @given(any_data)
    def press_all(data):
        if not is_an_action(data):
            presses.append((anna, data))
        presses.append((stranger, data))

    press_all()
    sent = [anna.press_data(menu, data) for person, data in presses if person is anna]
    refused = [stranger.press_data(menu, data) for _, data in presses]
    refused += [stranger.press_data(menu, data) for data in real]
    for one in (*sent, *refused):
        one.wait(PATIENCE_S)
    assert all(one.text and str(stranger.id) in one.text for one in refused)
    assert office.stops == []
    assert [one.is_running for one in office.conferences] == [True, True]
    assert bot.read_settings() == before
    assert not bot.has_ended
    assert "ERROR" not in bot.output


def test_messages_of_any_content_do_nothing(telegram, anna, new_server, settings_for, start_bot):
    office = new_server()
    bot = start_bot(settings_for({"office": office.settings()}))
    stranger = telegram.person(999, "Stranger").starts_bot()
    anna.send("/status")
    wait_until(lambda: bot.read_settings()["servers"]["office"]["access_token"])
    before = bot.read_settings()

    @fuzz(150)
    @given(some.text(some.characters(exclude_categories=("Cs",)), min_size=1, max_size=4096))
    @example("/start@other_bot")
    @example("/start" * 500)
    @example("/status@")
    @example("/stop")
    def write_all(text):
        anna.send(text)
        stranger.send(text)

    write_all()
    anna.send("/id")
    anna.chat.wait_for(str(anna.id))
    assert office.stops == []
    assert bot.read_settings() == before
    assert not bot.has_ended
    assert "ERROR" not in bot.output
