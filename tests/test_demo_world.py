"""The simulated world of the demo, without the bot and without a browser."""

import random
import socket
import ssl
import time

import pytest
import requests

import trueconf_api
from demo.words import PAGE, WORLD
from demo.world import PLAN, World
from lib.settings import LANGUAGES
from trueconf_api import Server

HOUR_S = 3600


@pytest.fixture
def world():
    with World("en", chance=random.Random(1)) as world:
        yield world


@pytest.fixture
def ask(world):
    """A function that makes the bot's own Server object for a server of the world."""

    def build(key):
        site = world.sites[key]
        part = world.settings()[site.name]
        return Server(
            name=site.name,
            url=f"https://{part['ip']}",
            client_id=part["client_id"],
            client_secret=part["client_secret"],
            verify=part["ssl_certificate"],
            status_port=part["server_status"]["port"],
        )

    return build


def reasons(server):
    return sorted(one.reason for one in trueconf_api.find_forgotten(server, 60))


def test_every_language_of_the_demo_has_all_words_of_the_page():
    assert set(PAGE) == set(WORLD)  # a language of the bot that is missing here gets English
    assert all(set(words) == set(PAGE["en"]) for words in PAGE.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_a_whole_world(language):
    world = World(language)
    for site in world.sites.values():
        assert len(site.running) == len(PLAN[site.key])
        ids = [person.id for person in site.server.people]
        assert len(set(ids)) == len(ids)
        assert all(person_id.isascii() for person_id in ids)
        assert site.free_people()


def test_two_conferences_are_forgotten_from_the_start(ask):
    assert reasons(ask("office")) == ["empty", "owner_alone"]
    assert reasons(ask("branch")) == reasons(ask("training")) == []


def test_an_hour_later_more_are_forgotten(world, ask):
    world.pass_hour()
    assert reasons(ask("office")) == ["empty", "no_leader", "owner_alone"]
    assert reasons(ask("branch")) == ["owner_alone"]


def test_what_everybody_left_is_forgotten_an_hour_later(world, ask):
    assert world.everybody_leaves("training") == 2
    world.pass_hour()
    assert reasons(ask("training")) == ["empty", "empty"]


def test_a_conference_starts_with_its_owner_and_others(world, ask):
    conference = world.start_conference("branch")
    assert conference.owner in [person.id for person in conference.people]
    running = trueconf_api.get_running_conferences(ask("branch"))
    found = next(one for one in running if one.title == conference.title)
    assert found.participant_count == len(conference.people) >= 3


def test_one_server_speaks_v4_alone_and_shows_all_the_others_do(ask):
    training, office = ask("training"), ask("office")
    running = trueconf_api.get_running_conferences(training)
    assert [one.title for one in running] == ["Webinar: first steps", "Exam consultation"]
    assert trueconf_api.get_people(training, running[0]).has_owner
    assert trueconf_api.get_online(training).in_conference == 8
    assert trueconf_api.stop_conference(training, running[0]) == trueconf_api.STOPPED
    trueconf_api.get_online(office)
    assert (training.version, office.version) == ("v4", "v3.3")


def page_of(server, title):
    return trueconf_api.get_conference_page(server, lambda conference: conference.title == title)


def test_one_conference_is_recorded_and_has_sixty_people(ask):
    page = page_of(ask("training"), "Webinar: first steps")
    assert page.people.count == 60
    names = [participant.name for participant in page.people.participants]
    assert len(set(names)) == 60
    assert (page.people.has_owner, page.conference.max_people) == (True, 100)
    assert (page.conference.planned_s, page.recording.is_running) == (90 * 60, True)


def test_one_conference_has_guests(ask):
    page = page_of(ask("office"), "Customer call: Northwind")
    assert (page.people.count, page.people.guest_count) == (6, 3)
    assert (page.conference.planned_s, page.recording) == (3600, None)


def test_the_links_of_a_conference_open_a_page(ask):
    office = ask("office")
    running = trueconf_api.get_running_conferences(office)
    conference = next(one for one in running if "&" in one.title)
    with requests.Session() as session:
        session.trust_env = False
        for url in (conference.page_url, conference.realtime_url):
            page = session.get(url, timeout=10, verify=office.verify)
            assert page.status_code == 200
            assert "Sales: pipeline &amp; forecast" in page.text


def test_conferences_can_start_again_and_again(world):
    for _ in range(20):
        world.start_conference("branch")
    assert len(world.sites["branch"].running) == 22


def answers(port):
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_the_service_and_the_web_part_stop_and_start_each_for_itself(world):
    branch, seen = world.sites["branch"], []
    steps = ("stop_service", "stop_web", "start_service", "take_down", "start_web", "bring_up")
    for step in steps:
        getattr(world, step)("branch")
        parts = answers(branch.server.status_port), answers(branch.server.web_port)
        seen.append((world.overview()[1]["state"], *parts))
    assert seen == [
        ("service_down", False, True),
        ("down", False, False),
        ("web_down", True, False),
        ("down", False, False),
        ("service_down", False, True),
        ("up", True, True),
    ]


def test_people_come_and_go_but_nothing_is_forgotten_by_that(world, ask):
    before = [each["online"] for each in world.overview()]
    stays = sum(len(each.stays) for each in world.sites["office"].running)
    for _ in range(300):
        world.let_something_happen()
    assert [each["online"] for each in world.overview()] != before
    assert sum(len(each.stays) for each in world.sites["office"].running) > stays
    assert reasons(ask("office")) == ["empty", "owner_alone"]
    world.pass_hour()
    assert reasons(ask("training")) == []


def test_how_many_have_joined_never_falls(world, ask):
    def joined():
        running = trueconf_api.get_running_conferences(ask("office"))
        return {one.session_id: one.participant_count for one in running}

    before = joined()
    for _ in range(200):
        world.let_something_happen()
    world.everybody_leaves("office")
    after = joined()
    assert after.keys() == before.keys()
    assert all(after[one] >= before[one] for one in before)
    assert sum(after.values()) > sum(before.values())


def test_the_next_day_the_meetings_begin_anew_and_what_was_forgotten_runs_on(world, ask):
    def runs(key):
        return {one.title: one for one in trueconf_api.get_running_conferences(ask(key))}

    before = {key: runs(key) for key in world.sites}
    world.start_conference("branch")
    world.stop_service("training")
    world.pass_day()
    for key in ("office", "branch"):
        plans = {title: plan for plan, title in world.sites[key].plans}
        after = runs(key)
        assert after.keys() == before[key].keys() == plans.keys()
        for title, one in after.items():
            is_new = one.session_id != before[key][title].session_id
            assert is_new == plans[title].is_lively
            assert (one.age_s < 86400) == is_new
    assert reasons(ask("office")) == ["empty", "no_leader", "owner_alone"]
    assert not world.sites["training"].running  # its service does not run
    world.start_service("training")
    world.pass_day()
    assert runs("training").keys() == before["training"].keys()


def test_stopped_servers_free_their_ports(world):
    port = world.sites["office"].server.web_port
    world.stop()
    with World("en") as other:
        assert other.sites["office"].server.web_port
    world.start()
    assert world.sites["office"].server.web_port == port


def test_the_two_that_are_forgotten_already_are_told_of_a_little_later(world):
    parts = list(world.settings().values())
    reported = [part["forgotten_conferences"]["reported"] for part in parts]
    forgotten = [each.session_id for each in world.sites["office"].running if each.age_s > 7200]
    assert [list(each) for each in reported] == [forgotten, [], []]
    assert min(reported[0].values()) > time.time() + 30


def test_one_certificate_ends_in_three_days():
    with World("en") as world:
        days = []
        for site in world.sites.values():
            context = ssl.create_default_context(cafile=site.server.ca_file)
            raw = socket.create_connection(("127.0.0.1", site.server.web_port), timeout=5)
            with context.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
                end = ssl.cert_time_to_seconds(connection.getpeercert()["notAfter"])
            days.append(round((end - time.time()) / 86400))
    assert days == [365, 3, 365]
