"""What the bot finds out from a TrueConf Server, and what it says where it could not."""

import itertools
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import pytest

import lib.trueconf_client
import lib.trueconf_transport
import trueconf_api
from demo.trueconf.access import error_answer
from demo.trueconf.server import FOUR_SCOPES, MISSING, Person, TrueConfServer
from lib.trueconf_model import AccessRefused
from lib.trueconf_v3 import ROLES_PERMISSION
from trueconf_api import (
    ALREADY_OVER,
    DOWN,
    SERVICE_DOWN,
    STILL_RUNNING,
    STOPPED,
    UP,
    WEB_DOWN,
    BadAnswer,
    NotFound,
    OutcomeUnknown,
    PermissionMissing,
    Server,
    ServerUnreachable,
    find_forgotten,
    get_online,
    get_overviews,
    get_people,
    get_running_conferences,
    get_status,
    stop_conference,
    stop_conferences,
)
from trueconf_api import Status as ServerStatus

HOUR_S = 3600


def url_of(simulator: TrueConfServer) -> str:
    return simulator.address if not simulator.tls else f"https://{simulator.address}"


def server_for(simulator: TrueConfServer, **more) -> Server:
    """The simulator as the bot knows it, without a token yet."""
    fields = {
        "name": "office",
        "url": url_of(simulator),
        "client_id": simulator.client_id,
        "client_secret": simulator.client_secret,
        "verify": simulator.ca_file or True,
        "status_port": simulator.status_port,
        "api_version": "v3.3",  # else one more request finds it out
    }
    return Server(**{**fields, **more})


def api_requests(simulator: TrueConfServer) -> list[str]:
    """Method and path of all that was asked since, the tokens left out."""
    return [
        f"{one.method} {unquote(one.path)}"
        for one in simulator.requests
        if one.path != "/oauth2/v1/token"
    ]


def token_requests(simulator: TrueConfServer) -> int:
    return sum(one.path == "/oauth2/v1/token" for one in simulator.requests)


@pytest.fixture
def simulator(new_server):
    return new_server()


@pytest.fixture
def server(simulator):
    return server_for(simulator)


def reason_of(error) -> tuple[type, str]:
    return type(error.value), error.value.reason


# ---------------------------------------------------------------- what runs


def test_running_conference_has_all_its_details(simulator, server):
    simulator.add_conference(
        "Weekly planning",
        owner="anna",
        people=("anna", "boris", "clara"),
        age_s=5400,
        conference_id="4821907733",
        session_id="0000004f@video.example.org#vcs",
    )
    (one,) = get_running_conferences(server)
    assert one.title == "Weekly planning"
    assert one.id == "4821907733"
    assert one.session_id == "0000004f@video.example.org#vcs"
    assert one.owner == "anna@video.example.org"
    assert one.participant_count == 3
    assert 5400 <= one.age_s < 5400 + 60
    assert one.page_url == f"{server.url}/c/4821907733"
    assert one.realtime_url == (
        f"{server.url}/tools/real-time/0000004f%40video.example.org%23vcs?a=cookies"
    )


def test_calls_of_two_and_ended_conferences_are_left_out(simulator, server):
    simulator.add_conference("Meeting")
    for kind in (0, 1, "1"):
        simulator.add_conference("Call", **{"class": kind})
    for kind in (MISSING, None, 2, "10", "surprise"):
        simulator.add_conference(f"class {kind!r}", **{"class": kind})
    simulator.add_ended_conferences(30)
    titles = {one.title for one in get_running_conferences(server)}
    assert len(titles) == 6
    assert "Meeting" in titles
    assert "Call" not in titles


def test_long_history_costs_one_request(simulator, server):
    simulator.add_conference("Meeting")
    simulator.add_ended_conferences(1200)
    assert len(get_running_conferences(server)) == 1
    assert sorted(api_requests(simulator)) == [
        "GET /api/v3.3/conferences",
        "GET /api/v3.3/logs/calls",
    ]


def test_all_pages_are_read_up_to_the_first_ended_row(simulator, server):
    for number in range(1201):
        simulator.add_conference(f"Meeting {number}", people=())
    simulator.add_ended_conferences(2000)
    assert len(get_running_conferences(server)) == 1201
    assert len(api_requests(simulator)) == 3 + 3  # of the log and of the list


