"""The simulated TrueConf Server behaves as the real one is known to, and fails as it is told to."""

import functools
import gzip
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from demo.trueconf.server import (
    FOUR_SCOPES,
    MISSING,
    RECORDS_SCOPE_V3,
    RECORDS_SCOPE_V4,
    V4_SCOPES,
    Certificate,
    Person,
    TrueConfServer,
)
from tests.conftest import wait_until

PATIENCE_S = 30  # for what must happen
IMPATIENCE_S = 0.2  # for what must not happen
SESSIONS_SCOPE = "conferences.sessions.participants:read"


class Client:
    """A client with an access token and open connections, as the bot is one."""

    def __init__(self, server, token=True):
        self.server = server
        self.session = requests.Session()
        self.session.trust_env = False
        if token:
            self.session.headers["Authorization"] = f"Bearer {self.new_token()}"

    def ask(self, path, method="GET", timeout=PATIENCE_S, **options):
        base = f"http://127.0.0.1:{self.server.status_port}"
        if not path.startswith("vsstatus"):
            address = self.server.address
            base = address if address.startswith("http") else f"https://{address}"
        return self.session.request(
            method,
            f"{base}/{path}",
            timeout=timeout,
            verify=self.server.ca_file,
            allow_redirects=False,
            **options,
        )

    def get(self, path, **query):
        return self.ask(f"api/v3.3/{path}", params=query)

    def post(self, path):
        return self.ask(f"api/v3.3/{path}", "POST")

    def log_in(self, send_as="data", **changes):
        fields = {
            "grant_type": "client_credentials",
            "client_id": self.server.client_id,
            "client_secret": self.server.client_secret,
        }
        return self.ask("oauth2/v1/token", "POST", **{send_as: {**fields, **changes}})

    def new_token(self):
        return self.log_in().json()["access_token"]


@contextmanager
def running(**options):
    with TrueConfServer(**options) as server:
        client = Client(server)
        with client.session:
            yield server, client


@pytest.fixture
def server():
    with TrueConfServer() as server:
        yield server


@pytest.fixture
def client(server):
    client = Client(server)
    with client.session:
        yield client


def reason(response):
    error = response.json()["error"]
    assert error["code"] == response.status_code
    return error["errors"][0]["reason"]


def version_client(version):
    """Return a function that asks GET paths of another version than v3.3."""

    def get(client, path, **query):
        return client.ask(f"api/{version}/{path}", params=query)

    return get


def log_path(conference, rest=""):
    return f"logs/calls/{quote(conference.session_id, safe='')}{rest}"


# --- Tokens and permissions --------------------------------------------------------------------


def test_token_is_given_for_form_and_json(client):
    for send_as in ("data", "json"):
        answer = client.log_in(send_as).json()
        assert re.fullmatch("[0-9a-f]{40}", answer.pop("access_token"))
        scope = " ".join(FOUR_SCOPES)
        assert answer == {"expires_in": 3600, "token_type": "Bearer", "scope": scope}


def test_older_token_stays_valid_until_it_expires(server, client):
    client.new_token()
    assert client.get("users").status_code == 200
    server.pass_time(3599)
    assert client.get("users").status_code == 200
    server.pass_time(2)
    assert reason(client.get("users")) == "accessTokenInvalid"


SHAPES_OF_A_REFUSAL = [
    ("rfc6749", 400, {"error": "invalid_client"}),
    ("envelope", 401, {"error": {"code": 401}}),
    ("flat", 400, {"reason": "InvalidCredentials"}),
]


def test_wrong_secret_is_refused_in_three_shapes(server, client):
    for shape, status, body in SHAPES_OF_A_REFUSAL:
        server.secret_error = shape
        response = client.log_in(client_secret="wrong")
        assert response.status_code == status, shape
        for key, value in body.items():
            found = response.json()[key]
            assert found == value or found["code"] == value["code"], shape


def test_expired_tokens_are_refused_with_403_or_401(server, client):
    server.expire_tokens()
    assert reason(client.get("users")) == "accessTokenInvalid"
    server.rejected_token_status = 401
    assert client.get("users").status_code == 401


def test_token_may_stand_in_the_header_or_the_query(server, client):
    token = client.session.headers.pop("Authorization").split()[1]
    assert client.get("users", access_token=token).status_code == 200
    server.accepts_query = False
    assert client.get("users", access_token=token).status_code == 403
    client.session.headers["Authorization"] = f"Bearer {token}"
    assert client.get("users").status_code == 200
    server.accepts_header = False
    assert client.get("users").status_code == 403


PERMISSION_OF_A_PATH = [
    ("users", "users:read"),
    ("logs/calls", "logs.calls:read"),
    ("logs/calls/{session}", "logs.calls:read"),
    ("logs/calls/{session}/participants", "logs.calls.participants:read"),
    ("conferences", "conferences"),
    ("conferences/{id}", "conferences:read"),
    ("conferences/{id}/participants", "conferences.participants:read"),
    ("conference-sessions/{session}/participants", SESSIONS_SCOPE),
]


