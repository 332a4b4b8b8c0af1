"""A simulated TrueConf Server: people and conferences that live, its HTTP API, and its failures.

It stands on one address (127.0.0.1) and needs the standard library alone. It simulates API v3.1 to
v3.11, v4 and v4.1 as far as the bot uses them, not the conferences themselves.

    with TrueConfServer() as server:
        server.add_conference("Weekly planning", owner="anna", people=("anna", "boris"))
        server.go_down()
"""

import random
import secrets
import threading
import time
import zlib
from dataclasses import dataclass, field

from demo.trueconf import certificates
from demo.trueconf.api_v3 import IN_CONFERENCE, MISSING, MODERATOR_ROLE
from demo.trueconf.certificates import Certificate
from demo.trueconf.endpoints import find_target, respond
from demo.trueconf.faults import FAULTS, Exchange
from demo.wire import HOST, Door, Request

__all__ = [
    "FOUR_SCOPES",
    "MISSING",
    "RECORDS_SCOPE_V3",
    "RECORDS_SCOPE_V4",
    "V4_SCOPES",
    "Certificate",
    "Conference",
    "Person",
    "Request",
    "TrueConfServer",
]

FOUR_SCOPES = ("conferences", "users:read", "logs.calls:read", "logs.calls.participants:read")
V4_SCOPES = (
    "conferences:read",
    "conferences:write",
    "conferences.participants:read",
    "conferences.sessions:read",
    "users:read",
)
V3_VERSIONS = tuple(f"v3.{number}" for number in range(1, 12))

# What a permission includes besides itself.
UMBRELLAS = {
    "conferences": {"conferences:read", "conferences:write"},
    "users": {"users:read", "users:write"},
}
FAULT_PARTS = {"", "token", "logs/calls", "participants", "users", "conferences", "stop", "run"}
FAULT_PARTS |= {"conference-sessions", "sessions", "recordings"}
FAULT_PARTS |= {"v4/server", "v4/connects", "vsstatus"}

RECORDS_SCOPE_V3, RECORDS_SCOPE_V4 = "conferences.records", "conferences.records:read"

ONLINE, OFFLINE = 1, 0


@dataclass
class Person:
    """An account, or a guest of a conference. `status`: -2, -1, 0 offline, 1 free, 2 busy, 5."""

    id: str
    display_name: str = ""
    status: int = ONLINE
    is_active: bool = True

    def __post_init__(self):
        self.display_name = self.display_name or self.id

    @property
    def is_guest(self):
        return self.id.startswith("#guest")


def believable_people():
    """Return the dozen people of a server for whom nobody has chosen any."""
    return [
        Person("anna", "Anna Petrova"),
        Person("boris", "Boris Ivanov"),
        Person("clara", "Clara Schmidt"),
        Person("daniel", "Daniel Weber", status=2),
        Person("elena", "Elena Sokolova"),
        Person("fedor", "Fedor Kuznetsov", status=OFFLINE),
        Person("gabriela", "Gabriela Torres"),
        Person("hugo", "Hugo Fernandez", status=OFFLINE),
        Person("irina", "Irina Volkova"),
        Person("jonas", "Jonas Keller", status=2),
        Person("katya", "Katya Orlova", status=OFFLINE),
        Person("leo", "Leo Martin", status=-2, is_active=False),
    ]


@dataclass
class Stay:
    """One connection of one person to a conference: a row of the participants' log."""

    person: Person
    role: int
    joined_at: float
    number: int
    left_at: float | None = None


@dataclass
class Recording:
    """A recording of a conference; `stopped_at` is None while it goes on."""

    name: str
    started_at: float
    number: int
    stopped_at: float | None = None


