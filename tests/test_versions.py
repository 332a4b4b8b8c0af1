"""Right on every TrueConf Server: which version of the API answers, and what each of them says."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import trueconf_api
from demo.trueconf.server import FOUR_SCOPES, V4_SCOPES, TrueConfServer
from demo.wire import Answer
from lib.trueconf_client import SEARCH_AGAIN_S, VERSIONS
from tests.test_trueconf_api import HOUR_S, api_requests, server_for
from trueconf_api import (
    ALREADY_OVER,
    STOPPED,
    NotFound,
    PermissionMissing,
    TrueConfError,
    find_forgotten,
    find_running,
    get_online,
    get_overviews,
    get_people,
    get_running_conferences,
    renew_access_token,
    search_version,
    stop_conference,
    try_permissions,
)


def auto(simulator: TrueConfServer, **more):
    """The simulator as the bot knows it when the settings name no version."""
    return server_for(simulator, api_version="auto", **more)


@pytest.fixture
def v4(new_server):
    """A server that speaks v4 alone, with the permissions that v4 has."""
    simulator = new_server(scopes=V4_SCOPES)
    simulator.api_versions = {"v4"}
    return simulator


# ---------------------------------------------------------------- which version


def test_first_version_that_is_there_is_found_once_and_remembered(new_server):
    for position, version in enumerate(VERSIONS):
        simulator = new_server(scopes=(*FOUR_SCOPES, *V4_SCOPES))
        simulator.api_versions = set(VERSIONS[position:])
        server = auto(simulator)
        get_online(server)
        assert server.version == version
        assert len(api_requests(simulator)) == position + 1 + 1  # tries, and the question itself
        simulator.clear_requests()
        get_online(server)
        assert len(api_requests(simulator)) == 1


def test_threads_that_find_out_at_once_do_it_once(new_server):
    simulator = new_server()
    simulator.api_versions = {"v3.8"}
    server = auto(simulator)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: get_online(server).accounts, range(8)))) == 1
    tried = VERSIONS[: VERSIONS.index("v3.8") + 1]
    searched = [asked for asked in api_requests(simulator) if asked.endswith("/conferences")]
    assert searched == [f"GET /api/{version}/conferences" for version in tried]


def test_missing_permission_does_not_hide_the_version(new_server):
    simulator = new_server(scopes=("users:read",))
    server = auto(simulator)
    assert get_online(server).accounts
    assert server.version == VERSIONS[0]


def test_server_without_any_known_version_is_told_and_not_searched_at_each_press(new_server):
    simulator = new_server()
    simulator.api_versions = set()
    server = auto(simulator)
    for _ in range(2):
        with pytest.raises(NotFound) as error:
            get_online(server)
        assert error.value.reason == "api_version"
        assert len(api_requests(simulator)) == len(VERSIONS)
    simulator.api_versions = {"v3.2"}  # it was only being started
    server.learnt.search_again_at -= SEARCH_AGAIN_S
    assert get_online(server).accounts


ANY_VERSION = (*FOUR_SCOPES, *V4_SCOPES)


def ask_everything(server):
    """Each question that the bot asks, by its name."""
    running = get_running_conferences(server)
    return {
        "running": lambda: get_running_conferences(server),
        "find": lambda: find_running(server, lambda conference: conference.title == "Meeting"),
        "people": lambda: get_people(server, running[0]),
        "forgotten": lambda: find_forgotten(server, 60),
        "online": lambda: get_online(server),
    }


@pytest.mark.parametrize("question", ["running", "find", "people", "forgotten", "online"])
def test_question_is_asked_anew_where_its_version_vanishes(new_server, question):
    """An update takes v3 away while the bot runs, and the next one brings it back."""
    simulator = new_server(scopes=ANY_VERSION)
    simulator.add_conference("Meeting", age_s=2 * HOUR_S, people=("boris",))
    server = auto(simulator)
    ask = ask_everything(server)[question]
    assert ask()
    for versions, found in (({"v4"}, "v4"), ({"v3.2"}, "v3.2"), ({"v3.11", "v4"}, "v3.11")):
        simulator.api_versions = versions
        assert ask(), versions
        assert server.version == found


def test_threads_that_miss_the_version_at_once_look_for_it_once(new_server):
    simulator = new_server(scopes=ANY_VERSION)
    server = auto(simulator)
    get_online(server)
    simulator.api_versions = {"v4"}
    simulator.clear_requests()
    missed, answer = threading.Barrier(8, timeout=20), simulator.answer

    def wait_for_the_others(request):
        if request.path == "/api/v3.3/users":
            missed.wait()
        return answer(request)

    simulator.answer = wait_for_the_others
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: get_online(server).accounts, range(8))) == {11}
    tried = [asked for asked in api_requests(simulator) if asked.endswith("/conferences")]
    assert len(tried) == len(VERSIONS)


def test_path_that_is_missing_alone_takes_no_version_away(new_server):
    simulator = new_server()
    server = auto(simulator)
    get_running_conferences(server)
    simulator.missing_paths = {"api/v3.3/users"}
    for _ in range(3):
        with pytest.raises(NotFound) as error:
            get_online(server)
        assert error.value.details == {"version": "v3.3"}
        assert get_running_conferences(server) == []
    simulator.missing_paths = set()
    assert get_online(server).accounts


def test_minute_counts_only_after_a_search_that_found_nothing(new_server):
    simulator = new_server(scopes=ANY_VERSION)
    server = auto(simulator)
    get_online(server)
    simulator.api_versions = set()  # the update is under way
    with pytest.raises(NotFound) as error:
        get_online(server)
    assert error.value.details == {"version": ""}  # none of them is there
    simulator.clear_requests()
    with pytest.raises(NotFound):
        get_running_conferences(server)
    assert api_requests(simulator) == []
    simulator.api_versions = {"v4"}
    server.learnt.search_again_at -= SEARCH_AGAIN_S
    assert get_online(server).accounts
    simulator.api_versions = {"v3.8"}  # no minute counts: the last search has found one
    assert get_online(server).accounts


def test_stop_is_not_said_again_where_its_version_has_vanished(new_server):
    simulator = new_server(scopes=ANY_VERSION)
    meeting = simulator.add_conference("Meeting", conference_id="77")
    server = auto(simulator)
    [found] = get_running_conferences(server)
    simulator.api_versions = {"v4"}
    simulator.clear_requests()
    with pytest.raises(NotFound):
        stop_conference(server, found)
    assert [asked for asked in api_requests(simulator) if asked.startswith("POST")] == [
        "POST /api/v3.3/conferences/77/stop"
    ]
    assert meeting.is_running
    assert stop_conference(server, found) == STOPPED


def test_trouble_on_the_way_is_not_taken_for_a_missing_version(new_server):
    simulator = new_server()
    for fault, details in (
        ("status", {"status": 502, "html": True}),
        ("status", {"status": 403, "html": True}),
        ("redirect", {}),
        ("reset", {}),
    ):
        server = auto(simulator)
        simulator.break_path("conferences", fault, **details)
        with pytest.raises(TrueConfError) as error:
            get_online(server)
        assert error.value.reason != "api_version", fault
        assert server.version == ""
        simulator.mend()
        assert get_online(server).accounts


def test_version_of_the_settings_is_used_as_it_stands(new_server):
    simulator = new_server()
    simulator.api_versions = {"v3.2", "v4"}
    server = server_for(simulator, api_version="v3.11")
    with pytest.raises(NotFound) as error:
        get_online(server)
    assert error.value.details == {"version": "v3.11"}
    assert search_version(server) == "v3.2"  # what --check says
    assert server.version == "v3.11"
    for version in ("v4", "v4.1"):
        simulator = new_server(scopes=V4_SCOPES)
        assert get_online(server_for(simulator, api_version=version)).accounts
        assert api_requests(simulator) == [f"GET /api/{version}/users"]


def test_version_is_known_before_anybody_presses(new_server):
    simulator = new_server()
    server = auto(simulator)
    renew_access_token(server)
    simulator.clear_requests()
    get_online(server)
    assert len(api_requests(simulator)) == 1


# ---------------------------------------------------------------- v4


@pytest.mark.parametrize("times", ["unix", "iso"])
def test_conferences_of_v4_have_the_start_of_their_run(v4, times):
    v4.v4_times = times
    v4.add_conference("Planning", owner="anna", age_s=5400, conference_id="77")
    v4.add_conference("Ended", age_s=9000).end()
    v4.add_conference("Not in the list", listed=False)
    [planning] = get_running_conferences(auto(v4))
    assert (planning.id, planning.title) == ("77", "Planning")
    assert planning.owner == "anna@video.example.org"
    assert 5390 < planning.age_s < 5500
    assert planning.is_listed
    assert planning.realtime_url.endswith("vcs?a=cookies")


def test_all_pages_of_v4_are_read_whatever_its_total_counts(v4):
    for number in range(1203):
        v4.add_conference(f"Meeting {number}", people=())
    for v4.results_count in ("all", "page"):
        assert len(get_running_conferences(auto(v4))) == 1203


@pytest.mark.parametrize("paging", ["page", "next_page_id"])
def test_online_people_of_v4_are_counted_whatever_turns_the_page(v4, paging):
    v4.v4_users_paging = paging
    v4.max_page_size = v4.default_users_page_size = 5  # of eleven
    online = get_online(auto(v4))
    assert (online.accounts, online.online) == (11, 8)


def test_guests_of_v4_are_counted_apart(v4):
    people = ("anna", "boris", "#guest:12@video.example.org", "#guest:13@video.example.org")
    meeting = v4.add_conference("Meeting", people=people)
    meeting.leave("boris")
    server = auto(v4)
    found = get_people(server, get_running_conferences(server)[0])
    assert (found.count, found.guest_count, found.names) == (3, 2, ("Anna Petrova",))
    assert (found.has_owner, found.has_leader) == (True, True)


@pytest.mark.parametrize("owner", ["anna", None])
def test_only_an_empty_conference_of_v4_is_forgotten_where_nobody_has_a_name(v4, owner):
    """A number cannot be compared with the owner, so nobody knows that the owner is not there."""
    v4.v4_names_participants = False
    old = {"owner": owner, "age_s": 2 * HOUR_S}
    v4.add_conference("empty", people=(), **old)
    v4.add_conference("with its owner", people=("anna", "boris"), **old)
    v4.add_conference("two", people=("boris", "clara"), **old)
    leader = v4.add_conference("one who leads", people=("daniel",), **old)
    leader.set_role("daniel", 2)
    for meeting in v4.conferences[1:3]:
        meeting.set_role("anna", 1)
    found = find_forgotten(auto(v4), 60)
    assert {one.conference.title: one.reason for one in found} == {
        "empty": "empty",
        "one who leads": "leader_alone",
    }


def test_guests_alone_are_known_not_to_be_the_owner(v4):
    v4.v4_names_participants = False
    guests = ("#guest:1@video.example.org", "#guest:2@video.example.org")
    v4.add_conference("guests", people=guests, age_s=2 * HOUR_S)
    assert [one.reason for one in find_forgotten(auto(v4), 60)] == ["no_leader"]


def test_people_without_a_name_of_v4_are_counted_once(v4):
    v4.v4_names_participants = False
    meeting = v4.add_conference("Meeting", people=("anna", "boris"))
    meeting.join("boris")
    server = auto(v4)
    people = get_people(server, get_running_conferences(server)[0])
    assert (people.count, people.has_owner, people.has_leader) == (2, None, True)


@pytest.mark.parametrize("total", [False, True])
@pytest.mark.parametrize("order", ["oldest_first", "newest_first"])
@pytest.mark.parametrize("have_ids", [False, True])
def test_start_of_v4_is_that_of_the_run_whatever_else_the_sessions_list(v4, order, have_ids, total):
    """Over several pages, with the runs of yesterday and before."""
    v4.v4_sessions, v4.v4_sessions_have_ids, v4.v4_sessions_total = order, have_ids, total
    v4.max_page_size = v4.default_page_size = 100
    for hours_ago in range(150, 1, -1):
        for number in range(2):
            run = {"conference_id": str(number), "people": ()}
            meeting = v4.add_conference("Daily", age_s=hours_ago * HOUR_S, **run)
            meeting.end(meeting.started_at + 1800)
    v4.add_conference("Daily", age_s=HOUR_S, conference_id="0")
    v4.add_conference("Daily", age_s=2 * HOUR_S, conference_id="1")
    running = {found.id: found.age_s for found in get_running_conferences(auto(v4))}
    assert HOUR_S <= running["0"] < 1.5 * HOUR_S
    assert 2 * HOUR_S <= running["1"] < 2.5 * HOUR_S


def test_sessions_are_read_on_where_a_page_may_lack_the_newest_run(v4):
    """The first page has one row of the conference, of yesterday, and is full."""
    v4.v4_sessions = "oldest_first"
    v4.max_page_size = v4.default_page_size = 100
    v4.add_conference("Daily", age_s=24 * HOUR_S, conference_id="0").end()
    v4.add_ended_conferences(9)
    for _ in range(95):
        v4.add_conference("Other", age_s=2 * HOUR_S, people=()).end()
    v4.add_conference("Daily", age_s=HOUR_S, conference_id="0")
    [found] = get_running_conferences(auto(v4))
    assert HOUR_S <= found.age_s < 2 * HOUR_S


def test_sessions_are_read_on_where_pages_are_smaller_than_was_asked_for(v4):
    v4.v4_sessions, v4.shrinks_pages = "oldest_first", True
    v4.max_page_size = 10
    for hours_ago in range(30, 0, -1):
        meeting = v4.add_conference("Daily", age_s=hours_ago * HOUR_S, conference_id="0")
        if hours_ago > 1:
            meeting.end()
    [found] = get_running_conferences(auto(v4))
    assert HOUR_S <= found.age_s < 2 * HOUR_S


def test_all_is_read_of_a_server_that_makes_pages_smaller(v4):
    v4.shrinks_pages, v4.max_page_size = True, 4
    for number in range(11):
        v4.add_conference(f"Meeting {number}", people=[f"p{n}" for n in range(6)])
    server = auto(v4)
    running = get_running_conferences(server)
    assert len({found.id for found in running}) == 11
    assert {get_people(server, found).count for found in running} == {6}
    assert get_online(server).accounts == 11


def test_age_is_unknown_where_the_sessions_lack_the_run(v4):
    v4.v4_sessions, v4.v4_sessions_have_ids = "oldest_first", True
    v4.add_conference("Daily", age_s=9 * HOUR_S, conference_id="0").end()
    v4.add_conference("Other", age_s=2 * HOUR_S)
    v4.add_conference("Daily", age_s=HOUR_S, conference_id="0")
    answer = v4.answer

    def leave_out_the_newest(request):
        reply = answer(request)
        if request.path.endswith("/sessions"):
            rows = json.loads(reply.body)["conference_sessions"]
            return Answer.json({"conference_sessions": rows[:-1]})
        return reply

    v4.answer = leave_out_the_newest
    ages = {found.title: found.age_s for found in get_running_conferences(auto(v4))}
    assert ages["Daily"] is None
    assert ages["Other"]


def test_run_of_v4_without_a_session_is_named_by_its_start(v4):
    v4.v4_names_sessions = False
    server = auto(v4)
    names = set()
    for age_s in (7200, 60):
        meeting = v4.add_conference("Meeting", conference_id="77", age_s=age_s)
        [found] = get_running_conferences(server)
        assert find_running(server, lambda run: run.session_id == found.session_id)  # noqa: B023
        assert found.realtime_url == ""
        names.add(found.session_id)
        meeting.end()
    assert len(names) == 2


def test_run_of_v4_without_session_and_start_is_told_from_the_next(v4):
    v4.v4_names_sessions = False
    answer, empty = v4.answer, Answer.json({"conference_sessions": []})
    v4.answer = lambda asked: empty if asked.path.endswith("/sessions") else answer(asked)
    server = auto(v4)
    v4.add_conference("Meeting", conference_id="77")
    [first] = get_running_conferences(server)
    assert (first.start, first.has_session_id) == ("", False)
    assert get_running_conferences(server)[0].session_id == first.session_id
    assert stop_conference(server, first) == STOPPED
    v4.add_conference("Meeting", conference_id="77")
    assert get_running_conferences(server)[0].session_id != first.session_id


def test_forgotten_conferences_of_v4_have_their_reasons(v4):
    for title, people in {
        "empty": (),
        "owner_alone": ("anna",),
        "no_leader": ("boris", "clara"),
        "led": ("boris", "clara"),
        "leader_alone": ("boris",),
    }.items():
        meeting = v4.add_conference(title, owner="anna", people=people, age_s=2 * HOUR_S)
        if title in ("led", "leader_alone"):
            meeting.set_role("boris", 2)
    v4.add_conference("young", people=(), age_s=60)
    found = find_forgotten(auto(v4), 60)
    assert {one.conference.title: one.reason for one in found} == {
        reason: reason for reason in ("empty", "owner_alone", "no_leader", "leader_alone")
    }


@pytest.mark.parametrize("answer", ["state", "empty"])
def test_conference_of_v4_is_stopped(v4, answer):
    v4.stop_answer = answer
    v4.add_conference("Meeting", conference_id="77")
    server = auto(v4)
    conference = find_running(server, lambda conference: conference.title == "Meeting")
    assert stop_conference(server, conference) == STOPPED
    assert v4.stops == ["77"]
    v4.stop_again = 404
    assert stop_conference(server, conference) == ALREADY_OVER


def test_overview_of_v4(v4):
    v4.add_conference("Meeting")
    [overview] = get_overviews([auto(v4)])
    assert (overview.conferences, overview.online) == (1, 8)


def test_missing_permission_of_v4_is_named_as_v4_names_it(v4):
    for permission in V4_SCOPES:
        v4.scopes = tuple(set(V4_SCOPES) - {permission})
        v4.umbrellas = {}
        v4.add_conference("Meeting", people=(), age_s=HOUR_S)
        found = try_permissions(auto(v4))
        assert set(found) == set(V4_SCOPES)
        wrong = {name: error for name, error in found.items() if error}
        assert list(wrong) == [permission]
        assert isinstance(wrong[permission], PermissionMissing)
        assert wrong[permission].details == {"permission": permission}


def test_rejected_token_of_v4_is_renewed_once(v4):
    server = auto(v4)
    get_online(server)
    v4.expire_tokens()
    v4.clear_requests()
    get_online(server)
    assert [one.path for one in v4.requests] == [
        "/api/v4/users",
        "/oauth2/v1/token",
        "/api/v4/users",
    ]


def test_token_comes_from_v4_where_the_older_address_is_missing(v4):
    v4.missing_paths = {"oauth2/v1/token"}
    get_online(auto(v4))
    paths = [one.path for one in v4.requests]
    assert paths[:2] == ["/oauth2/v1/token", "/api/v4/oauth2/token"]


# ---------------------------------------------------------------- the log and the list of v3


@pytest.mark.parametrize("order", ["nulls_first", "nulls_last", "unsorted"])
def test_conferences_are_found_in_whatever_order_the_log_has_its_rows(new_server, order):
    simulator = new_server()
    simulator.rows_order = order
    simulator.add_ended_conferences(20)
    for number in range(5):
        simulator.add_conference(f"Meeting {number}", age_s=600 + number)
        simulator.add_ended_conferences(20)
    server = server_for(simulator)
    for _ in range(2):
        found = get_running_conferences(server)
        assert sorted(one.title for one in found) == [f"Meeting {number}" for number in range(5)]
        assert all(one.age_s and one.session_id and one.is_listed for one in found)


def test_order_of_the_log_is_learnt_once(new_server):
    simulator = new_server()
    simulator.rows_order = "nulls_last"
    simulator.add_conference("Meeting")
    simulator.add_conference("Call without an ID", conference_id="")
    server = server_for(simulator)
    get_running_conferences(server)
    simulator.clear_requests()
    assert len(get_running_conferences(server)) == 2
    assert len(api_requests(simulator)) == 2


def titles(server):
    return sorted(conference.title for conference in get_running_conferences(server))


def test_order_of_the_log_that_does_not_help_is_not_remembered(new_server):
    """One conference is in the list alone, so the other order is tried and is of no use."""
    simulator = new_server()
    simulator.add_ended_conferences(3)
    simulator.add_conference("Call without an ID", conference_id="")
    simulator.add_conference("Only in the list", logged=False)
    server = server_for(simulator)
    for simulator.rows_order in ("nulls_first", "unsorted"):
        for _ in range(2):
            assert "Only in the list" in titles(server)
            assert not server.learnt.is_log_ascending
    simulator.rows_order = "nulls_first"
    assert titles(server) == ["Call without an ID", "Only in the list"]


def test_order_of_the_log_that_no_longer_helps_is_dropped(new_server):
    simulator = new_server()
    simulator.add_ended_conferences(3)
    simulator.add_conference("Call without an ID", conference_id="")
    simulator.add_conference("Meeting")
    server = server_for(simulator)
    for simulator.rows_order in ("nulls_last", "nulls_first", "nulls_last"):
        for _ in range(2):
            assert titles(server) == ["Call without an ID", "Meeting"]
        assert server.learnt.is_log_ascending == (simulator.rows_order == "nulls_last")


def test_order_of_the_log_that_one_thread_tries_is_not_another_ones(new_server):
    """While somebody's question tries the other order, another question is asked whole."""
    simulator = new_server()
    simulator.add_ended_conferences(3)
    simulator.add_conference("Call without an ID", conference_id="")
    only_listed = simulator.add_conference("Only in the list", logged=False)
    server = server_for(simulator)
    tries, goes_on, answer = threading.Event(), threading.Event(), simulator.answer

    def hold_back_the_other_order(request):
        if request.query.get("sort_order") == "0":
            tries.set()
            goes_on.wait(20)
        return answer(request)

    simulator.answer = hold_back_the_other_order
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(titles, server)
        assert tries.wait(20)
        only_listed.listed = False
        assert titles(server) == ["Call without an ID"]
        goes_on.set()
        assert "Call without an ID" in first.result()