def test_each_path_needs_its_permission(server, client):
    conference = server.add_conference("Talk")
    names = {"id": conference.id, "session": quote(conference.session_id, safe="")}
    for path, scope in PERMISSION_OF_A_PATH:
        for server.scopes, status in (((scope,), 200), (("groups",), 403)):
            client.session.headers["Authorization"] = f"Bearer {client.new_token()}"
            response = client.get(path.format(**names))
            assert response.status_code == status, path
        assert reason(response) == "forbidden"


def test_permission_to_read_conferences_is_not_enough_to_stop_one():
    with running(scopes=["conferences:read"]) as (server, client):
        conference = server.add_conference("Talk")
        assert reason(client.post(f"conferences/{conference.id}/stop")) == "forbidden"
        assert conference.is_running


# --- The call log ------------------------------------------------------------------------------


def test_running_conference_is_in_the_log_with_all_fields(server, client):
    conference = server.add_conference("Weekly <planning>", age_s=600, conference_id="4821907733")
    server.pass_time(100)
    row = client.get("logs/calls").json()["list"][0]
    assert row.pop("start_time").keys() == {"date", "timezone_type", "timezone"}
    assert 700 <= row.pop("duration") < 800
    assert row == {
        "conference_id": conference.session_id,
        "named_conf_id": "4821907733",
        "topic": "Weekly <planning>",
        "class": 10,
        "type": 5,
        "subtype": 0,
        "owner": "anna@video.example.org",
        "participant_count": 2,
        "end_time": None,
    }
    assert client.get(log_path(conference)).json()["topic"] == "Weekly <planning>"


def test_descending_on_end_time_puts_running_calls_first_on_the_first_pages(server, client):
    server.add_ended_conferences(30)
    server.add_conference("Now")
    query = {"sort_field": "end_time", "sort_order": 1, "page_size": 10}
    pages = [client.get("logs/calls", page_id=page, **query).json() for page in (1, 2, 3, 4, 5)]
    assert [page["cnt"] for page in pages] == [31] * 5
    assert [len(page["list"]) for page in pages] == [10, 10, 10, 1, 0]
    rows = [row for page in pages for row in page["list"]]
    assert (
        [row["topic"] for row in rows if row["end_time"] is None] == [rows[0]["topic"]] == ["Now"]
    )
    ends = [row["end_time"]["date"] for row in rows[1:]]
    assert ends == sorted(ends, reverse=True)


def test_rows_of_the_log_can_come_in_any_order_and_lack_what_the_list_has(server, client):
    server.add_conference("Running")
    server.add_conference("Over", age_s=7200).end()
    server.add_conference("Listed alone", logged=False)
    server.add_conference("Logged alone", listed=False)

    def topics(path, rows, **query):
        return [row["topic"] for row in client.get(path, **query).json()[rows]]

    query = {"sort_field": "end_time", "sort_order": 1}
    for order, place in (("nulls_first", 2), ("nulls_last", 0), ("unsorted", 1)):
        server.rows_order = order
        assert topics("logs/calls", "list", **query).index("Over") == place
    listed = topics("conferences", "conferences", state="running")
    assert listed == ["Running", "Listed alone"]
    assert "session_id" not in client.get("conferences").json()["conferences"][0]
    server.names_sessions = True
    rows = client.get("conferences").json()["conferences"]
    session = quote(rows[2]["session_id"], safe="")
    assert client.get(f"logs/calls/{session}/participants").status_code == 404


BAD_PARAMETERS = [
    {"page_size": 1001},
    {"page_size": 0},
    {"page_id": 0},
    {"page_id": "x"},
    {"sort_field": "no"},
    {"sort_order": "desc"},
]


def test_bad_parameters_are_refused(client):
    for query in BAD_PARAMETERS:
        assert client.get("logs/calls", **query).status_code == 400, query


def test_fields_of_a_row_can_be_odd_or_missing(server, client):
    server.add_conference("A", topic=None, start_time=None, duration=-5, odd={"new": 1})
    server.add_conference("B", duration=MISSING)
    server.add_conference("C", owner=None, conference_id="").replaced_row = "nonsense"
    first, second, third = client.get("logs/calls").json()["list"]
    assert (first["topic"], first["start_time"], first["duration"]) == (None, None, -5)
    assert first["odd"] == {"new": 1}
    assert "duration" not in second
    assert third == "nonsense"


ZONES = [
    ("UTC", 3, "09"),
    ("Europe/Moscow", 3, "12"),
    ("+03:00", 1, "12"),
    ("MSK", 2, "12"),
    ("Nowhere/Unknown", 3, "14"),
]