@pytest.mark.parametrize(
    ("most", "sizes"),
    [
        (499, ["500", "200", "200"]),
        (100, ["500", "200", "100", "100", "100"]),
        (99, ["500", "200", "100", *[None] * 12]),
        (0, ["500", "200", "100", *[None] * 12]),
    ],
)
def test_server_that_refuses_large_pages_is_asked_for_smaller_ones(simulator, server, most, sizes):
    """What it allows is not tried anew; none at all are pages of 20."""
    simulator.max_page_size = most
    for number in range(240):
        simulator.add_conference(f"Meeting {number}", people=())
    if most == 0:  # it refuses the parameter itself
        simulator.max_page_size = 20
        answer = simulator.answer
        refusal = error_answer(400, "invalidParameter", "page_size", "query")
        simulator.answer = lambda asked: refusal if "page_size" in asked.query else answer(asked)
    assert len(_sizes_asked(simulator, server)) >= len(sizes)
    simulator.clear_requests()
    allowed = [size for size in sizes if size == sizes[-1]]
    assert _sizes_asked(simulator, server) == [*allowed[: 1 + 240 // int(sizes[-1] or 20)]]


def _sizes_asked(simulator, server):
    assert len(get_running_conferences(server)) == 240
    asked = [one for one in simulator.requests if one.path.endswith("/conferences")]
    return [one.query.get("page_size") for one in asked]


def test_list_of_more_small_pages_than_anybody_counts_is_read_whole(new_server):
    simulator = new_server(people=online_people(*[1] * 4100))
    answer = simulator.answer
    refusal = error_answer(400, "invalidParameter", "page_size", "query")
    simulator.answer = lambda asked: refusal if "page_size" in asked.query else answer(asked)
    assert get_online(server_for(simulator)).accounts == 4100
    assert len(api_requests(simulator)) == 3 + 4100 // 20 + (1 if 4100 % 20 else 0)


def test_conference_that_moves_to_the_next_page_is_listed_once(simulator, server):
    simulator.max_page_size, simulator.default_page_size = 10, 2
    twin = {"session_id": "1@video.example.org#vcs", "conference_id": "77"}
    for position in range(5):
        more = twin if position in (1, 2) else {}
        simulator.add_conference(f"Meeting {position}", **more)
    assert len(get_running_conferences(server)) == 4


def test_odd_rows_cost_a_conference_its_detail_and_never_the_list(simulator, server):
    odd = {
        "no topic": {"topic": None},
        "topic of another type": {"topic": ["a"]},
        "topic is a number": {"topic": 15},
        "no owner": {"owner": None},
        "no ID": {"named_conf_id": None},
        "ID is a number": {"named_conf_id": 4821907733},
        "no session": {"conference_id": None},
        "no start": {"start_time": None, "duration": None},
        "no count": {"participant_count": None},
        "count is text": {"participant_count": "3"},
        "half a character": {"topic": "\ud83d", "named_conf_id": "\ud83d", "owner": "\udc00"},
        "more fields": {"surprise": {"deep": [1, 2]}, "topic": "more fields"},
        "nothing": dict.fromkeys(
            ("topic", "owner", "named_conf_id", "start_time", "duration", "class", "type"), MISSING
        ),
    }
    for title, fields in odd.items():
        simulator.add_conference(title, listed=False).fields.update(fields)
    for row in (None, "text", 5, [], ["a"], {}):
        simulator.add_conference("replaced", listed=False).replaced_row = row
    found = get_running_conferences(server)
    assert len(found) == len(odd) + 1  # {} is a row too; what is no object is left out
    by_title = {one.title: one for one in found}
    assert by_title["no owner"].owner == ""
    assert by_title["no ID"].id == ""
    assert by_title["ID is a number"].id == "4821907733"
    assert not by_title["no session"].has_session_id
    assert by_title["no session"].realtime_url == ""
    assert by_title["no start"].age_s is None
    assert by_title["no count"].participant_count is None
    assert by_title["count is text"].participant_count == 3
    assert "15" in by_title
    assert "more fields" in by_title


def test_age_comes_from_the_start_where_duration_says_nothing(simulator, server):
    for duration in (0, None, -5, "", "soon", MISSING, True, [7], 1e300):
        simulator.add_conference(f"duration {duration!r}", age_s=7200, duration=duration)
    found = get_running_conferences(server)
    assert len(found) == 9
    assert [one.title for one in found if not 7195 <= one.age_s < 7200 + 60] == []


@pytest.mark.parametrize("duration", [5412, "5412", 5412.7])
def test_age_comes_from_duration_whatever_the_clocks_say(simulator, server, duration):
    simulator.clock_skew_s = 3 * HOUR_S
    simulator.add_conference("Meeting", age_s=60, duration=duration)
    assert get_running_conferences(server)[0].age_s == 5412


def test_start_is_read_in_each_kind_of_timezone(simulator, server):
    simulator.live_duration = False
    simulator.add_conference("Meeting", age_s=5400)
    named = ("Europe/Moscow", "America/St_Johns", "Asia/Kathmandu")
    for simulator.timezone in ("UTC", "+03:00", "-11:30", *named):
        assert 5395 <= get_running_conferences(server)[0].age_s < 5400 + 60, simulator.timezone


@pytest.mark.parametrize("zone", ["Nowhere/Unknown", "MSK"])
def test_age_is_unknown_where_the_timezone_is(simulator, server, zone):
    simulator.timezone, simulator.live_duration = zone, False
    simulator.add_conference("Meeting", age_s=5400)
    assert get_running_conferences(server)[0].age_s is None


def test_start_that_cannot_be_read_leaves_the_age_unknown(simulator, server):
    date = "2025-03-04 09:00:12.000000"
    starts = ["2025-03-04 09:00:12", {}, {"date": date}]
    starts += [{"date": odd, "timezone": "UTC"} for odd in (None, "yesterday", "0000-00-00 00:00")]
    zones = ("+99:99", "", "../../etc/passwd", "\x00", "x" * 5000, ["UTC"])
    starts += [{"date": date, "timezone": zone} for zone in zones]
    for number, start in enumerate(starts):
        simulator.add_conference(f"Meeting {number}", duration=0, start_time=start)
    ages = {one.title: one.age_s for one in get_running_conferences(server)}
    assert ages == dict.fromkeys(f"Meeting {number}" for number in range(len(starts)))


def test_start_in_the_future_is_an_age_of_zero(simulator, server):
    simulator.clock_skew_s, simulator.live_duration = HOUR_S, False
    simulator.add_conference("Meeting", age_s=60)
    assert get_running_conferences(server)[0].age_s == 0


# ---------------------------------------------------------------- who is online


def online_people(*statuses, **more) -> list[Person]:
    return [Person(f"p{number}", status=one, **more) for number, one in enumerate(statuses)]


def test_online_people_are_counted_by_what_they_do(new_server):
    simulator = new_server(people=online_people(-2, -1, 0, 1, 1, 1, 2, 2, 3, 5, 9))
    online = get_online(server_for(simulator))
    assert (online.accounts, online.online) == (11, 8)
    assert (online.free, online.in_conference) == (3, 4)


def test_disabled_accounts_are_not_counted(new_server):
    people = [Person("a", status=1), Person("b", status=1, is_active=False)]
    online = get_online(server_for(new_server(people=people)))
    assert (online.accounts, online.online) == (1, 1)


@pytest.mark.parametrize("last", [-1, None, "missing", "-1", 0])
def test_accounts_are_read_to_the_last_page(new_server, last):
    simulator = new_server(people=online_people(*[1] * 1203))
    simulator.users_end = last
    assert get_online(server_for(simulator)).accounts == 1203
    assert len(api_requests(simulator)) == 3


def test_empty_server_has_nobody_online(new_server):
    assert get_online(server_for(new_server(people=[]))).accounts == 0


@pytest.mark.parametrize(
    ("ask", "part"),
    [
        (get_online, "users"),
        (get_running_conferences, "logs/calls"),
        (lambda server: find_forgotten(server, 60), "conferences"),
        (lambda server: find_forgotten(server, 60), "logs/calls"),
    ],
)
def test_pages_that_never_end_are_an_error(simulator, server, ask, part):
    simulator.add_conference("Meeting")
    simulator.break_path(part, "endless")
    with pytest.raises(BadAnswer) as error:
        ask(server)
    assert error.value.reason == "endless"


# ---------------------------------------------------------------- who is in a conference


def people_of(simulator, server, title):
    running = get_running_conferences(server)
    return get_people(server, next(one for one in running if one.title == title))


def test_people_are_those_who_have_not_left(simulator, server):
    meeting = simulator.add_conference("Meeting", people=("anna", "boris", "clara"))
    meeting.leave("boris")
    people = people_of(simulator, server, "Meeting")
    assert (people.count, people.has_owner, people.has_leader) == (2, True, None)
    assert (people.names, people.guest_count) == (("Anna Petrova", "Clara Schmidt"), 0)


def test_person_who_reconnects_counts_once(simulator, server):
    meeting = simulator.add_conference("Meeting", people=("boris",))
    meeting.join("boris")
    meeting.leave("boris")
    meeting.join("boris")
    meeting.join("boris")
    assert people_of(simulator, server, "Meeting").count == 1


def test_owner_is_known_whatever_the_case_and_device(simulator, server):
    names = ("anna", "Anna", "anna@video.example.org/0A1B")
    for suffix, odd_case, owner in itertools.product((False, True), (False, True), names):
        simulator.device_suffix, simulator.odd_letter_case = suffix, odd_case
        full = owner if "@" in owner else f"{owner}@video.example.org"
        meeting = simulator.add_conference("Meeting", people=("anna",))
        meeting.fields["owner"] = full
        people = people_of(simulator, server, "Meeting")
        assert (people.count, people.has_owner) == (1, True), (suffix, odd_case, owner)
        meeting.end()


def test_namesake_of_another_server_is_not_the_owner(simulator, server):
    simulator.add_conference("Meeting", people=("anna@other.example.org",))
    assert people_of(simulator, server, "Meeting").has_owner is False


def test_participants_of_many_pages_are_all_counted(simulator, server):
    simulator.max_page_size, simulator.default_page_size = 10, 10
    people = [Person(f"p{number}") for number in range(35)]
    simulator.add_conference("Meeting", people=people)
    assert people_of(simulator, server, "Meeting").count == 35


# ---------------------------------------------------------------- who was forgotten


def forgotten(server, age_h=1) -> dict[str, str]:
    return {one.conference.title: one.reason for one in find_forgotten(server, age_h * 60)}


def test_each_reason_to_be_forgotten(simulator, server):
    old = {"age_s": 2 * HOUR_S}
    simulator.add_conference("empty", people=(), **old)
    simulator.add_conference("owner alone", owner="anna", people=("anna",), **old)
    simulator.add_conference("no leader", owner="anna", people=("boris", "clara"), **old)
    simulator.add_conference("one guest", owner="anna", people=("boris",), **old)
    simulator.add_conference("alive", owner="anna", people=("anna", "boris"), **old)
    simulator.add_conference("young", people=(), age_s=60)
    simulator.add_conference("unowned", owner=None, people=("boris",), **old)
    simulator.add_conference("unowned and empty", owner=None, people=(), **old)
    simulator.add_conference("no age", people=(), duration=None, start_time=None)
    assert forgotten(server) == {
        "empty": "empty",
        "owner alone": "owner_alone",
        "no leader": "no_leader",
        "one guest": "no_leader",
        "unowned and empty": "empty",
        "no age": "age_unknown",
    }


def test_age_is_the_one_that_was_asked_for(simulator, server):
    for hours in (1, 3, 9):
        simulator.add_conference(f"{hours} h", people=(), age_s=hours * HOUR_S + 60)
    assert set(forgotten(server, 1)) == {"1 h", "3 h", "9 h"}
    assert set(forgotten(server, 2)) == {"3 h", "9 h"}
    assert set(forgotten(server, 24)) == set()


def test_row_that_a_crash_left_open_is_no_candidate(simulator, server):
    simulator.add_conference("crashed", people=(), age_s=9 * HOUR_S, listed=False)
    simulator.add_conference("call without an ID", people=(), age_s=9 * HOUR_S, conference_id="")
    assert forgotten(server) == {}
    assert len(api_requests(simulator)) == 2


def test_open_rows_of_one_id_all_lose_it_where_a_start_is_missing(simulator, server):
    for start_time in (None, MISSING):
        rows = [simulator.add_conference("Meeting", conference_id="77") for _ in range(2)]
        rows[0].fields["start_time"] = start_time
        found = get_running_conferences(server)
        assert [conference.id for conference in found if conference.session_id != "77"] == ["", ""]
        for conference in rows:
            conference.end()


def test_run_that_a_crash_left_open_is_not_taken_for_the_one_of_now(simulator, server):
    """The conference crashed a week ago and runs again: a stop would hit the live run."""
    old = simulator.add_conference("Planning", people=(), age_s=168 * HOUR_S, conference_id="4821")
    new = simulator.add_conference("Planning", people=("anna",), age_s=600, conference_id="4821")
    running = {one.session_id: one.id for one in get_running_conferences(server)}
    assert running == {old.session_id: "", new.session_id: "4821"}
    assert forgotten(server) == {}


@pytest.mark.parametrize("frozen", [{"duration": 30}, {"duration": 0}, {"duration": None}])
def test_newest_run_is_found_by_its_start_even_where_ages_mislead(simulator, server, frozen):
    simulator.timezone = "Nowhere/Unknown"  # as on Windows, which knows no zones
    old = simulator.add_conference(
        "Board", people=(), age_s=168 * HOUR_S, conference_id="4821", listed=False, **frozen
    )
    new = simulator.add_conference("Board", age_s=2 * HOUR_S, conference_id="4821")
    running = {one.session_id: one.id for one in get_running_conferences(server)}
    assert running == {old.session_id: "", new.session_id: "4821"}


def test_runs_of_one_conference_that_cannot_be_told_apart_cannot_be_stopped(simulator, server):
    for age_s in (168 * HOUR_S, 2 * HOUR_S):
        simulator.add_conference("Board", age_s=age_s, conference_id="4821", start_time=None)
    assert [one.id for one in get_running_conferences(server)] == ["", ""]


def test_address_that_a_server_points_to_is_cut_to_a_host(simulator, server):
    for location in ("https://" + "a" * 6000, "https:///x", "/here", ""):
        simulator.break_path("users", "redirect", location=location)
        with pytest.raises(BadAnswer) as error:
            get_online(server)
        assert (error.value.reason, error.value.details) == ("redirect_here", {"status": 302})


@pytest.mark.parametrize("listed", [0, 3, 1300])
def test_search_costs_two_requests_and_one_for_each_candidate(simulator, server, listed):
    for number in range(min(listed, 40)):
        simulator.add_conference(f"old {number}", people=(), age_s=2 * HOUR_S)
    simulator.add_conference("young", age_s=60)
    assert len(find_forgotten(server, 60)) == min(listed, 40)
    assert len(api_requests(simulator)) == 2 + min(listed, 40)
    assert token_requests(simulator) == 1


def test_fifty_candidates_are_asked_side_by_side(simulator, server):
    """Each answer is held back until all fifty have been asked for."""
    for number in range(50):
        simulator.add_conference(f"old {number}", people=(), age_s=2 * HOUR_S)
    asked = threading.Barrier(50, timeout=20)
    answer = simulator.answer

    def wait_for_the_others(request):
        if request.path.endswith("/participants"):
            asked.wait()
        return answer(request)

    simulator.answer = wait_for_the_others
    assert len(find_forgotten(server, 60)) == 50
    assert not asked.broken


def test_failing_participants_are_not_examined_and_not_none(simulator, server):
    simulator.add_conference("old", people=("boris",), age_s=2 * HOUR_S)
    for fault, details in (("status", {"status": 500}), ("html", {}), ("status", {"status": 404})):
        simulator.break_path("participants", fault, **details)
        (one,) = find_forgotten(server, 60)
        assert (one.reason, one.is_certain, one.people) == ("not_examined", False, None)


def test_missing_permission_for_participants_is_named(simulator):
    simulator.scopes = tuple(set(FOUR_SCOPES) - {"logs.calls.participants:read"})
    simulator.add_conference("old", people=("boris",), age_s=2 * HOUR_S)
    with pytest.raises(PermissionMissing) as error:
        find_forgotten(server_for(simulator), 60)
    assert error.value.details == {"permission": "logs.calls.participants:read"}


@pytest.fixture
def with_roles(new_server):
    return new_server(scopes=(*FOUR_SCOPES, ROLES_PERMISSION))


def test_moderators_are_known_where_the_token_allows_it(with_roles):
    server, old = server_for(with_roles), {"age_s": 2 * HOUR_S}
    moderated = with_roles.add_conference("moderated", people=("boris", "clara"), **old)
    moderated.set_role("boris", 2)
    alone = with_roles.add_conference("alone", people=("boris",), **old)
    alone.set_role("boris", 2)
    with_roles.add_conference("unowned", owner=None, people=("clara",), **old)
    with_roles.add_conference("owner alone", people=("anna",), **old)
    with_roles.add_conference("nobody leads", people=("boris", "clara"), **old)
    assert forgotten(server) == {
        "alone": "leader_alone",
        "unowned": "no_leader",
        "owner alone": "owner_alone",
        "nobody leads": "no_leader",
    }
    asked = Counter(path.split("/")[3] for path in api_requests(with_roles))
    assert asked == {"logs": 1, "conferences": 1, "conference-sessions": 5}


def test_log_is_asked_where_the_sessions_list_only_some_of_the_people(with_roles):
    people = ("boris", "clara", "anna")  # the owner is the last one
    with_roles.add_conference("led", owner="anna", people=people, age_s=2 * HOUR_S)
    with_roles.session_list_size = 2
    assert forgotten(server_for(with_roles)) == {}


@pytest.mark.parametrize("refusal", [{"status": 403}, {"status": 404}, None])
def test_log_is_asked_where_the_sessions_are_refused(with_roles, refusal):
    if refusal:
        with_roles.break_path("conference-sessions", "status", **refusal)
    else:
        with_roles.sessions_endpoint = False
    with_roles.add_conference("old", people=("boris",), age_s=2 * HOUR_S)
    assert forgotten(server_for(with_roles)) == {"old": "no_leader"}


def test_sessions_are_not_asked_without_their_permission(simulator, server):
    simulator.add_conference("old", people=("boris",), age_s=2 * HOUR_S)
    find_forgotten(server, 60)
    assert not [path for path in api_requests(simulator) if "conference-sessions" in path]


# ---------------------------------------------------------------- stopping


def running_one(server, title="Meeting"):
    return next(one for one in get_running_conferences(server) if one.title == title)


@pytest.mark.parametrize("answer", ["state", "empty"])
@pytest.mark.parametrize("is_ad_hoc", [False, True])
def test_stopped_conference_is_stopped(simulator, server, answer, is_ad_hoc):
    simulator.stop_answer = answer
    meeting = simulator.add_conference("Meeting", conference_id="77")
    meeting.is_ad_hoc = is_ad_hoc
    other = simulator.add_conference("Other")
    assert stop_conference(server, running_one(server)) == STOPPED
    assert (meeting.is_running, other.is_running) == (False, True)
    assert simulator.stops == ["77"]
    assert api_requests(simulator)[2:] == [
        "POST /api/v3.3/conferences/77/stop",
        "GET /api/v3.3/conferences/77",
    ]


@pytest.mark.parametrize(
    ("stop_again", "result"), [("ok", STOPPED), (404, ALREADY_OVER), (400, ALREADY_OVER)]
)
def test_conference_that_ended_meanwhile(simulator, server, stop_again, result):
    simulator.stop_again = stop_again
    meeting = simulator.add_conference("Meeting")
    found = running_one(server)
    meeting.end()
    assert stop_conference(server, found) == result
    assert simulator.stops == []


def test_vanished_conference_was_already_over(simulator, server):
    meeting = simulator.add_conference("Meeting")
    meeting.is_ad_hoc = True
    found = running_one(server)
    meeting.end()
    assert stop_conference(server, found) == ALREADY_OVER


def test_conference_that_goes_on_is_still_running(simulator, server):
    simulator.stop_delay_s = float("inf")
    simulator.add_conference("Meeting")
    assert stop_conference(server, running_one(server)) == STILL_RUNNING


def test_lost_answer_to_a_stop_is_settled_by_the_look_after_it(simulator, server):
    """The order was carried out (reset: was not), only the answer was spoiled."""
    for fault in ("cut", "reset", "html", "empty", "list", "strings"):
        meeting = simulator.add_conference("Meeting")
        found = running_one(server)
        simulator.clear_requests()
        simulator.break_path("stop", fault, times=1)
        if fault in ("reset", "html"):  # nothing was stopped, so the error is told
            with pytest.raises((ServerUnreachable, BadAnswer)):
                stop_conference(server, found)
            assert meeting.is_running
        else:
            assert stop_conference(server, found) == STOPPED
        stop_requests = [path for path in api_requests(simulator) if path.endswith("/stop")]
        assert len(stop_requests) == 1, fault  # never said twice
        meeting.end()


def test_stop_whose_outcome_cannot_be_seen_is_unknown(simulator, server):
    meeting = simulator.add_conference("Meeting")
    found = running_one(server)
    simulator.break_path("conferences", "status", status=503)
    with pytest.raises(OutcomeUnknown) as error:
        stop_conference(server, found)
    assert (error.value.reason, error.value.details) == ("status", {"status": 503})
    assert not meeting.is_running


def test_stop_without_permission_is_refused_and_named(simulator):
    simulator.scopes = tuple(set(FOUR_SCOPES) - {"conferences"})
    simulator.add_conference("Meeting")
    server = server_for(simulator)
    with pytest.raises(PermissionMissing) as error:
        stop_conference(server, running_one(server))
    assert error.value.details == {"permission": "conferences"}
    assert simulator.stops == []


def test_id_of_any_characters_stops_the_conference_it_names(simulator, server):
    simulator.add_conference("Other", conference_id="a")
    odd = ["a/b", "a#b?c=d&e", "каждый день", "100%", "%2F", "a b", "..a", "ö" * 64]
    for conference_id in odd:
        meeting = simulator.add_conference("Meeting", conference_id=conference_id)
        assert stop_conference(server, running_one(server)) == STOPPED
        assert not meeting.is_running
    assert simulator.stops == odd


@pytest.mark.parametrize("session_id", ["1@v.org#vcs", "a/b@v.org#vcs", "ü 100%?@v.org#vcs&x=1"])
def test_session_id_of_any_characters_is_asked_for_as_it_is(simulator, server, session_id):
    simulator.add_conference("Meeting", session_id=session_id, people=("boris",))
    assert people_of(simulator, server, "Meeting").count == 1


def test_call_without_an_id_cannot_be_stopped(simulator, server):
    simulator.add_conference("Meeting", conference_id="")
    with pytest.raises(ValueError, match="without a conference ID"):
        stop_conference(server, running_one(server))
    assert not [asked for asked in api_requests(simulator) if asked.startswith("POST")]


def test_several_are_stopped_and_each_has_its_own_result(simulator, server):
    simulator.stop_again = 404
    meetings = [simulator.add_conference(f"Meeting {number}") for number in range(8)]
    running = get_running_conferences(server)
    meetings[3].end()
    results = {one.title: result for one, result in stop_conferences(server, running).items()}
    assert Counter(results.values()) == {STOPPED: 7, ALREADY_OVER: 1}
    assert results["Meeting 3"] == ALREADY_OVER


# ---------------------------------------------------------------- is it up


def test_both_parts_are_asked_for_the_status(simulator, server):
    assert get_status(server) == ServerStatus(UP)
    assert server.learnt.last_status.state == UP
    assert {one.path for one in simulator.requests} == {"/vsstatus", "/api/v4/server"}
    assert len(simulator.requests) == 2


def test_status_where_only_the_web_part_answers(simulator, server):
    simulator.core_down()
    assert get_status(server) == ServerStatus(SERVICE_DOWN, "refused")


def test_status_of_a_server_that_is_down(simulator, server):
    simulator.go_down()
    assert get_status(server) == ServerStatus(DOWN, "refused", "refused")
    simulator.come_back()
    assert get_status(server).state == UP


def test_status_without_the_status_port_asks_only_the_web_part(simulator):
    server = server_for(simulator, status_port=0)
    simulator.core_down()
    assert get_status(server) == ServerStatus(UP)
    simulator.go_down()
    assert get_status(server) == ServerStatus(DOWN, "", "refused")


def test_service_works_only_if_it_answers_200_and_the_web_part_below_500(simulator, server):
    for code in (204, 302, 401, 404, 429, 500):
        simulator.break_path("vsstatus", "status", status=code)
        assert get_status(server) == ServerStatus(SERVICE_DOWN, f"http_{code}")
    simulator.mend()
    for code in (200, 302, 401, 404, 429):
        simulator.break_path("v4/server", "status", status=code)
        assert get_status(server) == ServerStatus(UP), code
    simulator.break_path("v4/server", "status", status=500)
    assert get_status(server) == ServerStatus(WEB_DOWN, "", "http_500")


def test_errors_of_the_server_are_a_reason(simulator, server):
    simulator.break_path("vsstatus", "status", status=503)
    assert get_status(server) == ServerStatus(SERVICE_DOWN, "http_503")
    simulator.break_path("v4/server", "status", status=502, html=True)
    assert get_status(server) == ServerStatus(DOWN, "http_503", "http_502")


def test_status_under_faults(simulator, server):
    for fault, state, reason in (
        ("reset", SERVICE_DOWN, "cut"),
        ("cut", SERVICE_DOWN, "cut"),
        ("empty", UP, ""),
        ("null", UP, ""),
        ("huge", UP, ""),
        ("redirect", SERVICE_DOWN, "http_302"),
    ):
        simulator.break_path("vsstatus", fault)
        assert get_status(server) == ServerStatus(state, reason), fault


@pytest.mark.parametrize("fault", ["hang", "hang_after_header"])
def test_silent_status_port_is_given_up(simulator, server, fault):
    simulator.break_path("vsstatus", fault)
    assert get_status(server) == ServerStatus(SERVICE_DOWN, "no_answer")


def test_name_that_does_not_exist_is_a_reason():
    server = Server("gone", "https://no-such-name.invalid")
    assert get_status(server) == ServerStatus(DOWN, "name_not_found", "name_not_found")


def test_bad_certificate_is_a_reason(new_server):
    simulator = new_server(certificate="expired")
    simulator.core_down()
    status = get_status(server_for(simulator))
    assert status == ServerStatus(DOWN, "refused", "certificate_expired")


def test_certificate_without_key_identifiers_is_trusted_by_its_ca_file(new_server):
    """From Python 3.13 on it would be refused by default, and companies do make such ones."""
    assert get_online(server_for(new_server(certificate="plain"))).accounts > 0


def test_overview_of_several_servers_tells_each_its_own(simulator, new_server):
    simulator.add_conference("Meeting")
    lost, poor = new_server(), new_server(scopes=("users:read",))
    lost.go_down()
    servers = [server_for(simulator), server_for(lost), server_for(poor)]
    good, bad, half = get_overviews(servers)
    assert (good.status.state, good.conferences, good.online) == (
        UP,
        1,
        get_online(servers[0]).online,
    )
    assert bad.status.state == DOWN
    assert (bad.conferences.reason, bad.online.reason) == ("refused", "refused")
    assert half.conferences.details == {"permission": "logs.calls:read"}
    assert half.online == get_online(servers[2]).online
    assert get_overviews([]) == []


# ---------------------------------------------------------------- the access token


def test_token_is_kept_and_used_again(simulator):
    server = server_for(simulator)
    get_online(server)
    token = server.access_token
    get_online(server)
    assert (bool(token), server.access_token) == (True, token)
    assert token_requests(simulator) == 1
    assert server.learnt.scopes == set(FOUR_SCOPES)


def test_token_of_an_earlier_run_is_used_as_it_is(simulator):
    server = server_for(simulator, access_token=simulator.new_token())
    get_online(server)
    assert token_requests(simulator) == 0


@pytest.mark.parametrize("status", [401, 403])
def test_rejected_token_is_renewed_once(simulator, server, status):
    simulator.rejected_token_status = status
    get_online(server)
    simulator.expire_tokens()
    simulator.clear_requests()
    get_online(server)
    assert token_requests(simulator) == 1
    assert len(api_requests(simulator)) == 2


@pytest.mark.parametrize("has_token", [False, True])
def test_forty_threads_make_one_token_request(simulator, server, has_token):
    if has_token:
        get_online(server)
        simulator.expire_tokens()
        simulator.clear_requests()
    together = threading.Barrier(40)

    def ask(_):
        together.wait()
        return get_online(server).accounts

    with ThreadPoolExecutor(40) as pool:
        assert len(set(pool.map(ask, range(40)))) == 1
    assert token_requests(simulator) == 1


def test_token_is_not_renewed_for_a_missing_permission(new_server):
    simulator = new_server(scopes=())
    server = server_for(simulator)
    with pytest.raises(PermissionMissing):
        get_online(server)
    assert token_requests(simulator) == 1
    assert len(api_requests(simulator)) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_token_goes_into_the_address_where_the_header_is_not_understood(simulator, server, status):
    simulator.accepts_header, simulator.rejected_token_status = False, status
    get_online(server)
    simulator.clear_requests()
    get_online(server)
    (request,) = simulator.requests
    assert request.query["access_token"] == server.access_token
    assert "authorization" not in request.headers


def test_token_stays_out_of_the_address_where_the_header_is_understood(simulator, server):
    get_online(server)
    assert not [one for one in simulator.requests if "access_token" in one.query]


def test_token_that_is_refused_for_ever_is_an_error_and_asked_for_once(simulator, server):
    simulator.accepts_header = simulator.accepts_query = False
    for _ in range(2):
        simulator.clear_requests()
        with pytest.raises(AccessRefused) as error:
            get_online(server)
        assert error.value.reason == "token_refused"
        assert token_requests(simulator) <= 2
        assert not server.learnt.token_in_query


@pytest.mark.parametrize("shape", ["rfc6749", "envelope", "flat"])
def test_wrong_secret_is_told_in_each_shape(simulator, shape):
    simulator.secret_error = shape
    server = server_for(simulator, client_secret="wrong")
    with pytest.raises(AccessRefused) as error:
        get_online(server)
    assert error.value.reason == "wrong_secret"
    assert "wrong" not in str(error.value).replace("wrong_secret", "")
    assert len(simulator.requests) == 1


def test_token_request_under_faults(simulator):
    elsewhere = "https://user:pw@other.example.org/x"
    for fault, details, expected in (
        ("status", {"status": 500}, (BadAnswer, "status")),
        ("html", {}, (BadAnswer, "not_json")),
        ("empty", {}, (BadAnswer, "not_json")),
        ("truncated", {}, (BadAnswer, "not_json")),
        ("list", {}, (BadAnswer, "shape")),
        ("reset", {}, (ServerUnreachable, "cut")),
        ("redirect", {"location": elsewhere}, (BadAnswer, "redirect")),
    ):
        server = server_for(simulator)
        simulator.break_path("token", fault, **details)
        with pytest.raises(trueconf_api.TrueConfError) as error:
            get_online(server)
        assert reason_of(error) == expected, fault
        assert "pw" not in str(error.value)
        simulator.mend()
        assert get_online(server).accounts  # and the next one works


def test_token_as_text_numbers_is_taken(simulator, server):
    simulator.break_path("token", "strings")
    get_online(server)
    assert server.learnt.token_renewal_at > time.monotonic()


def test_token_that_cannot_be_one_is_not_taken(simulator, server):
    for token in ("a" * 20 + "\r\nX-Evil: 1", "a b" * 10, "ключ" * 10, None, 5):
        simulator.make_token = lambda token=token: token
        with pytest.raises(BadAnswer) as error:
            get_online(server)
        assert error.value.reason == "shape"
        assert server.access_token == ""


def test_renewal_is_due_before_the_token_expires(new_server):
    simulator = new_server(token_lifetime_s=1000)
    server = server_for(simulator)
    before = time.monotonic()
    trueconf_api.renew_access_token(server)
    assert before + 800 < server.learnt.token_renewal_at < time.monotonic() + 1000
    first = server.access_token
    trueconf_api.renew_access_token(server)
    assert server.access_token != first
    assert token_requests(simulator) == 2


# ---------------------------------------------------------------- permissions and versions


@pytest.mark.parametrize(
    ("ask", "permission"),
    [
        (get_running_conferences, "logs.calls:read"),
        (get_online, "users:read"),
        (lambda server: find_forgotten(server, 60), "conferences"),
        (lambda server: find_forgotten(server, 60), "logs.calls:read"),
    ],
)
def test_missing_permission_is_named_as_in_the_control_panel(simulator, ask, permission):
    simulator.scopes = tuple(set(FOUR_SCOPES) - {permission})
    with pytest.raises(PermissionMissing) as error:
        ask(server_for(simulator))
    assert error.value.details == {"permission": permission}


def test_unknown_version_of_the_api_is_told(simulator):
    server = server_for(simulator, api_version="v3.99")
    with pytest.raises(NotFound) as error:
        get_online(server)
    assert error.value.reason == "api_version"


@pytest.mark.parametrize("version", ["v3.1", "v3.11"])
def test_version_of_the_settings_is_asked_for(simulator, version):
    get_online(server_for(simulator, api_version=version))
    assert api_requests(simulator) == [f"GET /api/{version}/users"]


# ---------------------------------------------------------------- answers that are none


UNUSABLE = [
    ("status", {"status": 400}, (BadAnswer, "status")),
    ("status", {"status": 401}, (AccessRefused, "token_refused")),
    ("status", {"status": 403, "reason": "forbidden"}, (PermissionMissing, "permission")),
    ("status", {"status": 403, "html": True}, (BadAnswer, "in_front")),
    ("status", {"status": 401, "html": True}, (BadAnswer, "in_front")),
    (
        "status",
        {"status": 403, "reason": "accessTokenInvalid"},
        (AccessRefused, "token_refused"),
    ),
    ("status", {"status": 404, "html": True}, (NotFound, "api_version")),
    ("status", {"status": 429}, (BadAnswer, "status")),
    ("status", {"status": 500}, (BadAnswer, "status")),
    ("status", {"status": 502, "html": True}, (BadAnswer, "status")),
    ("html", {}, (BadAnswer, "not_json")),
    ("empty", {}, (BadAnswer, "not_json")),
    ("truncated", {}, (BadAnswer, "not_json")),
    ("list", {}, (BadAnswer, "shape")),
    ("null", {}, (BadAnswer, "not_json")),
    ("huge", {}, (BadAnswer, "too_large")),
    ("cut", {}, (ServerUnreachable, "cut")),
    ("reset", {}, (ServerUnreachable, "cut")),
    ("hang", {}, (ServerUnreachable, "no_answer")),
    ("hang_after_header", {}, (ServerUnreachable, "no_answer")),
    ("drip", {}, (ServerUnreachable, "no_answer")),
]


def test_answer_that_cannot_be_used_is_an_error_and_no_zero(simulator, server, monkeypatch):
    monkeypatch.setattr(lib.trueconf_transport, "READ_LIMIT_S", 1)
    monkeypatch.setattr(lib.trueconf_client, "PRESS_LIMIT_S", 2)
    get_online(server)
    for fault, details, expected in UNUSABLE:
        simulator.break_path("users", fault, **details)
        with pytest.raises(trueconf_api.TrueConfError) as error:
            get_online(server)
        assert reason_of(error) == expected, (fault, details)
        simulator.mend()
        assert get_online(server).accounts


def test_numbers_as_text_are_understood(simulator, server):
    simulator.add_conference("Meeting", age_s=2 * HOUR_S, people=("boris",))
    expected = get_online(server)
    simulator.break_path("", "strings")
    assert get_online(server) == expected
    assert forgotten(server) == {"Meeting": "no_leader"}


def test_answer_is_as_large_as_the_limit_allows(simulator, server):
    simulator.break_path("users", "huge", size_mb=15)
    with pytest.raises(BadAnswer) as error:
        get_online(server)
    assert error.value.reason == "shape"  # it was read, and holds no users


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed_and_the_token_stays_here(simulator, server, new_server, status):
    get_online(server)
    other = new_server()
    headers = {"Location": f"https://{other.address}/api/v3.3/users"}
    simulator.break_path("users", "status", status=status, headers=headers)
    with pytest.raises(BadAnswer) as error:
        get_online(server)
    assert error.value.reason == "redirect"
    assert error.value.details == {"location": other.address}
    assert other.accepted == 0


def test_kept_connection_that_the_server_closed_is_no_error(simulator, server):
    get_online(server)
    simulator.go_down()
    simulator.come_back()
    assert get_online(server).accounts


def test_second_request_uses_the_same_connection(simulator, server):
    get_online(server)
    get_running_conferences(server)
    find_forgotten(server, 60)
    assert simulator.handshakes <= 2  # the search asks two things at the same time


# ---------------------------------------------------------------- certificates and ways


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        ("expired", "certificate_expired"),
        ("other_name", "certificate_name"),
        ("untrusted", "certificate_chain"),
    ],
)
def test_bad_certificate_is_refused_and_nothing_is_sent(new_server, certificate, reason):
    simulator = new_server(certificate=certificate)
    server = server_for(simulator)
    with pytest.raises(ServerUnreachable) as error:
        get_online(server)
    assert error.value.reason == reason
    assert simulator.requests == []