def test_runs_of_one_conference_without_a_name_have_no_name_in_common(new_server):
    """Of the list of v3 alone: nothing tells its runs apart but that it was gone in between."""
    simulator = new_server()
    server = server_for(simulator)
    names = set()
    for title in ("A", "B", "A", "A"):
        meeting = simulator.add_conference(title, logged=False, conference_id=f"id {title}")
        [found] = get_running_conferences(server)
        assert not found.has_session_id
        assert find_running(server, lambda run: run.session_id == found.session_id)  # noqa: B023
        names.add(found.session_id)
        meeting.end()
        get_running_conferences(server)
    assert len(names) == 4
    simulator.add_conference("A", logged=False, conference_id="id A")
    [found] = get_running_conferences(server)
    assert stop_conference(server, found) == STOPPED
    simulator.add_conference("A", logged=False, conference_id="id A")  # at once
    assert get_running_conferences(server)[0].session_id not in {found.session_id, *names}


def test_row_of_the_log_without_a_session_is_named_by_its_start(new_server):
    simulator = new_server()
    server = server_for(simulator)
    names = set()
    for age_s in (7200, 3600, 60):
        meeting = simulator.add_conference("Meeting", conference_id="77", age_s=age_s)
        meeting.fields["conference_id"] = None
        [found] = get_running_conferences(server)
        assert found.session_id == get_running_conferences(server)[0].session_id
        assert find_running(server, lambda run: run.session_id == found.session_id)  # noqa: B023
        assert (found.id, found.realtime_url) == ("77", "")
        names.add(found.session_id)
        meeting.end()
    assert len(names) == 3