def test_dates_are_written_in_the_zone_of_the_server(server, client):
    conference = server.add_conference("Talk")
    conference.started_at = 1741078812.5
    for zone, kind, hour in ZONES:
        server.timezone = zone
        start_time = client.get(log_path(conference)).json()["start_time"]
        assert (start_time["timezone_type"], start_time["timezone"]) == (kind, zone)
        assert re.fullmatch(rf"2025-03-04 {hour}:\d\d:12\.500000", start_time["date"])


def test_participants_who_left_stay_as_rows_and_reconnecting_adds_one(server, client):
    conference = server.add_conference("Talk", people=("anna", Person("#guest:1@example", "Guest")))
    conference.leave("anna")
    conference.join("anna")
    rows = client.get(log_path(conference, "/participants")).json()
    present = [row["call_id"] for row in rows["list"] if row["leave_time"] is None]
    assert rows["cnt"] == 3
    assert sorted(present) == ["#guest:1@example", "anna@video.example.org"]
    assert [person.id for person in conference.people] == ["#guest:1@example", "anna"]
    conference.everybody_leaves()
    rows = client.get(log_path(conference, "/participants"), page_size=2, page_id=2).json()
    assert (rows["cnt"], len(rows["list"])) == (3, 1)
    assert rows["list"][0]["leave_time"]
    assert conference.is_running


def test_call_ids_can_carry_a_device_and_other_letter_case(server, client):
    server.device_suffix = True
    conference = server.add_conference("Talk", people=("anna",))
    path = log_path(conference, "/participants")
    assert re.fullmatch(
        "anna@video.example.org/[0-9A-F]{4}", client.get(path).json()["list"][0]["call_id"]
    )
    server.odd_letter_case = True
    assert client.get(path).json()["list"][0]["call_id"].startswith("ANNA@VIDEO.EXAMPLE.ORG/")


def test_many_rows_with_titles_of_any_characters_arrive_unchanged(server, client):
    title = ("<b>&\"'😀" * 40)[:240]
    ids = [f"{number:03}" + "x/#@ %" * 20 + "yyyyy" for number in range(60)]
    for each in ids:
        server.add_conference(title, conference_id=each)
    rows = client.get("logs/calls", page_size=500).json()["list"]
    assert [row["named_conf_id"] for row in rows] == ids
    assert {row["topic"] for row in rows} == {title}
    assert client.post(f"conferences/{quote(ids[7], safe='')}/stop").status_code == 200
    assert server.stops == [ids[7]]


# --- API v4 ------------------------------------------------------------------------------------


@pytest.fixture
def v4():
    """A server that speaks v4 and v4.1 alone, and a client that asks v4."""
    with running(scopes=V4_SCOPES) as (server, client):
        server.api_versions = {"v4", "v4.1"}
        client.get = functools.partial(version_client("v4"), client)
        yield server, client


def test_v4_lists_what_runs_in_pages_with_the_true_starts_elsewhere(v4):
    server, client = v4
    for number in range(3):
        server.add_conference(f"Talk {number}", age_s=600)
    ad_hoc = server.add_conference(None, owner=None, age_s=60)
    server.add_conference("Over").end()
    query = {"state": "running", "page_size": 3, "page_id": 2}
    pages = [client.get("conferences", page=page, **query).json() for page in (1, 2, 3)]
    assert [page["results"] for page in pages] == [4, 4, 4]
    assert [len(page["conferences"]) for page in pages] == [3, 1, 0]
    row = pages[1]["conferences"][0]
    assert (row["id"], row["topic"], row["owner"]) == (ad_hoc.id, None, None)
    assert (row["state"], row["session_id"]) == ("running", ad_hoc.session_id)
    assert row["schedule"]["type"] == "none"
    starts = client.get("sessions").json()["conference_sessions"]
    assert [each["conference_id"] for each in starts][3] == ad_hoc.id
    assert starts[3]["start_time"] == int(ad_hoc.started_at)
    server.v4_times = "iso"
    start = client.get("sessions").json()["conference_sessions"][3]["start_time"]
    assert datetime.fromisoformat(start).timestamp() == int(ad_hoc.started_at)
    server.pass_time(1000)
    later = client.get("sessions").json()["conference_sessions"][3]["start_time"]
    assert datetime.fromisoformat(later).timestamp() == int(ad_hoc.started_at) - 1000
    server.results_count = "page"
    assert client.get("conferences", page=2, **query).json()["results"] == 1