@dataclass
class Conference:
    """One session of a conference, made by `TrueConfServer.add_conference`."""

    server: "TrueConfServer"
    title: str | None  # None: an ad-hoc conference has no topic
    id: str | None  # None: a call without a conference ID
    session_id: str
    owner: str | None
    started_at: float
    conference_class: int = 10
    listed: bool = True  # False: only the log knows it
    logged: bool = True  # False: only the list of conferences knows it
    fields: dict = field(default_factory=dict)  # stand in its log row instead of the true ones
    replaced_row: object = MISSING  # stands in the log instead of its whole row
    is_ad_hoc: bool = False  # True: vanishes when it ends
    ended_at: float | None = None
    ends_at: float | None = None  # a stop was accepted and takes effect then
    stays: list = field(default_factory=list)
    recordings: list = field(default_factory=list)
    max_people: int | None = 36
    planned_s: int | None = 3600  # None: nobody has planned it

    @property
    def is_open(self):
        """Tell whether the log has no end of it."""
        self.server.settle()
        return self.ended_at is None

    @property
    def is_running(self):
        """Tell whether it really runs."""
        return self.listed and self.is_open

    @property
    def age_s(self):
        return (self.server.now() if self.ended_at is None else self.ended_at) - self.started_at

    @property
    def present(self):
        """Return one Stay of each person who is in it now."""
        self.server.settle()
        with self.server.lock:
            stays = {stay.person.id: stay for stay in self.stays if stay.left_at is None}
            return list(stays.values())

    @property
    def people(self):
        """Return the list of Person who are in it now."""
        return [stay.person for stay in self.present]

    @property
    def everybody(self):
        """Return the IDs of all who have ever been in it."""
        with self.server.lock:
            return {stay.person.id for stay in self.stays}

    def join(self, person, role=None):
        """Let somebody in. `role`: as the sessions say it; by default 2 for the owner, else 1."""
        with self.server.lock:
            person = self.server.person(person)
            if role is None:
                role = MODERATOR_ROLE if person.id == self.owner else 1
            self.stays.append(Stay(person, role, self.server.now(), self.server.next_number()))
            person.status = IN_CONFERENCE

    def leave(self, person):
        """Let somebody go, from every device."""
        with self.server.lock:
            person_id = self.server.person(person).id
            self._close(stay for stay in self.stays if stay.person.id == person_id)

    def everybody_leaves(self):
        with self.server.lock:
            self._close(self.stays)

    def set_role(self, person, role):
        with self.server.lock:
            person_id = self.server.person(person).id
            for stay in self.stays:
                if stay.person.id == person_id:
                    stay.role = role

    def record(self):
        """Begin a recording; return it."""
        with self.server.lock:
            number, now = self.server.next_number(), self.server.now()
            self.recordings.append(Recording(f"{number:08d}.mp4", now, number))
            return self.recordings[-1]

    def stop_recording(self):
        """End the recordings that go on."""
        with self.server.lock:
            for recording in self.recordings:
                if recording.stopped_at is None:
                    recording.stopped_at = self.server.now()

    def end(self, at=None):
        """End the session, now or at a moment of the simulated time."""
        with self.server.lock:
            if self.ended_at is None:
                self.ended_at = self.server.now() if at is None else at
                self.stop_recording()
                self._close(self.stays, self.ended_at)

    def _close(self, stays, at=None):
        at = self.server.now() if at is None else at
        for stay in stays:
            if stay.left_at is None:
                stay.left_at = at
                if stay.person.status == IN_CONFERENCE:
                    stay.person.status = ONLINE


@dataclass
class Fault:
    """A fault that was ordered for a part of the server."""

    name: str
    times: int | None
    details: dict


