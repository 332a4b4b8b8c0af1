"""Who is inside and who is online: the page of a conference, people by name, looking for people."""

import pytest

import trueconf_api
from demo.trueconf.server import (
    FOUR_SCOPES,
    RECORDS_SCOPE_V3,
    RECORDS_SCOPE_V4,
    V4_SCOPES,
    Person,
)
from lib.trueconf_v3 import ROLES_PERMISSION
from tests.test_trueconf_api import HOUR_S, api_requests, server_for
from trueconf_api import (
    TrueConfError,
    find_people,
    get_conference_page,
    get_online,
    get_online_people,
    get_people,
    get_running_conferences,
)

V3, V4 = "v3.3", "v4"
GUESTS = ("#guest:12@video.example.org", "#guest:13@video.example.org")


@pytest.fixture(params=[V3, V4])
def version(request):
    return request.param


@pytest.fixture
def simulator(new_server, version):
    return new_server(scopes=FOUR_SCOPES if version == V3 else V4_SCOPES)


@pytest.fixture
def server(simulator, version):
    return server_for(simulator, api_version=version)


def page_of(server, title="Meeting"):
    return get_conference_page(server, lambda conference: conference.title == title)


# ---------------------------------------------------------------- the page of a conference


def test_page_tells_the_conference_and_who_is_in_it(simulator, server, version):
    people = ("boris", "anna", "clara", *GUESTS)
    meeting = simulator.add_conference("Meeting", owner="anna", people=people, age_s=1500)
    meeting.max_people, meeting.planned_s = 25, 2700
    meeting.leave("clara")
    simulator.add_conference("Other")
    page = page_of(server)
    assert (page.conference.id, page.conference.planned_s) == (meeting.id, 2700)
    assert page.conference.max_people == 25
    assert 1490 < page.conference.age_s < 1600
    assert page.people.count == 4
    told = [(one.name, one.is_owner, one.is_guest) for one in page.people.participants]
    assert told[:2] == [("Anna Petrova", True, False), ("Boris Ivanov", False, False)]
    assert [is_guest for _, _, is_guest in told[2:]] == [True, True]
    assert page.recording is None


def test_page_costs_two_round_trips(simulator, server, version):
    """What runs is asked before any of the rest, and the rest waits for nothing but that."""
    simulator.add_conference("Meeting")
    simulator.add_ended_conferences(50)
    page_of(server)
    simulator.clear_requests()
    page_of(server)
    asked = [path.rpartition("/")[2] for path in api_requests(simulator)]
    looks = {"calls", "conferences"} if version == V3 else {"conferences", "sessions"}
    assert set(asked[:2]) == looks
    assert len(asked) == (3 if version == V3 else 4)


def test_page_of_a_conference_that_is_over_is_none(simulator, server):
    meeting = simulator.add_conference("Meeting")
    assert page_of(server)
    meeting.end()
    assert page_of(server) is None


@pytest.mark.parametrize("rows_order", ["nulls_last", "unsorted"])
def test_page_is_found_in_whatever_order_the_log_has_its_rows(new_server, rows_order):
    simulator = new_server()
    simulator.rows_order = rows_order
    simulator.add_ended_conferences(20)
    simulator.add_conference("Meeting")
    assert page_of(server_for(simulator)).people.count == 2


def test_what_the_server_does_not_tell_is_left_out(simulator, server):
    meeting = simulator.add_conference("Meeting")
    for meeting.max_people, meeting.planned_s in ((None, None), ("many", "long"), (0, 0), (-1, -1)):
        page = page_of(server)
        assert page.conference.planned_s is None
        assert page.conference.max_people is None


def test_page_is_shown_although_a_part_of_it_fails(simulator, server, version):
    simulator.add_conference("Meeting")
    for fault, details in (("status", {"status": 500}), ("null", {}), ("status", {"status": 403})):
        simulator.break_path("participants", fault, **details)
        page = page_of(server)
        assert page.conference.title == "Meeting"
        assert isinstance(page.people, TrueConfError)
    simulator.mend()
    simulator.break_path("conferences" if version == V4 else "logs/calls", "status", status=500)
    with pytest.raises(TrueConfError):
        page_of(server)


@pytest.mark.parametrize("people", [0, 1, 41, 600, 5000])
def test_page_has_everybody_once(simulator, server, people):
    meeting = simulator.add_conference("Meeting", people=(), owner="p3")
    for number in range(people):
        meeting.join(Person(f"p{number}", f"Person {number}"))
    for number in range(min(people, 40)):
        meeting.join(Person(f"p{number}", f"Person {number}"))
    found = page_of(server).people
    assert found.count == len(found.participants) == people
    assert sum(bool(one.is_owner) for one in found.participants) == (people > 3)