def test_v4_tells_who_is_in_a_conference_and_who_owns_it(v4):
    server, client = v4
    guest = Person("#guest:1", "A guest")
    conference = server.add_conference("Talk", owner="boris", people=("anna", "boris", guest))
    conference.leave("anna")
    path = f"conferences/{conference.id}"
    everybody = client.get(f"{path}/participants").json()
    assert [each["leave_time"] is None for each in everybody["list"]] == [False, True, True]
    query = {"is_in_conf": "true", "page_size": 1}
    first, second = (
        client.get(f"{path}/participants", page=page, **query).json() for page in (1, 2)
    )
    assert (everybody["cnt"], first["cnt"], second["cnt"]) == (3, 2, 2)
    assert (first["list"][0]["call_id"], first["list"][0]["flag"]) == ("boris@video.example.org", 2)
    assert (second["list"][0]["id"], second["list"][0]["flag"]) == ("#guest:1", 1)
    assert client.get(f"{path}/owner").json()["owner"] == {
        "id": "boris",
        "uid": "boris@video.example.org",
        "display_name": "Boris Ivanov",
        "is_active": True,
        "status": 5,
    }


def v4_client(server):
    client = Client(server)
    client.get = functools.partial(version_client("v4"), client)
    return client


def test_v4_calls_people_by_a_number_and_guests_as_they_are(v4):
    server, client = v4
    stranger = Person("olga@partner.example.org", "Olga")
    conference = server.add_conference("Talk", people=("anna", "boris", stranger, "#guest:1"))
    server.v4_names_participants = False
    rows = client.get(f"conferences/{conference.id}/participants").json()["list"]
    assert [row["id"].isdigit() for row in rows] == [True, True, True, False]
    assert len({row["id"] for row in rows}) == 4
    assert not any("call_id" in row for row in rows)


def test_v4_can_list_the_sessions_that_have_ended(v4):
    server, client = v4
    for age_s in (7200, 3600):
        server.add_conference("Daily", conference_id="7", age_s=age_s).end()
    running = server.add_conference("Daily", conference_id="7", age_s=60)

    def starts(**query):
        rows = client.get("sessions", **query).json()["conference_sessions"]
        return [server.now() - row["start_time"] for row in rows]

    assert len(starts()) == 1
    for server.v4_sessions, is_falling in (("oldest_first", True), ("newest_first", False)):
        found = starts()
        assert len(found) == 3
        assert found == sorted(found, reverse=is_falling)
        assert len(starts(page=2, page_size=2)) == 1
    server.v4_sessions_have_ids = server.v4_sessions_total = True
    answer = client.get("sessions", page=1, page_size=1).json()
    assert answer["cnt"] == 3
    assert answer["conference_sessions"][0]["id"] == running.session_id
    server.v4_names_sessions = False
    rows = client.get("conferences", state="running").json()["conferences"]
    assert rows[0]["session_id"] is None


def test_v4_lists_recordings_and_says_which_goes_on(new_server):
    server = new_server(scopes=(*V4_SCOPES, RECORDS_SCOPE_V4))
    client = v4_client(server)
    conference = server.add_conference("Talk")
    path = f"conferences/{conference.id}/recordings"
    assert client.get(path).json() == {"cnt": 0, "list": []}
    conference.record()
    conference.stop_recording()
    conference.record()
    answer = client.get(path, page=1, page_size=10).json()
    assert [row["stopped_at"] is None for row in answer["list"]] == [False, True]
    assert (answer["cnt"], answer["list"][0]["conference_id"]) == (2, conference.id)
    server.scopes = V4_SCOPES
    client = v4_client(server)
    assert reason(client.get(path)) == "forbidden"


def test_v3_lists_what_was_recorded_and_not_what_is(new_server):
    server = new_server(scopes=(*FOUR_SCOPES, RECORDS_SCOPE_V3))
    client = Client(server)
    conference = server.add_conference("Talk")
    path = f"conferences/{conference.id}/records"
    conference.record()
    assert client.get(path).json() == {"records": []}
    conference.end()
    [row] = client.get(path).json()["records"]
    assert set(row) == {"name", "size", "created", "download_url"}
    assert isinstance(row["size"], str)


def test_conference_tells_what_was_planned_and_how_many_it_may_have(new_server):
    server = new_server(scopes=(*FOUR_SCOPES, *V4_SCOPES))
    conference = server.add_conference("Talk")
    conference.planned_s, conference.max_people = 5400, 12
    server.add_conference("Room").planned_s = None
    talk, room = Client(server).get("conferences").json()["conferences"]
    assert (talk["schedule"]["duration"], talk["max_participants"]) == (5400, 12)
    assert room["schedule"] == {"type": -1}
    v4 = v4_client(server)
    talk, room = v4.get("conferences").json()["conferences"]
    assert (talk["schedule"]["duration"], room["schedule"]["type"]) == (5400, "none")
    assert "max_participants" not in talk
    single = v4.get(f"conferences/{conference.id}").json()["conference"]
    assert single["max_participants"] == 12


def test_page_that_is_too_large_is_refused_or_made_smaller(server, client):
    for number in range(9):
        server.add_conference(f"Talk {number}")
    server.max_page_size = 4
    assert client.get("conferences", page_size=5).status_code == 400
    server.shrinks_pages = True
    answer = client.get("conferences", page_size=500).json()
    assert (answer["cnt"], len(answer["conferences"])) == (9, 4)


