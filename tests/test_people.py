"""The screens of people: the page of a conference, who is online by name, /who."""

import re
from dataclasses import replace

import pytest

from demo.trueconf.server import FOUR_SCOPES, RECORDS_SCOPE_V4, V4_SCOPES, Person
from keyboards import Press, pack, short_id, unpack
from lib.trueconf_v3 import ROLES_PERMISSION
from tests.conftest import ask, label, open_menu, press, says, shows_moment
from texts import duration, plain_text, plural, words

BACK, REFRESH, NEXT, PREVIOUS, STOP = map(label, ("back", "refresh", "next", "previous", "stop"))
SCOPES = {"Moscow": FOUR_SCOPES, "Berlin": V4_SCOPES}
MARKUP = ["<b>&amp;</b>", "</code>", "&lt;", "{name}", "%s", "\u202egpj.exe", "a\nb", "\ud83d"]
LINKS = ["@all", "/stop", "#tag", "https://example.org/a", "evil.example.org", "+7 495 123-45-67"]
ODD_NAMES = [*MARKUP, *LINKS, "Щ" * 5000, "🟢" * 300, "a.b/" * 100, "", None, " ", "\u200b", 17]


@pytest.fixture(scope="module")
def servers(stage):
    """One that speaks API v3.3 and one that speaks v4, by name; the bot that asks them runs."""
    started = {name: stage.new_server(scopes=scopes) for name, scopes in SCOPES.items()}
    started["Berlin"].api_versions = {"v4"}
    stage.start_bot({name: server.settings() for name, server in started.items()})
    return started


@pytest.fixture(params=SCOPES)
def name(request):
    return request.param


@pytest.fixture
def server(servers, name):
    """One of them, as new."""
    server = servers[name]
    people = [replace(person) for person in server.people]
    yield server
    server.mend()
    server.come_back()
    server.people[:] = people
    server.conferences.clear()
    server.stops.clear()
    allow(server, *SCOPES[name])


@pytest.fixture
def anna(stage, servers):
    yield stage.anna
    seen = stage.anna.chat.bot_messages
    assert all(not one.dropped_entities and not one.dropped_links for one in seen)


def allow(server, *scopes):
    """From now on its tokens allow this."""
    if set(server.scopes) != set(scopes):
        server.scopes = scopes
        server.expire_tokens()


def list_of(person, name):
    return press(person, open_menu(person, name), label("conferences"))


def page_of(person, name, title="Meeting"):
    return press(person, list_of(person, name), title)


def names_after(message, key, number):
    """The names that stand in the line of this number of people."""
    return says(message, "people_named", now=plural(key, number))["names"].split(", ")


def owner(name):
    return plain_text("person_owner", name=name)


# ---------------------------------------------------------------- the page of a conference


def test_page_tells_who_is_in_it_and_for_how_long(anna, server, name):
    guests = [Person(f"#guest:{number}@x", f"Guest {number}") for number in (1, 2)]
    people = ("boris", "anna", *guests, "clara")
    meeting = server.add_conference("Meeting", owner="anna", people=people, age_s=1500)
    meeting.max_people, meeting.planned_s = 25, 2700
    meeting.leave("clara")
    screen = page_of(anna, name)
    assert says(screen, "heading", server=name, screen=words("conference"))
    assert "\nMeeting\n" in screen.text
    assert says(screen, "entry_id", id=meeting.id)
    assert says(screen, "entry_owner", owner="anna")
    assert says(screen, "entry_age_planned", duration=duration(1500), planned=duration(2700))
    now = plural("people_now_of", 4, most=25)
    assert says(screen, "people_named", now=now, names=f"{owner('Anna Petrova')}, Boris Ivanov")
    assert names_after(screen, "people_guests", 2) == ["Guest 1", "Guest 2"]
    assert says(screen, "conference_realtime")
    assert not says(screen, "recorded_not")
    assert says(screen, "read_at")
    links = [entity["url"] for entity in screen.entities if entity["type"] == "text_link"]
    assert links[0].endswith(f"/c/{meeting.id}")
    assert "/tools/real-time/" in links[1]
    assert screen.labels == [STOP, REFRESH, BACK]