def test_moderators_are_marked_where_roles_are_known(new_server, version):
    more = ROLES_PERMISSION if version == V3 else "conferences.participants:read"
    simulator = new_server(scopes=(*(FOUR_SCOPES if version == V3 else V4_SCOPES), more))
    meeting = simulator.add_conference("Meeting", people=("boris", "anna", "clara"))
    meeting.set_role("clara", 2)
    people = page_of(server_for(simulator, api_version=version)).people.participants
    assert [one.name.split()[0] for one in people] == ["Anna", "Clara", "Boris"]
    assert [(bool(one.is_owner), one.is_leader) for one in people] == [
        (True, True),
        (False, True),
        (False, False),
    ]


def test_people_of_any_name_and_of_none(simulator, server):
    names = ["", None, "\ud83d", "x" * 5000, "<b>&", "@all /stop", "\u202egpj", ["a"], 17]
    meeting = simulator.add_conference("Meeting", people=(), owner=None)
    for number, name in enumerate(names):
        person = Person(f"p{number}")
        person.display_name = name
        meeting.join(person)
    guest = Person(GUESTS[0])
    guest.display_name = ""
    meeting.join(guest)
    people = page_of(server).people
    told = {one.name for one in people.participants if not one.is_guest}
    assert people.count == len(names) + 1
    assert {"p0", "p1", "\ud83d", "x" * 5000, "<b>&", "@all /stop", "p7", "17"} <= told
    assert people.participants[-1].name == ""


# ---------------------------------------------------------------- is it recorded


@pytest.fixture
def recording_server(new_server):
    """A server of v4 whose token may ask for recordings, and its conference."""
    simulator = new_server(scopes=(*V4_SCOPES, RECORDS_SCOPE_V4))
    return simulator, simulator.add_conference("Meeting", age_s=600)


@pytest.mark.parametrize("times", ["unix", "iso"])
def test_recording_goes_on_until_it_is_stopped(recording_server, times):
    simulator, meeting = recording_server
    simulator.v4_times = times
    server = server_for(simulator, api_version=V4)
    assert page_of(server).recording == trueconf_api.Recording(False)
    meeting.record()
    meeting.stop_recording()
    assert page_of(server).recording == trueconf_api.Recording(False)
    since = meeting.record().started_at
    found = page_of(server).recording
    assert found.is_running
    assert abs(found.since - since) < 2
    meeting.stop_recording()
    assert page_of(server).recording == trueconf_api.Recording(False)


def test_recording_that_an_earlier_run_left_open_is_none_of_this_one(recording_server):
    simulator, meeting = recording_server
    meeting.record().started_at -= 24 * HOUR_S
    assert page_of(server_for(simulator, api_version=V4)).recording == trueconf_api.Recording(False)


def test_recording_is_asked_beside_the_rest(recording_server):
    simulator, _ = recording_server
    server = server_for(simulator, api_version=V4)
    page_of(server)
    assert [path for path in api_requests(simulator) if path.endswith("/recordings")]
    assert len(api_requests(simulator)) == 5
    simulator.break_path("recordings", "status", status=500)
    page = page_of(server)
    assert isinstance(page.recording, TrueConfError)
    assert page.people.count == 2


def test_recording_is_not_known_where_v3_lists_only_what_was_written(new_server):
    simulator = new_server(scopes=(*FOUR_SCOPES, RECORDS_SCOPE_V3))
    meeting = simulator.add_conference("Meeting")
    server = server_for(simulator)
    assert page_of(server).recording is None
    meeting.record()
    assert page_of(server).recording is None
    meeting.stop_recording()
    assert page_of(server).recording is None
    simulator.records_tell_end = True
    assert page_of(server).recording == trueconf_api.Recording(False)
    meeting.record()
    assert page_of(server).recording.is_running


# ---------------------------------------------------------------- online by name


