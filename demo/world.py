"""The world of the demo: three simulated TrueConf Servers with people and conferences that live.

    with World("en") as world:
        world.take_down("office")
        world.pass_hour()

The servers are called office, branch and training here; people see their names in the language of
the demo. It knows neither the bot nor the chat page.
"""

import itertools
import random
import threading
import time
from dataclasses import dataclass, field

from demo.trueconf.server import (
    RECORDS_SCOPE_V4,
    V4_SCOPES,
    Certificate,
    Conference,
    Person,
    TrueConfServer,
)
from demo.words import world_words

HOUR_S, DAY_S = 3600, 86400
FREE, BUSY, OFFLINE = 1, 2, 0
AT_THE_START = (OFFLINE, FREE, FREE, BUSY)  # of those who are in no conference
PAUSES_S = (4, 9)  # between two small events
FEWEST_PEOPLE = 3  # in a conference that people leave by themselves
CHECK_EVERY_S = FORGOTTEN_EVERY_S = 5
CERTIFICATE_DAYS = {"branch": 3}
V4_ALONE = ("training",)

UP, SERVICE_DOWN, WEB_DOWN, DOWN = "up", "service_down", "web_down", "down"


@dataclass(frozen=True)
class Plan:
    """A conference that runs at the start. People are counted from 0 within their server."""

    age_min: int
    owner: int
    people: tuple[int, ...]
    is_lively: bool = True  # False: nobody comes or goes by themselves
    remind_in_s: int = 0  # it was told of before the demo began, and the next time is due then
    guests: int = 0
    visitors: int = 0  # people of another server
    is_recorded: bool = False
    planned_min: int = 60


# Two are forgotten already. The bot was asked to remind of them, so that the first message comes
# by itself, but not before the visitor has looked around. The next two follow when an hour passes:
# one without its owner, and one in the branch whose owner has been left alone.
PLAN = {
    "office": (
        Plan(25, 0, (0, 1, 2, 3, 4, 5)),
        Plan(41, 6, (6, 7, 8, 9)),
        Plan(12, 10, (10, 11, 12), guests=3),
        Plan(78, 13, (13, 14, 15)),
        Plan(47, 16, (17, 18), is_lively=False),
        Plan(134, 19, (19,), is_lively=False, remind_in_s=40),
        Plan(203, 20, (), is_lively=False, remind_in_s=90),
    ),
    "branch": (Plan(18, 0, (0, 1, 2, 3)), Plan(36, 4, (4,), is_lively=False)),
    "training": (
        Plan(33, 0, (0, 1, 2, 3, 4), visitors=55, is_recorded=True, planned_min=90),
        Plan(9, 5, (5, 6, 7)),
    ),
}
MOST_PEOPLE = 100  # of a conference with visitors
PARTNER = "partner.example.org"
DOMAINS = {
    "office": "video.example.org",
    "branch": "branch.example.org",
    "training": "school.example.org",
}


@dataclass(eq=False)
class Site:
    """One server of the world. `plans`: what is held there each day, with its title; `lively`: the
    conferences that people join and leave."""

    key: str
    name: str
    server: TrueConfServer
    plans: list[tuple[Plan, str]]
    service_runs: bool = True
    web_runs: bool = True
    lively: list[Conference] = field(default_factory=list)
    remind_in_s: dict[str, int] = field(default_factory=dict)  # session ID -> seconds

    @property
    def state(self):
        """The light that the bot gives it."""
        if self.service_runs:
            return UP if self.web_runs else WEB_DOWN
        return SERVICE_DOWN if self.web_runs else DOWN

    @property
    def running(self):
        with self.server.lock:
            return [each for each in self.server.conferences if each.is_running]

    @property
    def online(self):
        with self.server.lock:
            return [person for person in self.server.people if person.status > OFFLINE]

    def free_people(self):
        return [person for person in self.server.people if person.status == FREE]