def test_page_is_shown_after_two_round_trips_and_one_edit(anna, server, name):
    server.add_conference("Meeting")
    screen = page_of(anna, name)
    edits = screen.edits
    server.clear_requests()
    press(anna, screen, REFRESH)
    assert len(server.requests) == (3 if name == "Moscow" else 4)
    assert screen.edits <= edits + 1


def test_buttons_of_the_list_open_pages_and_none_of_them_can_stop(anna, server, name):
    for number in range(7):
        server.add_conference(f"Meeting {number}", people=(), age_s=1000 - number)
    screen = press(anna, list_of(anna, name), NEXT)
    assert says(screen, "conference_hint")
    assert not any("⏹" in one for one in [screen.text, *screen.labels])
    actions = {unpack(button.data).action for button in screen.buttons}
    assert actions == {"conference", "conferences", "menu"}
    press(anna, screen, "7. ")
    assert says(screen, "forgotten_empty")
    press(anna, screen, REFRESH, BACK)
    assert says(screen, "page", number=2, total=2)
    assert server.stops == []


def test_stop_button_asks_and_back_leads_to_the_page_and_then_to_the_list(anna, server, name):
    for number in range(7):
        server.add_conference(f"Meeting {number}", age_s=1000 - number)
    screen = press(anna, list_of(anna, name), NEXT, "7. ", STOP)
    assert says(screen, "confirm_stop")
    press(anna, screen, BACK)
    assert says(screen, "heading", server=name, screen=words("conference"))
    press(anna, screen, STOP, label("confirm_stop"))
    assert says(screen, "result_stopped")
    assert len(server.stops) == 1
    press(anna, screen, BACK)
    assert says(screen, "page", number=2, total=2)
    assert says(screen, "conferences_number", 6)


@pytest.mark.parametrize("made_by", ["2.0.0", "2.1.0"])
def test_stop_button_of_a_list_of_an_earlier_version_leads_to_the_confirmation(
    anna, server, name, made_by
):
    for number in range(7):
        server.add_conference(f"Meeting {number}", age_s=1000 - number)
    screen = press(anna, list_of(anna, name), NEXT)
    item = unpack(screen.button("6. ").data).item
    asking = Press("ask_stop", short_id(name), item, page=1)
    if made_by == "2.1.0":
        asking = Press("ask_stop", short_id(name), item, page=1, came_from="conferences")
    anna.press_data(screen, pack(asking)).wait()
    assert says(screen, "confirm_stop")
    press(anna, screen, BACK)
    assert says(screen, "heading", server=name, screen=words("conferences"))
    assert says(screen, "page", number=2, total=2)
    assert server.stops == []


def test_page_of_a_conference_that_is_over_says_so(anna, server, name):
    for number in range(7):
        server.add_conference(f"Meeting {number}", age_s=1000 - number)
    screen = press(anna, list_of(anna, name), NEXT)
    number = says(screen.button("7. ").text, "button_entry")["title"]
    next(one for one in server.conferences if one.title == number).end()
    press(anna, screen, "7. ")
    assert says(screen, "not_running")
    assert screen.labels == [BACK]
    press(anna, screen, BACK)
    assert says(screen, "page", number=2, total=2)