def test_online_people_are_named_those_in_conferences_first(new_server, version):
    people = [
        Person("z", "Zoe", status=5),
        Person("b", "Boris"),
        Person("a", "anna"),
        Person("c", "Clara", status=2),
        Person("o", "Olga", status=0),
        Person("n", "Nina", status=-2),
        Person("d", "Dan", is_active=False),
    ]
    simulator = new_server(people=people, scopes=FOUR_SCOPES if version == V3 else V4_SCOPES)
    server = server_for(simulator, api_version=version)
    found = get_online_people(server)
    assert [account.name for account in found] == ["Clara", "Zoe", "anna", "Boris"]
    assert [account.is_in_conference for account in found] == [True, True, False, False]
    assert [account.login for account in found] == ["c", "z", "a", "b"]
    assert len(found) == get_online(server).online


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_any_number_of_people_is_named(new_server, version, count):
    people = [Person(f"p{number}") for number in range(count)]
    simulator = new_server(people=people, scopes=FOUR_SCOPES if version == V3 else V4_SCOPES)
    found = get_online_people(server_for(simulator, api_version=version))
    assert len({account.login for account in found}) == count
    assert len(api_requests(simulator)) == max(1, -(-count // 500))


def test_account_without_a_name_is_called_by_its_login(simulator, server):
    for person, name in zip(simulator.people, ("", None, "\udc00", ["x"]), strict=False):
        person.display_name = name
    names = {account.name for account in get_online_people(server)}
    assert {"anna", "boris", "\udc00", "daniel"} <= names


# ---------------------------------------------------------------- looking for people


def test_people_are_found_by_each_word_in_name_or_login(simulator, server):
    def names(words):
        [found] = find_people([server], words)
        return [match.account.name for match in found.matches]

    assert names("PETROVA ann") == ["Anna Petrova"]
    assert names("gabriela") == ["Gabriela Torres"]
    assert names("leo") == ["Leo Martin"]  # disabled, and said so
    assert names("petrova boris") == []
    assert names("") == names("   ") == names("x" * 4000) == names("<b>%_*.") == []


def test_only_the_first_are_shown_of_many_and_all_are_counted(simulator, server):
    simulator.people[5].status = 5
    [found] = find_people([server], "a")
    assert found.count == sum(
        "a" in f"{one.display_name}{one.id}".lower() for one in simulator.people
    )
    assert len(found.matches) == trueconf_api.MOST_MATCHES
    assert found.matches[0].account.is_in_conference


def test_who_is_found_comes_with_where_they_are_now(simulator, server, version):
    simulator.add_conference("Meeting", owner="anna", people=("anna", "boris"))
    simulator.add_conference("Other", owner="boris", people=("boris",))
    where = {}
    [found] = find_people([server], "i")
    for word in ("anna", "boris", "daniel", "fedor"):
        [found] = find_people([server], word)
        [match] = found.matches
        where[word] = [conference.title for conference in match.conferences]
    assert where == {"anna": ["Meeting"], "boris": ["Meeting", "Other"], "daniel": [], "fedor": []}
    simulator.clear_requests()
    find_people([server], "fedor")
    assert len(api_requests(simulator)) == 1  # offline: nothing else is to be found out


def test_where_somebody_is_is_unknown_where_it_cannot_be_read(simulator, server, version):
    simulator.add_conference("Meeting", owner="anna", people=("anna", "boris"))
    simulator.add_conference("Other", owner="boris", people=("clara",))
    part = "logs/calls" if version == V3 else "sessions"
    for broken in (part, "participants"):
        simulator.break_path(broken, "status", status=500)
        [found] = find_people([server], "anna")
        assert found.matches[0].conferences is None
        simulator.mend()
    if version == V4:
        simulator.v4_names_participants = False
        [found] = find_people([server], "anna")
        assert found.matches[0].conferences is None


def test_people_are_asked_of_so_many_conferences_and_no_more(simulator, server, monkeypatch):
    monkeypatch.setattr(trueconf_api, "MOST_ASKED", 3)
    for number in range(5):
        simulator.add_conference(f"Meeting {number}", owner="boris", people=("boris",))
    simulator.set_online("anna", 5)
    [found] = find_people([server], "anna")
    assert found.matches[0].conferences is None
    assert sum(path.endswith("/participants") for path in api_requests(simulator)) == 3


def test_people_are_looked_for_on_all_servers_and_a_dead_one_is_an_error(new_server):
    old, new, dead = new_server(), new_server(scopes=V4_SCOPES), new_server()
    dead.go_down()
    servers = [server_for(old), server_for(dead, name="dead"), server_for(new, api_version=V4)]
    found = find_people(servers, "anna")
    assert [search.server for search in found] == servers
    assert [search.count for search in found] == [1, 0, 1]
    assert isinstance(found[1].matches, TrueConfError)
    assert find_people([], "anna") == []


def test_conferences_of_both_versions_say_how_long_they_were_planned(simulator, server):
    planned = simulator.add_conference("Planned")
    planned.planned_s = 5400
    simulator.add_conference("Room").planned_s = None
    simulator.add_conference(None)
    found = {one.title: one.planned_s for one in get_running_conferences(server)}
    assert found == {"Planned": 5400, "Room": None, "": None}
    assert get_people(server, get_running_conferences(server)[0]).participants