class World:
    """The three servers. Every method may be called from any thread."""

    def __init__(self, language="en", chance=None):
        """chance: a random.Random."""
        words = world_words(language)
        self._chance = chance or random.Random()
        self._titles = itertools.cycle(words["more"])
        self._names = _names(words["people"][0])
        self._ending = threading.Event()
        self._switching = threading.Lock()  # guards what runs of a Site: one switch at a time
        self.sites = {}
        for key, name, titles, people in zip(
            PLAN, words["servers"], words["titles"], words["people"], strict=True
        ):
            certificate = Certificate(ends_in_days=CERTIFICATE_DAYS.get(key, 365))
            server = TrueConfServer(DOMAINS[key], _people(people), certificate=certificate)
            server.counts_everybody = True
            if key in V4_ALONE:
                server.api_versions = {"v4", "v4.1"}
                server.scopes = (*V4_SCOPES, RECORDS_SCOPE_V4)
            site = Site(key, name, server, list(zip(PLAN[key], titles, strict=True)))
            self.sites[key] = site
            for plan, title in site.plans:
                self._begin(site, plan, title)
            for person, status in zip(site.free_people(), itertools.cycle(AT_THE_START)):
                person.status = status

    def _begin(self, site, plan, title):
        people, names = site.server.people, self._names
        members = [people[number] for number in plan.people]
        members += _guests(plan.guests, names, site.server.name)
        members += _visitors(plan.visitors, names)
        owner = people[plan.owner]
        conference = site.server.add_conference(title, owner, members, plan.age_min * 60)
        conference.planned_s = plan.planned_min * 60
        if plan.visitors:
            conference.max_people = MOST_PEOPLE
        if plan.is_recorded:
            conference.record()
        if plan.is_lively:
            site.lively.append(conference)
        if plan.remind_in_s:
            site.remind_in_s[conference.session_id] = plan.remind_in_s

    # --- Life ----------------------------------------------------------------------------------

    def start(self):
        """Start the servers, and let people come and go."""
        self._ending.clear()
        for site in self.sites.values():
            site.server.start()
        threading.Thread(target=self._live, daemon=True).start()
        return self

    def stop(self):
        self._ending.set()
        for site in self.sites.values():
            site.server.stop()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def settings(self):
        """Return the part `servers` of settings.json, with quick checks."""
        now = time.time()
        return {
            site.name: site.server.settings(
                server_status={"state": 1, "timeout": CHECK_EVERY_S},
                forgotten_conferences={
                    "state": 1,
                    "hours": 1,
                    "timeout": FORGOTTEN_EVERY_S,
                    "reported": {key: now + wait_s for key, wait_s in site.remind_in_s.items()},
                },
            )
            for site in self.sites.values()
        }

    def _live(self):
        while not self._ending.wait(self._chance.uniform(*PAUSES_S)):
            self.let_something_happen()

    def let_something_happen(self):
        """One small event: somebody joins or leaves a conference, comes online or goes."""
        site = self._chance.choice(list(self.sites.values()))
        event = self._chance.choice((self._join, self._leave, self._come, self._go))
        with site.server.lock:
            event(site)

    def _join(self, site):
        running = [each for each in site.lively if each.is_running]
        free = site.free_people()
        if running and free:
            self._chance.choice(running).join(self._chance.choice(free))

    def _leave(self, site):
        for conference in self._chance.sample(site.lively, len(site.lively)):
            others = [person for person in conference.people if person.id != conference.owner]
            if len(others) >= FEWEST_PEOPLE:
                conference.leave(self._chance.choice(others))
                return

    def _come(self, site):
        away = [
            person for person in site.server.people if person.status == OFFLINE and person.is_active
        ]
        if away:
            self._chance.choice(away).status = FREE

    def _go(self, site):
        free = site.free_people()
        if len(free) > 1:
            self._chance.choice(free).status = OFFLINE

    # --- What the panel can do -----------------------------------------------------------------

    def take_down(self, key):
        """The server vanishes: both its ports refuse."""
        self._switch(key, service_runs=False, web_runs=False)

    def bring_up(self, key):
        self._switch(key, service_runs=True, web_runs=True)

    def stop_service(self, key):
        """Meetings end, and only the web part still answers."""
        self._switch(key, service_runs=False)

    def start_service(self, key):
        self._switch(key, service_runs=True)

    def stop_web(self, key):
        """Meetings go on, and nobody can ask the server anything."""
        self._switch(key, web_runs=False)

    def start_web(self, key):
        self._switch(key, web_runs=True)

    def _switch(self, key, service_runs=None, web_runs=None):
        site = self.sites[key]
        with self._switching:
            if service_runs not in (None, site.service_runs):
                (site.server.core_back if service_runs else site.server.core_down)()
                site.service_runs = service_runs
            if web_runs not in (None, site.web_runs):
                (site.server.web_back if web_runs else site.server.web_down)()
                site.web_runs = web_runs

    def start_conference(self, key):
        """Let some people meet; return the Conference."""
        site = self.sites[key]
        with site.server.lock:
            for person in site.server.people:  # where too few are there, some come online
                if len(site.free_people()) < 4 and person.status == OFFLINE:
                    person.status = FREE
            free = site.free_people()
            people = self._chance.sample(free, min(len(free), self._chance.randint(3, 4)))
            owner = people[0] if people else site.server.people[0]
            title = next(self._titles)
            conference = site.server.add_conference(title, owner, people, age_s=0)
            site.lively.append(conference)
        return conference

    def everybody_leaves(self, key):
        """Everybody goes, and the conferences run on; return how many do."""
        site = self.sites[key]
        with site.server.lock:
            for conference in site.running:
                conference.everybody_leaves()
            site.lively.clear()
            return len(site.running)

    def pass_hour(self):
        for site in self.sites.values():
            site.server.pass_time(HOUR_S)

    def pass_day(self):
        """The meetings of the day are over, and those of the next have begun. What was forgotten
        runs on."""
        for site in self.sites.values():
            with site.server.lock:
                for conference in site.lively:
                    conference.end()
                site.lively.clear()
                site.server.pass_time(DAY_S)
                for plan, title in site.plans if site.service_runs else ():
                    if plan.is_lively:
                        self._begin(site, plan, title)

    def overview(self):
        """Return what the panel shows of each server."""
        return [
            {
                "key": site.key,
                "name": site.name,
                "state": site.state,
                "conferences": len(site.running),
                "online": len(site.online),
            }
            for site in self.sites.values()
        ]


def _people(names):
    """Return the Person objects of "anna.petrova Anna Petrova, boris.ivanov ..."."""
    return [Person(*entry.split(" ", 1)) for entry in names.split(", ")]


def _names(people):
    """Return (first name, last name) of everybody of a server."""
    return [tuple(person.display_name.split(" ", 1)) for person in _people(people)]


def _guests(count, names, domain):
    """Return people without an account; they gave a first name alone."""
    return [Person(f"#guest:{number}@{domain}", names[number][0]) for number in range(count)]


def _visitors(count, names):
    """Return people of another server: the first names of some with the last names of others.

    Women and men take turns in the list, and in some languages a last name tells which.
    """
    found = []
    for number in range(count):
        turn = number // len(names)
        first, last = names[number % len(names)][0], names[(number + 2 + 2 * turn) % len(names)][1]
        found.append(Person(f"visitor{number + 1}@{PARTNER}", f"{first} {last}"))
    return found