def test_people_of_a_run_without_a_name_are_not_asked_for_by_a_wrong_one(new_server):
    simulator = new_server()
    simulator.add_conference("Only in the list", logged=False)
    server = server_for(simulator)
    [found] = get_running_conferences(server)
    simulator.clear_requests()
    with pytest.raises(NotFound):
        get_people(server, found)
    assert api_requests(simulator) == []


def test_conference_that_only_the_list_has_is_shown(new_server):
    simulator = new_server()
    meeting = simulator.add_conference("Only in the list", conference_id="77")
    meeting.replaced_row = None  # its row of the log cannot be read
    [found] = get_running_conferences(server_for(simulator))
    assert (found.title, found.id, found.age_s) == ("Only in the list", "77", None)
    assert found.realtime_url == ""
    assert find_forgotten(server_for(simulator), 60)[0].reason == "age_unknown"
    simulator.names_sessions = True
    [found] = get_running_conferences(server_for(simulator))
    assert found.session_id == meeting.session_id


def test_conference_that_only_the_log_has_is_shown_and_never_forgotten(new_server):
    simulator = new_server()
    simulator.add_conference("Left open by a crash", listed=False, people=(), age_s=HOUR_S * 9)
    server = server_for(simulator)
    [found] = get_running_conferences(server)
    assert (found.title, found.is_listed) == ("Left open by a crash", False)
    assert find_forgotten(server, 60) == []


def test_one_request_finds_a_conference_that_the_log_has(new_server):
    simulator = new_server()
    simulator.add_conference("Meeting")
    server = server_for(simulator)
    assert find_running(server, lambda conference: conference.title == "Meeting")
    assert api_requests(simulator) == ["GET /api/v3.3/logs/calls"]
    assert find_running(server, lambda conference: conference.title == "Another") is None


def test_unknown_zone_is_remembered_and_logged_once(new_server, caplog):
    simulator = new_server()
    simulator.timezone, simulator.live_duration = "Nowhere/Unknown", False
    simulator.add_conference("Meeting", age_s=5400)
    server = server_for(simulator)
    for _ in range(3):
        assert get_running_conferences(server)[0].age_s is None
    assert server.learnt.unknown_zone == "Nowhere/Unknown"
    assert caplog.text.count("Nowhere/Unknown") == 1
    assert trueconf_api.find_forgotten(server, 60)[0].reason == "age_unknown"