@pytest.mark.parametrize(
    ("people", "guests"), [(0, 0), (1, 0), (40, 0), (41, 0), (30, 90), (0, 50)]
)
def test_everybody_is_named_once_on_pages_of_forty(anna, server, name, people, guests):
    meeting = server.add_conference("Meeting", owner="p3", people=())
    for number in range(people):
        meeting.join(Person(f"p{number}", f"Person {number:02}."))
    for number in range(guests):
        meeting.join(Person(f"#guest:{number}@x", f"Guest {number:02}."))
    screen, seen = page_of(anna, name), ""
    pages = max(1, -(-(people + guests) // 40))
    for number in range(1, pages + 1):
        assert says(screen, "page", number=number, total=pages) or pages == 1
        assert screen.text.count("Person ") + screen.text.count("Guest ") <= 40
        assert screen.labels[0] == STOP
        seen += screen.text
        if number < pages:
            press(anna, screen, NEXT)
    assert NEXT not in screen.labels
    assert all(seen.count(f"Person {number:02}.") == 1 for number in range(people))
    assert all(seen.count(f"Guest {number:02}.") == 1 for number in range(guests))
    assert says(screen, "people_guests", guests) or not guests
    assert says(screen, "forgotten_empty") or people + guests
    if pages > 1:
        press(anna, screen, PREVIOUS)
        assert says(screen, "page", number=pages - 1, total=pages)


def test_page_of_five_thousand_people_turns(anna, server, name):
    meeting = server.add_conference("Meeting", people=())
    for number in range(5000):
        meeting.join(Person(f"p{number}", "Щ" * 60))
    screen = press(anna, page_of(anna, name), NEXT)
    assert says(screen, "page", number=2, total=125)
    assert says(screen, "people_now", 5000)


def test_people_of_any_name_and_of_none(anna, server, name):
    meeting = server.add_conference("<b>Meeting", owner="@all", people=())
    for number, odd in enumerate(ODD_NAMES):
        for prefix in ("p", "#guest:"):
            person = Person(f"{prefix}{number}@x")
            person.display_name = odd
            meeting.join(person)
    screen = press(anna, list_of(anna, name), "Meeting")
    shown = [screen.text, press(anna, screen, NEXT).text]
    assert "<b>&amp;</b>" in shown[0]
    assert plain_text("person_unnamed") in shown[1]
    assert says(screen, "people_guests", len(ODD_NAMES))


def test_moderators_are_named_and_who_may_be_the_owner_too(anna, server, name):
    more = ROLES_PERMISSION if name == "Moscow" else "conferences.participants:read"
    allow(server, *SCOPES[name], more)
    meeting = server.add_conference("Meeting", owner="anna", people=("boris", "anna", "clara"))
    meeting.set_role("clara", 2)
    screen = page_of(anna, name)
    named = says(screen, "people_named", now=plural("people_now_of", 3, most=meeting.max_people))
    moderator = plain_text("person_moderator", name="Clara Schmidt")
    assert named["names"].split(", ") == [owner("Anna Petrova"), moderator, "Boris Ivanov"]
    meeting.owner = None
    press(anna, screen, REFRESH)
    assert says(screen, "person_leader")
    assert not says(screen, "entry_owner")


MISSING = {
    "Moscow": ("logs.calls.participants:read", "logs.calls:read"),
    "Berlin": ("conferences.participants:read", "conferences.sessions:read"),
}


def test_missing_permission_is_named_and_the_rest_of_the_page_stands(anna, server, name):
    people, running = MISSING[name]
    server.add_conference("Meeting", age_s=1500)
    screen = page_of(anna, name)
    allow(server, *(set(SCOPES[name]) - {people}))
    press(anna, screen, REFRESH)
    assert says(screen, "forgotten_not_examined")
    assert says(screen, "error_permission", permission=people)
    assert says(screen, "entry_age_planned", duration=duration(1500))
    assert screen.labels == [STOP, REFRESH, BACK]
    allow(server, *(set(SCOPES[name]) - {running}))
    press(anna, screen, REFRESH)
    assert says(screen, "error_permission", permission=running)
    assert BACK in screen.labels
    allow(server, *SCOPES[name])
    press(anna, screen, REFRESH)
    assert "\nMeeting\n" in screen.text


def test_page_of_a_server_that_is_down_says_so_and_refresh_tries_again(anna, server, name):
    server.add_conference("Meeting")
    screen = page_of(anna, name)
    server.go_down()
    press(anna, screen, REFRESH)
    assert says(screen, "error_unreachable", reason=words("reason_refused"))
    server.come_back()
    press(anna, screen, REFRESH)
    assert "\nMeeting\n" in screen.text


def test_what_is_not_known_is_left_out(anna, server, name):
    meeting = server.add_conference("Meeting", owner=None, age_s=1500)
    meeting.max_people = meeting.planned_s = None
    screen = page_of(anna, name)
    assert says(screen, "entry_age", duration=duration(1500))
    assert not says(screen, "entry_age_planned")
    assert not says(screen, "entry_owner")
    assert says(screen, "people_now", 2)
    meeting.max_people = 1  # fewer than there are
    press(anna, screen, REFRESH)
    assert not says(screen, "people_now_of")


@pytest.mark.parametrize("name", ["Berlin"])  # v3 lists what was recorded, not what is
def test_recording_is_told_where_the_token_may_know(anna, server, name):
    allow(server, *V4_SCOPES, RECORDS_SCOPE_V4)
    meeting = server.add_conference("Meeting", age_s=600)
    screen = page_of(anna, name)
    assert says(screen, "recorded_not")
    since = meeting.record().started_at
    press(anna, screen, REFRESH)
    assert shows_moment(says(screen, "recorded_since"), "time", since)
    server.break_path("recordings", "status", status=500)
    press(anna, screen, REFRESH)
    assert says(screen, "recorded_unknown")
    assert says(screen, "error_status", status=500)
    assert says(screen, "people_now_of", 2)
    server.mend()
    meeting.stop_recording()
    press(anna, screen, REFRESH)
    assert says(screen, "recorded_not")


# ---------------------------------------------------------------- online by name


def by_name(person, name):
    return press(person, open_menu(person, name), label("online"), label("by_name"))


def group(message, key, number):
    """The names of those who do this, on the page that the message shows."""
    now = plain_text(key, number=number)
    lines = message.text.splitlines()
    return lines[lines.index(now) + 1].split(", ") if now in lines else []


def test_who_is_online_is_named_those_in_conferences_first(anna, server, name):
    server.people[:] = [
        Person("z", "Zoe", status=5),
        Person("b", "Boris"),
        Person("a", "anna"),
        Person("c", "Clara", status=2),
        Person("o", "Olga", status=0),
        Person("x", "Xenia", status=4),
        Person("d", "Dan", is_active=False),
    ]
    counted = press(anna, open_menu(anna, name), label("online"))
    assert says(counted, "online_of", online=5)
    screen = press(anna, counted, label("by_name"))
    assert says(screen, "heading", server=name, screen=words("online"))
    assert group(screen, "online_in_conference", 2) == ["Clara", "Zoe"]
    assert group(screen, "online_free", 2) == ["anna", "Boris"]
    assert group(screen, "online_other", 1) == ["Xenia"]
    assert screen.text.index("Clara") < screen.text.index("Boris") < screen.text.index("Xenia")
    assert not any(one in screen.text for one in ("Olga", "Dan"))
    assert screen.labels == [REFRESH, BACK]
    server.people.clear()
    press(anna, screen, REFRESH)
    assert says(screen, "online_nobody")
    press(anna, screen, BACK)
    assert says(screen, "online_of", online=0)


@pytest.mark.parametrize("count", [1, 40, 41, 5000])
def test_any_number_of_people_is_named_on_pages_of_forty(anna, server, name, count):
    server.people[:] = [
        Person(f"p{number}", f"Person {number:04}.", status=5 if number % 2 else 1)
        for number in range(count)
    ]
    screen, seen, pages = by_name(anna, name), "", -(-count // 40)
    for number in range(1, min(pages, 3) + 1):
        assert says(screen, "page", number=number, total=pages) or pages == 1
        assert screen.text.count("Person ") == min(40, count - 40 * (number - 1))
        seen += screen.text
        if number < pages:
            press(anna, screen, NEXT)
    assert len(set(re.findall(r"Person \d+", seen))) == min(count, 120)
    assert says(seen, "online_in_conference", number=count // 2) or count == 1


def test_online_people_of_any_name_and_of_none(anna, server, name):
    server.people[:] = []
    for number, odd in enumerate(ODD_NAMES):
        person = Person(f"p{number}", status=number % 6)
        person.display_name = odd
        server.people.append(person)
    screen = by_name(anna, name)
    assert "</code>" in screen.text
    assert all(f"p{number}" in screen.text for number in (17, 19, 20))


def test_missing_permission_for_names_is_named(anna, server, name):
    screen = by_name(anna, name)
    allow(server, *(set(SCOPES[name]) - {"users:read"}))
    press(anna, screen, REFRESH)
    assert says(screen, "error_permission", permission="users:read")
    allow(server, *SCOPES[name])
    press(anna, screen, REFRESH)
    assert says(screen, "online_free")


# ---------------------------------------------------------------- /who


def look_for(person, asked, chat=None):
    return ask(person, f"/who {asked}", chat)


def doing(message, login, name):
    """What somebody does on a server, by the answer; None for who is not in it."""
    found = [says(line, "who_person") for line in on_server(message, name).splitlines()]
    return next((one["doing"] for one in found if one and f"({login})" in one["name"]), None)


def on_server(message, name):
    """The lines about this server."""
    [entry] = [part for part in message.text.split("\n\n") if part.split("\n")[0] == name]
    return entry.partition("\n")[2]


def in_conference(*titles):
    titles = ", ".join(plain_text("who_title", title=title) for title in titles)
    return plain_text("who_in_conference", titles=titles)


def test_who_tells_what_everybody_of_that_name_does_now(anna, servers, server, name):
    server.add_conference("Meeting", owner="anna", people=("anna", "boris"))
    server.add_conference("Other", owner="boris", people=("boris",))
    server.set_online("daniel", 2)
    server.set_online("clara", 4)
    answer = look_for(anna, "a")
    assert says(answer, "who", asked="a")
    assert says(on_server(answer, name), "who_more")
    expected = {
        "anna": in_conference("Meeting"),
        "boris": in_conference("Meeting", "Other"),
        "daniel": plain_text("who_in_call"),
        "elena": plain_text("who_free"),
        "clara": plain_text("who_online"),
        "fedor": plain_text("who_offline"),
        "leo": plain_text("who_disabled"),
    }
    for login, now in expected.items():
        answer = look_for(anna, login.upper())
        assert doing(answer, login, name) == now, answer.text
    assert not answer.labels


def test_who_leads_on_to_the_conference_and_back(anna, servers, server, name):
    server.add_conference("Meeting", owner="anna", people=("anna", "boris"))
    answer = look_for(anna, "  PETROVA\n anna ")
    assert doing(answer, "anna", name) == in_conference("Meeting")
    assert answer.labels == ["Meeting"]
    press(anna, answer, "Meeting")
    assert says(answer, "people_now_of", 2)
    press(anna, answer, BACK)
    assert says(answer, "heading", server=name, screen=words("conferences"))


def test_who_asks_all_servers_and_one_that_is_silent_is_one_line(anna, servers, server, name):
    other = next(one for one in servers if one != name)
    server.go_down()
    answer = look_for(anna, "anna")
    assert doing(answer, "anna", other) == plain_text("who_free")
    failed = words("error_unreachable", reason=words("reason_refused"))
    assert f"⚠️ {name}: {failed}" in answer.text
    answer = look_for(anna, "nobody at all")
    assert says(answer, "who_nobody")
    assert f"⚠️ {name}: {failed}" in answer.text


def test_who_with_every_server_silent_does_not_say_that_nobody_was_found(anna, servers):
    for server in servers.values():
        server.go_down()
    try:
        answer = look_for(anna, "anna")
        assert answer.text.count("⚠️") == 2
        assert not says(answer, "who_nobody")
    finally:
        for server in servers.values():
            server.come_back()


def test_missing_permission_to_find_somebody_is_named(anna, server, name):
    server.add_conference("Meeting", owner="anna", people=("anna", "boris"))
    allow(server, *(set(SCOPES[name]) - {"users:read"}))
    answer = look_for(anna, "anna")
    said = plain_text("error_permission", permission="users:read")
    assert f"⚠️ {name}: {said}" in answer.text
    for missing in MISSING[name]:
        allow(server, *(set(SCOPES[name]) - {missing}))
        answer = look_for(anna, "anna")
        assert doing(answer, "anna", name) == plain_text("who_busy")
        assert says(on_server(answer, name), "error_permission", permission=missing)


@pytest.mark.parametrize("asked", ["", "   ", "\n", "\u202e\u200b"])
def test_who_with_nothing_says_how_to_ask_and_asks_nobody(anna, servers, asked):
    for server in servers.values():
        server.clear_requests()
    assert says(look_for(anna, asked), "who_usage")
    assert not any(server.requests for server in servers.values())


@pytest.mark.parametrize(
    "asked", ["<b>&amp;</b> {name} %s", "x" * 4000, "я " * 1990, "@all /stop #tag", "😀", "."]
)
def test_who_takes_whatever_is_written(anna, servers, asked):
    answer = look_for(anna, asked)
    assert says(answer, "who")
    assert says(answer, "who_nobody")
    assert not answer.labels


def test_who_finds_people_of_any_name(anna, server, name):
    server.people[:] = []
    for number, odd in enumerate(ODD_NAMES):
        person = Person(f"q{number}", status=number % 6)
        person.display_name = odd
        server.people.append(person)
    for number, _ in enumerate(ODD_NAMES):
        answer = look_for(anna, f"q{number}")
        assert on_server(answer, name), answer.text
        assert any(f"q{number}" in line for line in answer.text.splitlines()[1:])


def test_who_counts_those_that_it_does_not_show(anna, server, name):
    server.people[:] = [Person(f"person{number}", "Щ" * 60) for number in range(5000)]
    answer = look_for(anna, "person")
    shown = on_server(answer, name)
    assert len(re.findall(r"\(person\d+\)", shown)) == 5
    assert says(shown, "who_more", 4995)


def test_who_may_be_written_with_the_name_of_the_bot(stage, anna, servers):
    answer = ask(anna, f"/WHO@{stage.telegram.bot_username}\nanna")
    assert says(answer, "who", asked="anna")


def test_who_is_refused_in_a_group(stage, anna, servers):
    group = stage.telegram.group(-5005, members=[anna, stage.boris, stage.stranger])
    for server in servers.values():
        server.clear_requests()
    for asked in ("anna", ""):
        answer = look_for(anna, asked, group)
        assert answer.text == plain_text("who_private")
        assert not answer.labels
    assert not any(server.requests for server in servers.values())


def test_who_over_many_servers_stays_within_one_message(own_stage):
    servers = [own_stage.new_server(tls=False) for _ in range(3)]
    servers[0].people[:] = [Person(f"anna{number}", "Щ" * 60) for number in range(9)]
    servers[1].go_down()
    servers[2].break_path("users", "status", status=500)
    settings = [one.settings() for one in servers]
    own_stage.start_bot({f"{'Щ' * 90} {number:02}": settings[number % 3] for number in range(60)})
    answer = look_for(own_stage.anna, "anna")
    assert says(answer, "who_more_servers")
    assert says(answer, "read_at")
    assert not answer.dropped_entities