@pytest.mark.filterwarnings("ignore:Unverified HTTPS")
@pytest.mark.parametrize("certificate", ["good", "expired", "other_name", "untrusted"])
def test_certificate_is_not_checked_where_the_settings_say_so(new_server, certificate):
    simulator = new_server(certificate=certificate)
    assert get_online(server_for(simulator, verify=False)).accounts


def test_certificate_is_checked_against_the_system_by_default(simulator, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", simulator.ca_file)
    monkeypatch.setenv("SSL_CERT_FILE", simulator.ca_file)
    with pytest.raises(ServerUnreachable) as error:
        get_online(server_for(simulator, verify=True))
    assert error.value.reason == "certificate_chain"


def test_ca_file_of_the_environment_does_not_replace_the_one_of_the_settings(
    simulator, server, monkeypatch, tmp_path
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.crt"))
    assert get_online(server).accounts


def test_missing_ca_file_is_told(simulator, tmp_path):
    server = server_for(simulator, verify=str(tmp_path / "missing.crt"))
    with pytest.raises(ServerUnreachable) as error:
        get_online(server)
    assert error.value.reason == "ca_file"


def test_port_that_speaks_no_https_is_told():
    def answer_in_plain_http(listener):
        with listener.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer_in_plain_http, args=(listener,), daemon=True).start()
        with pytest.raises(ServerUnreachable) as error:
            get_online(Server("office", f"https://127.0.0.1:{listener.getsockname()[1]}"))
    assert error.value.reason == "not_https"


def test_server_without_encryption_is_asked_where_the_settings_say_so(new_server):
    simulator = new_server(tls=False)
    assert get_online(server_for(simulator)).accounts


def test_refused_connection_is_told(simulator, server):
    simulator.go_down()
    with pytest.raises(ServerUnreachable) as error:
        get_online(server)
    assert error.value.reason == "refused"


def test_packets_that_vanish_are_a_time_out(simulator, server):
    simulator.blackhole()
    with pytest.raises(ServerUnreachable) as error:
        get_online(server)
    assert error.value.reason == "timed_out"


def test_name_not_found_is_told():
    with pytest.raises(ServerUnreachable) as error:
        get_online(Server("gone", "https://no-such-name.invalid"))
    assert error.value.reason == "name_not_found"


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy"])
def test_proxy_of_the_environment_is_not_asked(simulator, server, monkeypatch, variable):
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        assert get_online(server).accounts
        assert get_status(server).state == UP
        proxy.settimeout(0)
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_password_file_of_the_user_is_not_read(simulator, server, monkeypatch, tmp_path):
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login a password b\n", encoding="ascii")
    monkeypatch.setenv("NETRC", str(file))
    get_online(server)
    headers = [one.headers.get("authorization", "") for one in simulator.requests]
    assert headers == ["", f"Bearer {server.access_token}"]


def test_cookies_are_not_kept(simulator, server):
    simulator.break_path("users", "status", status=500, times=1, headers={"Set-Cookie": "a=b"})
    with pytest.raises(BadAnswer):
        get_online(server)
    get_online(server)
    assert not [one for one in simulator.requests if "cookie" in one.headers]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://video.example.org", "video.example.org"),
        ("https://video.example.org:8443", "video.example.org"),
        ("https://[::1]:443", "[::1]"),
        ("http://[fe80::4307]", "[fe80::4307]"),
    ],
)
def test_status_port_is_asked_on_the_same_host(url, host):
    assert Server("office", url).host == host


def test_no_error_holds_a_secret(simulator):
    server = server_for(simulator)
    get_online(server)
    secrets = [server.client_secret, server.access_token]
    told = []
    for fault in ("reset", "html", "list", "huge", "redirect"):
        simulator.break_path("", fault)
        error = trueconf_api.or_error(get_online, server)
        told.append(f"{error} {error!r} {error.details}")
    assert not [text for text in told if any(secret in text for secret in secrets)]