def test_v4_stops_a_conference_with_200_or_204(v4):
    server, client = v4
    first, second = server.add_conference("One"), server.add_conference("Two")
    path = "api/v4.1/conferences/{}/stop"
    assert client.ask(path.format(first.id), "POST").json() == {"state": "stopped"}
    server.stop_answer = "empty"
    response = client.ask(path.format(second.id), "POST")
    assert (response.status_code, response.content) == (204, b"")
    assert server.stops == [first.id, second.id]
    assert client.get(f"conferences/{first.id}").json()["conference"]["state"] == "stopped"


def test_v4_pages_its_users_in_either_way(v4):
    server, client = v4
    server.people = [Person(f"user{number}") for number in range(45)]
    pages = [client.get("users", page=page).json()["users"] for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [20, 20, 5, 0]
    assert pages[0][0]["is_active"] is True
    server.v4_users_paging = "next_page_id"
    for name in ("page", "page_id"):
        answers = [client.get("users", **{name: number}).json() for number in (1, 2, 3)]
        assert [each["next_page_id"] for each in answers] == [2, 3, -1]
    assert "results" not in answers[0]


def test_v4_refuses_in_its_own_way(v4):
    server, client = v4
    missing = client.get("conferences/1")
    assert (missing.status_code, reason(missing)) == (404, "conferenceNotFound")
    assert re.fullmatch("[0-9a-f]{32}", missing.json()["error"]["trace_id"])
    server.expire_tokens()
    assert client.get("users").status_code == 401
    for scope, path in (
        ("conferences:read", "conferences"),
        ("conferences.participants:read", "conferences/1/participants"),
        ("conferences.sessions:read", "sessions"),
        ("users:read", "users"),
    ):
        server.scopes = tuple(set(V4_SCOPES) - {scope})
        client.session.headers["Authorization"] = f"Bearer {client.new_token()}"
        assert reason(client.get(path)) == "forbidden"


def test_each_version_and_each_way_to_a_token_can_be_missing(server, client):
    server.api_versions = {"v3.2"}
    for path in ("api/v3.3/users", "api/v4/users", "api/v4.1/users", "api/v4/server"):
        response = client.ask(path)
        assert (response.status_code, reason(response)) == (404, "routeNotFound")
        assert ("trace_id" in response.json()["error"]) == ("v4" in path)
    assert client.ask("api/v3.2/users").status_code == 200
    server.tells_of_itself_anyway = server.hides_version = True
    assert client.ask("api/v4/server").json()["product"]["version"] is None
    connects = client.ask("api/v4/endpoints/connects").json()["connects"]
    assert connects == [f"127.0.0.1:{server.status_port}"]
    assert client.ask("api/v4/users").status_code == 404
    server.api_versions = {"v4"}
    server.missing_paths = {"oauth2/v1/token"}
    fields = {"grant_type": "client_credentials", "client_id": server.client_id}
    fields["client_secret"] = server.client_secret
    assert client.log_in().status_code == 404
    assert client.ask("api/v4/oauth2/token", "POST", data=fields).status_code == 400
    token = client.ask("api/v4/oauth2/token", "POST", json=fields).json()["access_token"]
    server.missing_paths = {"api/v4/oauth2/token"}
    assert client.ask("api/v4/oauth2/token", "POST", json=fields).status_code == 404
    client.session.headers["Authorization"] = f"Bearer {token}"
    assert client.ask("api/v4/users").status_code == 200


# --- Conferences -------------------------------------------------------------------------------


def test_conferences_are_listed_by_state(server, client):
    running = server.add_conference("Runs")
    server.add_conference("Ended").end()
    server.add_conference("Left by a crash", listed=False)
    server.add_conference("No ID", conference_id="")
    server.add_conference("Two people", conference_class=1)

    def titles(**query):
        answer = client.get("conferences", **query).json()
        assert answer["cnt"] == len(answer["conferences"])
        return [each["topic"] for each in answer["conferences"]]

    assert titles() == ["Runs", "Ended", "Left by a crash"]
    assert titles(state="running") == ["Runs"]
    assert titles(state="stopped") == ["Ended", "Left by a crash"]
    assert client.get("conferences", state="odd").status_code == 400
    assert client.get(f"conferences/{running.id}").json()["conference"]["state"] == "running"
    open_rows = [row for row in client.get("logs/calls").json()["list"] if not row["end_time"]]
    assert len(open_rows) == 4


def test_stop_ends_a_conference_once(server, client):
    conference = server.add_conference("Talk")
    response = client.post(f"conferences/{conference.id}/stop/")
    assert (response.status_code, response.json()) == (200, {"state": "stopped"})
    assert not conference.is_running
    assert conference.people == []
    assert client.get(f"conferences/{conference.id}").json()["conference"]["state"] == "stopped"
    assert client.post(f"conferences/{conference.id}/stop").status_code == 200
    assert server.stops == [conference.id]


def test_stop_takes_the_conference_id_only(server, client):
    conference = server.add_conference("Talk")
    response = client.post(f"conferences/{quote(conference.session_id, safe='')}/stop")
    assert (response.status_code, reason(response)) == (404, "conferenceNotFound")
    assert client.get(f"conferences/{conference.id}/stop").status_code == 404
    assert conference.is_running


def test_stop_answers_in_other_ways_when_told_to(server, client):
    conference = server.add_conference("Talk")
    server.stop_answer = "empty"
    response = client.post(f"conferences/{conference.id}/stop")
    assert (response.status_code, response.content) == (204, b"")
    for status in (404, 400):
        server.stop_again = status
        assert client.post(f"conferences/{conference.id}/stop").status_code == status


def test_stop_can_take_effect_later_or_never(server, client):
    conference = server.add_conference("Talk")
    server.stop_delay_s = float("inf")
    assert client.post(f"conferences/{conference.id}/stop").status_code == 200
    server.pass_time(3000)
    assert conference.is_running
    server.stop_delay_s = 60
    assert client.post(f"conferences/{conference.id}/stop").status_code == 200
    assert conference.is_running
    server.pass_time(61)
    assert not conference.is_running
    assert server.stops == [conference.id]


def test_ad_hoc_conference_vanishes_and_run_starts_a_named_one_again(server, client):
    ad_hoc, named = server.add_conference("Ad hoc"), server.add_conference("Named")
    ad_hoc.is_ad_hoc = True
    ad_hoc.end()
    named.end()
    assert client.get(f"conferences/{ad_hoc.id}").status_code == 404
    assert client.post(f"conferences/{named.id}/run").json() == {"state": "running"}
    assert client.get(f"conferences/{named.id}").json()["conference"]["state"] == "running"
    assert server.conferences[-1].session_id != named.session_id


def test_roles_are_told_by_the_session(server):
    with running(scopes=[*FOUR_SCOPES, SESSIONS_SCOPE]) as (server, client):
        conference = server.add_conference("Talk", people=("anna", "boris", "clara"))
        conference.set_role("boris", 3)
        path = f"conference-sessions/{quote(conference.session_id, safe='')}/participants"
        answer = client.get(path).json()
        assert answer["count"] == 3
        assert [each["role"] for each in answer["participants"]] == [2, 3, 1]
        server.sessions_endpoint = False
        assert reason(client.get(path)) == "routeNotFound"


def test_owner_is_marked_among_the_participants_of_a_conference(server):
    with running(scopes=["conferences", "conferences.participants:read"]) as (server, client):
        conference = server.add_conference("Talk", owner="boris")
        members = client.get(f"conferences/{conference.id}/participants").json()["participants"]
        assert {each["id"]: each["is_owner"] for each in members} == {"anna": False, "boris": True}


# --- Users, the server, paths ------------------------------------------------------------------


def test_users_are_paged_by_next_page_id(client, server):
    server.people = [Person(f"user{number}") for number in range(45)]
    server.set_online("user44", 2)
    pages, page_id = [], 1
    while page_id != -1:
        pages.append(client.get("users", page_id=page_id).json())
        page_id = pages[-1]["next_page_id"]
    assert [len(page["users"]) for page in pages] == [20, 20, 5]
    last = pages[-1]["users"][-1]
    assert (last["uid"], last["status"]) == ("user44@video.example.org", 2)
    assert last["is_active"] == 1
    server.users_end = None
    assert client.get("users", page_size=1000).json()["next_page_id"] is None
    server.users_end = "missing"
    assert "next_page_id" not in client.get("users", page_size=1000).json()


def test_people_in_a_conference_are_shown_so(server, client):
    conference = server.add_conference("Talk")
    statuses = {each["id"]: each["status"] for each in client.get("users").json()["users"]}
    assert (statuses["anna"], statuses["clara"]) == (5, 1)
    conference.end()
    assert client.get("users").json()["users"][0]["status"] == 1


def test_server_tells_of_itself_without_a_token(server):
    client = Client(server, token=False)
    with client.session:
        product = client.ask("api/v4/server").json()["product"]
        assert product["display_name"] == "video.example.org"
        assert client.ask("vsstatus").text.startswith("TrueConf Server 5.")
        assert client.ask("vsstatus/other").status_code == 404


def test_unknown_paths_and_versions_are_not_found(client):
    for path in ("", "api", "api/v3.3", "api/v3.3/no", "api/v3.12/users"):
        response = client.ask(path)
        assert (response.status_code, reason(response)) == (404, "routeNotFound"), path


# --- Certificates ------------------------------------------------------------------------------


BAD_CERTIFICATES = [
    ("expired", "expired"),
    ("other_name", "IP address mismatch|doesn't match"),
    ("untrusted", "unable to get local issuer|self.signed|signature"),
    ("self_signed", "unable to get local issuer|self.signed|signature"),
    ("broken_chain", "unable to get local issuer"),
    ("no_name", "IP address mismatch|subjectAltName"),
]


def test_bad_certificates_are_not_accepted():
    for certificate, complaint in BAD_CERTIFICATES:
        with TrueConfServer(certificate=certificate) as server:
            client = Client(server, token=False)
            with client.session, pytest.raises(requests.exceptions.SSLError, match=complaint):
                client.ask("api/v4/server")


def peer_of(certificate, trusted="ca_file", flags=ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST):
    """Return what a client that trusts this file sees of the certificate."""
    with TrueConfServer(certificate=certificate) as server:
        context = ssl.create_default_context(cafile=getattr(server, trusted))
        context.verify_flags = flags
        raw = socket.create_connection(("127.0.0.1", server.web_port), PATIENCE_S)
        with context.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
            return connection.getpeercert()


def test_certificates_can_come_in_a_chain_stand_alone_and_end_soon():
    assert "(middle)" in str(peer_of("chain")["issuer"])
    own = peer_of("self_signed", "certificate_file")
    assert own["issuer"] == own["subject"]
    left_s = ssl.cert_time_to_seconds(peer_of(Certificate(ends_in_days=3))["notAfter"])
    assert 2.9 < (left_s - time.time()) / 86400 < 3.1


def test_certificates_pass_the_strict_check_of_newer_pythons_but_plain_ones():
    strict = ssl.VerifyFlags.VERIFY_X509_STRICT
    assert peer_of("good", flags=strict)
    assert peer_of("chain", flags=strict)
    assert peer_of("plain")
    with pytest.raises(ssl.SSLCertVerificationError, match="Missing"):
        peer_of("plain", flags=strict)


def test_plain_http_works_without_certificates():
    with running(tls=False) as (server, client):
        assert server.ca_file is None
        assert server.address.startswith("http://127.0.0.1:")
        assert server.settings()["ssl_certificate"] is True
        assert client.get("users").status_code == 200


def test_no_file_is_left_behind():
    program = (
        "from demo.trueconf.server import TrueConfServer\n"
        "with TrueConfServer() as server: print(server.ca_file)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    with pytest.raises(FileNotFoundError), open(done.stdout.strip()):
        pass


# --- Being down --------------------------------------------------------------------------------


def test_server_that_is_down_refuses_and_comes_back_on_the_same_ports(server, client):
    ports = server.web_port, server.status_port
    conference = server.add_conference("Talk")
    for go_down, come_back in (
        (server.go_down, server.come_back),
        (server.stop, server.start),
    ):
        go_down()
        assert server.open_connections == 0
        for path in ("api/v4/server", "vsstatus"):
            with pytest.raises(requests.ConnectionError):
                client.ask(path)
        come_back()
        assert (server.web_port, server.status_port) == ports
        assert client.get(log_path(conference)).status_code == 200
        assert client.ask("vsstatus").status_code == 200


def test_each_part_alone_can_be_down(server, client):
    parts = {
        "vsstatus": (server.core_down, server.core_back),
        "api/v4/server": (server.web_down, server.web_back),
    }
    for path, other in (tuple(parts), tuple(parts)[::-1]):
        go_down, come_back = parts[path]
        client.ask(path)
        go_down()
        with pytest.raises(requests.ConnectionError):
            client.ask(path)
        assert client.ask(other).status_code == 200
        come_back()
        assert client.ask(path).status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="works on Linux only")
def test_packets_vanish_in_a_black_hole(server, client):
    server.blackhole()
    with pytest.raises(requests.exceptions.ReadTimeout):
        client.ask("api/v4/server", timeout=IMPATIENCE_S)
    for path in ("api/v4/server", "vsstatus"):
        with pytest.raises(requests.exceptions.ConnectTimeout):
            client.ask(path, timeout=IMPATIENCE_S)
    server.come_back()
    assert client.ask("vsstatus").status_code == 200


def test_stop_ends_all_threads(server):
    threads = threading.active_count()
    with running() as (server, client):
        client.get("users")
        client.ask("vsstatus")
        assert threading.active_count() > threads
    server.stop()
    # A connection that was just ending by itself may need another moment.
    wait_until(lambda: threading.active_count() <= threads, what="the end of all threads")


# --- Faults ------------------------------------------------------------------------------------


def test_server_that_hangs_says_nothing_until_mended(server, client):
    for fault in ("hang", "hang_after_header"):
        server.break_path("users", fault)
        with pytest.raises(requests.exceptions.RequestException, match="timed out"):
            client.ask("api/v3.3/users", timeout=IMPATIENCE_S)
        failed = []
        waiting = threading.Thread(target=lambda results=failed: results.append(failure_of(client)))
        server.clear_requests()
        waiting.start()
        wait_until(lambda: server.requests, what="the request")
        server.mend()
        waiting.join(PATIENCE_S)
        assert len(failed) == 1
        assert client.get("users").status_code == 200


def failure_of(client):
    try:
        return client.get("users").status_code
    except requests.exceptions.RequestException as error:
        return error


def test_connection_can_be_broken(server, client):
    for fault in ("reset", "cut"):
        server.break_path("users", fault, times=1)
        assert isinstance(failure_of(client), requests.exceptions.RequestException)
        assert failure_of(client) == 200


WRONG_BODIES = [
    ("empty", rb""),
    ("html", rb"<html>.*"),
    ("null", rb"null"),
    ("list", rb'\["surprise"\]'),
    ("truncated", rb'\{"cnt": 1, "list": \[.*[^}]'),
    ("strings", rb'\{"cnt": "1", .*"class": "10".*'),
    ("slow", rb'\{"cnt": 1, .*\]\}'),
    ("drip", rb'\{"cnt": 1, .*\]\}'),
    ("endless", rb'\{"cnt": 1000000000, .*'),
]


def test_answer_can_be_wrong_with_status_200(server, client):
    server.add_conference("Talk")
    for fault, body in WRONG_BODIES:
        server.break_path("logs/calls", fault, delay_s=0.01, pause_s=0.0001)
        response = client.get("logs/calls")
        assert response.status_code == 200
        assert re.fullmatch(body, response.content, re.DOTALL), fault
    assert client.get("users").json()["next_page_id"] == -1


def test_paging_of_users_can_be_endless(server, client):
    server.break_path("users", "endless")
    first, other = (client.get("users", page_id=page_id).json() for page_id in (1, 77))
    assert (first.pop("next_page_id"), other.pop("next_page_id")) == (2, 78)
    assert first == other


def test_any_status_can_be_answered_on_either_port(server, client):
    for status in (400, 401, 403, 404, 429, 500, 502):
        server.break_path("", "status", status=status, reason="because")
        assert reason(client.get("users")) == "because"
        server.break_path("", "status", status=status, html=True)
        response = client.get("users")
        assert (response.status_code, response.text[:6]) == (status, "<html>")
        assert client.ask("vsstatus").status_code == 200
    server.break_path("vsstatus", "status", status=500)
    assert client.ask("vsstatus").status_code == 500
    server.mend()
    assert client.ask("vsstatus").status_code == 200


def test_answer_can_drip_for_ever_on_either_port(server):
    drops = {
        "drip_status_line": b"K",
        "drip_header": b"X-Filler: x\r\n",
        "continue": b"HTTP/1.1 100 Continue\r\n\r\n",
        "chunk_drip": b"0",
        "gzip_drip": b"\0\0\0\xff\xff",
    }
    for fault, drop in drops.items():
        server.break_path("vsstatus", fault, pause_s=0.001)
        with socket.create_connection(("127.0.0.1", server.status_port), PATIENCE_S) as raw:
            raw.sendall(b"GET /vsstatus HTTP/1.1\r\nHost: x\r\n\r\n")
            received = b""
            while len(received) < 300:
                received += raw.recv(300)
        assert received.count(drop) >= 5


def test_list_can_be_long_or_large_or_unpack_to_a_giant(server, client):
    server.add_conference("Talk")
    server.break_path("logs/calls", "many_rows")
    answer = client.get("logs/calls").json()
    assert (answer["cnt"], len(answer["list"]), answer["list"][0]) == (100_000, 100_000, {})
    server.break_path("users", "large_rows", size_mb=2, row={"id": None})
    response = client.get("users")
    assert abs(len(response.content) - 2 * 1024 * 1024) < 1000
    assert response.json()["users"][7] == {"id": None}
    server.break_path("v4/server", "nested_gzip", size_mb=3)
    response = client.ask("api/v4/server", stream=True)
    body = response.raw.read(decode_content=False)
    assert len(body) < 10_000
    assert gzip.decompress(gzip.decompress(body)) == b" " * 3 * 1024 * 1024 + b"{}"


def test_fault_meets_its_part_only_and_so_many_times(server, client):
    for part, path in (
        ("participants", "logs/calls/x/participants"),
        ("conferences", "conferences"),
        ("conference-sessions", "conference-sessions/x/participants"),
    ):
        server.break_path(part, "status", times=2, status=502)
        assert client.get("logs/calls").status_code == 200
        statuses = [client.get(path).status_code for _ in range(3)]
        assert statuses[:2] == [502, 502]
        assert statuses[2] != 502


def test_stop_whose_answer_is_lost_has_stopped(server, client):
    conference = server.add_conference("Talk")
    server.break_path("stop", "cut")
    with pytest.raises(requests.exceptions.RequestException):
        client.post(f"conferences/{conference.id}/stop")
    assert not conference.is_running