class TrueConfServer:
    """A simulated server on two ports of `host`: web (HTTPS) and status (plain HTTP)."""

    def __init__(
        self,
        name="video.example.org",
        people=None,
        tls=True,
        round_trip_s=0.0,
        token_lifetime_s=3600,
        scopes=FOUR_SCOPES,
        certificate="good",
        host=HOST,
    ):
        self.name = name
        self.people = believable_people() if people is None else list(people)
        self.tls = tls
        self.token_lifetime_s = token_lifetime_s
        self.scopes = tuple(scopes)
        self.certificate = certificate  # a name in certificates.KINDS, or a Certificate
        self.host = host
        self.client_id = secrets.token_hex(20)
        self.client_secret = secrets.token_hex(20)
        self.version = "5.5.6.10021"
        self.conferences = []
        self.stops = []
        self.lock = threading.RLock()  # guards the world and the requests
        self._set_readings()
        self.time_passed_s = 0.0
        self._stopping = []  # conferences whose stop was accepted and is not due yet
        self._number = 0
        self._tokens = {}  # token -> (moment it expires, its scopes)
        self._requests = []
        self._faults = {}
        self._is_frozen = False  # packets vanish: nothing that arrives is answered
        self._is_started = False
        self._tls_context = None
        self._switching = threading.RLock()  # guards the doors: one change at a time
        options = {"host": host, "round_trip_s": round_trip_s, "clock": self.clock}
        self._doors = {
            "web": Door(self.handle, kind="web", tls=lambda: self._tls_context, **options),
            "status": Door(self.handle, kind="status", **options),
        }

    def _set_readings(self):
        """Choose one reading of everything that is not known for certain; tests try the others."""
        self.make_token = lambda: secrets.token_hex(20)
        self.secret_error = "rfc6749"  # or "envelope", "flat"
        self.accepts_header = True  # is `Authorization: Bearer` understood
        self.accepts_query = True  # is `?access_token=` understood
        self.rejected_token_status = 403  # or 401
        self.umbrellas = UMBRELLAS  # permission -> the permissions that it includes
        self.max_page_size = 1000
        self.shrinks_pages = False  # is a larger page_size answered with a smaller page, not 400
        self.default_page_size = 20
        self.default_users_page_size = 20
        self.page_zero = "error"  # or "first": page_id=0 is the first page
        self.stop_answer = "state"  # or "empty": 204
        self.stop_again = "ok"  # or 404, 400: stopping what does not run
        self.stop_delay_s = 0  # a stopped conference goes on so long; inf: for ever
        self.sessions_endpoint = True  # does /conference-sessions/{id}/participants exist
        self.session_list_size = None  # or a number: it lists no more people than that
        self.users_end = -1  # or None, "missing": next_page_id of the last page
        self.api_versions = {*V3_VERSIONS, "v4", "v4.1"}  # what is missing here answers 404
        self.tells_of_itself_anyway = False  # does /api/v4/server answer where v4 does not
        self.hides_version = False  # is its product.version null without a token
        self.missing_paths = set()  # whole paths that answer 404, as "oauth2/v1/token"
        self.rows_order = "nulls_first"  # of the log, descending; or "nulls_last", "unsorted"
        self.v4_times = "unix"  # or "iso"
        self.v4_names_sessions = True  # does the list of v4 name the running session
        self.v4_names_participants = True  # do its participants have a call_id, or a number alone
        self.v4_sessions = "running"  # or "oldest_first", "newest_first": those that ended too
        self.v4_sessions_have_ids = False  # are the rows of sessions named by `id`
        self.v4_sessions_total = False  # is their number told
        self.records_tell_end = False  # do the recordings of v3 have started_at and stopped_at
        self.results_count = "all"  # or "page": `results` of v4 counts the rows of the page
        self.v4_users_paging = "page"  # or "next_page_id"
        self.names_sessions = False  # does the list of conferences of v3 name the running session
        self.timezone = "UTC"  # or "Europe/Moscow", "+03:00", "MSK", "Nowhere/Unknown"
        self.clock_skew_s = 0  # how far the server's clock is ahead of ours
        self.device_suffix = False  # "anna@video.example.org/0A1B" in the log
        self.odd_letter_case = False  # "ANNA@VIDEO.EXAMPLE.ORG" in the log
        self.live_duration = True  # False: 0 while it runs
        self.counts_everybody = False  # True: participant_count never goes down

    # --- Life ----------------------------------------------------------------------------------

    def start(self):
        """Open both ports, the same ones as before if it was started before; return self."""
        with self._switching:
            if not self._is_started:
                if self.tls:
                    self._tls_context = certificates.server_context(self.certificate, self.host)
                self._is_started = True
                self.come_back()
        return self

    def stop(self):
        """Free both ports and end all threads; start() opens the same ports again."""
        self._switch(Door.release, "web", "status", hang_up=True)
        self._is_started = False

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.stop()

    @property
    def web_port(self):
        return self._doors["web"].port

    @property
    def status_port(self):
        return self._doors["status"].port

    @property
    def address(self):
        """The address of the web part, as the setting `ip` wants it."""
        return f"{'' if self.tls else 'http://'}{self.host}:{self.web_port}"

    @property
    def ca_file(self):
        """The CA certificate that a client must trust; None without TLS."""
        return certificates.ca_file() if self.tls else None

    @property
    def certificate_file(self):
        """The server's own certificate, which a client may trust instead of the CA."""
        return certificates.own_file(self.certificate, self.host)

    def settings(self, **more):
        """Return this server's part of settings.json; `more` overrides it key by key."""
        settings = {
            "ip": self.address,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "access_token": "",
            "ssl_certificate": self.ca_file or True,
            "server_status": {"state": 0, "timeout": 15, "port": self.status_port},
        }
        status = {**settings["server_status"], **more.pop("server_status", {})}
        return {**settings, **more, "server_status": status}

    # --- The world -----------------------------------------------------------------------------

    def now(self):
        """Return the simulated moment, Unix time."""
        return time.time() + self.time_passed_s

    def clock(self):
        """Return what the server's own clock says, Unix time."""
        return self.now() + self.clock_skew_s

    def pass_time(self, seconds):
        """Make it so much later in the simulated world."""
        with self.lock:
            self.time_passed_s += seconds

    def next_number(self):
        with self.lock:
            self._number += 1
            return self._number

    def full_name(self, person_id):
        """Return user@server."""
        return person_id if "@" in person_id else f"{person_id}@{self.name}"

    def person(self, person):
        """Return a Person by ID. Somebody without an account here is a guest."""
        if isinstance(person, Person):
            return person
        return next((each for each in self.people if each.id == person), None) or Person(person)

    def number_of(self, person):
        """Return what v4 calls a participant: an account by a number, a guest as he is."""
        numbers = {each.id: str(position) for position, each in enumerate(self.people, 1)}
        of_another_server = str(10_000 + zlib.crc32(person.id.encode("utf-8", "replace")))
        return person.id if person.is_guest else numbers.get(person.id, of_another_server)

    def set_online(self, person_id, status):
        """Set the presence of somebody: -2, -1, 0 offline, 1 free, 2 busy, 5 in a conference."""
        with self.lock:
            self.person(person_id).status = status

    def add_conference(
        self,
        title,
        owner="anna",
        people=("anna", "boris"),
        age_s=600,
        conference_id=None,
        session_id=None,
        listed=True,
        conference_class=10,
        logged=True,
        **fields,
    ):
        """Start a conference, that began `age_s` seconds ago, and return it.

        title: None for an ad-hoc one. conference_id: None for a random one, "" for a call without
        one. listed=False: only the call log has it, as after a crash; logged=False: only the list
        of conferences. `fields` stand in its log row (MISSING: left out).
        """
        owner = owner.id if isinstance(owner, Person) else owner
        with self.lock:
            conference = Conference(
                self,
                title,
                self._new_id() if conference_id is None else conference_id or None,
                session_id or f"{self.next_number():08x}@{self.name}#vcs",
                owner,
                self.now() - age_s,
                conference_class,
                listed,
                logged,
                fields,
                is_ad_hoc=title is None,
            )
            for person in people:
                conference.join(person)
            for stay in conference.stays:
                stay.joined_at = conference.started_at
            self.conferences.append(conference)
        return conference

    def add_ended_conferences(self, count):
        """Add history: conferences of an hour that have ended, one each two hours."""
        with self.lock:
            for hours_ago in range(2, 2 * count + 2, 2):
                title = f"Meeting of {hours_ago} hours ago"
                conference = self.add_conference(title, people=(), age_s=hours_ago * 3600)
                conference.end(conference.started_at + 3600)

    def accept_stop(self, conference):
        """Do what POST /stop asks; with `stop_delay_s` it takes effect later."""
        with self.lock:
            if conference.ends_at is None and self.stop_delay_s != float("inf"):
                conference.ends_at = self.now() + self.stop_delay_s
                self._stopping.append(conference)
                self.stops.append(conference.id)
            self.settle()

    def settle(self):
        """End the conferences whose accepted stop is due."""
        if not self._stopping:
            return
        with self.lock:
            for conference in [each for each in self._stopping if each.ends_at <= self.now()]:
                self._stopping.remove(conference)
                conference.end(conference.ends_at)

    def _new_id(self):
        taken = {conference.id for conference in self.conferences}
        while True:
            conference_id = str(random.randint(10**9, 10**10 - 1))
            if conference_id not in taken:
                return conference_id

    # --- Tokens --------------------------------------------------------------------------------

    def new_token(self):
        """Hand out one more access token; those before it stay valid."""
        with self.lock:
            token = self.make_token()
            self._tokens[token] = (self.now() + self.token_lifetime_s, self.scopes)
            return token

    def scopes_of_token(self, token):
        """Return the permissions of a token, None if it is unknown or has expired."""
        expires_at, scopes = self._tokens.get(token, (0, ()))
        return scopes if expires_at > self.now() else None

    def expire_tokens(self):
        """Refuse from now on every token that was handed out."""
        with self.lock:
            self._tokens.clear()

    # --- What was asked ------------------------------------------------------------------------

    @property
    def requests(self):
        """All requests so far, on both ports, as a copy."""
        with self.lock:
            return list(self._requests)

    def clear_requests(self):
        with self.lock:
            self._requests.clear()

    @property
    def accepted(self):
        """How many connections were accepted so far, on both ports."""
        return sum(door.accepted for door in self._doors.values())

    @property
    def handshakes(self):
        """How many of them have agreed on TLS."""
        return sum(door.handshakes for door in self._doors.values())

    @property
    def open_connections(self):
        """How many connections are open now, on both ports."""
        return sum(len(door.connections) for door in self._doors.values())

    # --- Failures ------------------------------------------------------------------------------

    def go_down(self):
        """Refuse connections on both ports and drop the open ones."""
        self._switch(Door.shut, "web", "status", hang_up=True)

    def come_back(self):
        """Answer again on both ports, after any of these failures."""
        if self._is_frozen:
            self.go_down()  # drop what hangs, before anybody new comes in
        self._switch(Door.open, "web", "status")

    def core_down(self):
        """Refuse connections on the status port alone: the media core is down, the web lives."""
        self._switch(Door.shut, "status", hang_up=True, freeze=self._is_frozen)

    def core_back(self):
        self._switch(Door.open, "status", freeze=self._is_frozen)

    def web_down(self):
        """Refuse connections on the web port alone: meetings go on, and no API answers."""
        self._switch(Door.shut, "web", hang_up=True, freeze=self._is_frozen)

    def web_back(self):
        self._switch(Door.open, "web", freeze=self._is_frozen)

    def slam(self, *port_kinds):
        """Take connections on these ports ("web", "status"; by default both) and reset each at
        once, as a firewall in front of a stopped service does. Until come_back()."""
        self._switch(Door.slam, *(port_kinds or ("web", "status")), hang_up=True)

    def blackhole(self):
        """Let packets vanish until come_back(), on Linux only: new connections to both ports time
        out instead of being refused, and requests on open ones get no answer."""
        self._switch(Door.brick_up, "web", "status", freeze=True)

    def lose_connections(self):
        """The way forgets the open connections, see Door."""
        for door in self._doors.values():
            door.lose_connections()

    def _switch(self, action, *port_kinds, hang_up=False, freeze=False):
        """Do something with doors, and with what has come in through them."""
        with self._switching:
            if not self._is_started:
                return
            self._is_frozen = freeze
            doors = [self._doors[port_kind] for port_kind in port_kinds]
            for door in doors:
                action(door)
            for door in doors if hang_up else ():
                door.hang_up()

    def break_path(self, part, fault, times=None, **details):
        """Spoil the answers of a part ("": the whole web port) with one of FAULTS.

        times: how many answers; None: until mend(). A new fault of the same part replaces it.
        """
        if part not in FAULT_PARTS:
            raise ValueError(f"no part {part!r}; there are {sorted(FAULT_PARTS)}")
        if fault not in FAULTS:
            raise ValueError(f"no fault {fault!r}; there are {sorted(FAULTS)}")
        with self.lock:
            self._faults[part] = Fault(fault, times, details)

    def mend(self):
        """End all faults of break_path(); connections that hang in one are closed."""
        with self.lock:
            self._faults.clear()
        for door in self._doors.values():
            door.hang_up(lambda connection: connection.fault is not None)

    def _take_fault(self, connection, request):
        """Return the Fault that meets a request, if any, and count it."""
        with self.lock:
            if not self._faults:
                return None
            target = find_target(self, request)
            parts = [target.route.fault_part] if target else []
            parts += [""] if request.port_kind == "web" else []
            part = next((each for each in parts if each in self._faults), None)
            if part is None:
                return None
            connection.fault = fault = self._faults[part]
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    del self._faults[part]
            return fault

    # --- Answers -------------------------------------------------------------------------------

    def handle(self, connection, request):
        """Send an answer, the right one or a spoiled one."""
        with self.lock:
            self._requests.append(request)
        if self._is_frozen:
            connection.hang()
        fault = self._take_fault(connection, request)
        if fault is None:
            connection.send(self.answer(request))
            return
        FAULTS[fault.name](Exchange(self, connection, request, fault.details))
        connection.fault = None

    def answer(self, request):
        """Return the right answer to a request."""
        with self.lock:
            self.settle()
            return respond(self, request)
