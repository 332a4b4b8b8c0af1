"""What is known of a TrueConf Server and of what runs on it, and what can go wrong.

It asks nothing: questions are in `trueconf_api` and lib/trueconf_client.py.
"""

import re
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from lib import trueconf_transport as transport
from lib.entries import Earlier, Known
from lib.server_version import LONGEST_BODY, version_in

SHORTEST_TOKEN, LONGEST_TOKEN = 16, 4096  # characters
LONGEST_ID = 500  # characters of an ID or a permission that is kept

STATES = UP, SERVICE_DOWN, WEB_DOWN, DOWN = "up", "service_down", "web_down", "down"


class TrueConfError(Exception):
    """Base of all errors of this module. Its text may be shown to people: it holds no secret.

    `reason`: one word that says what happened; `texts` has a sentence for each.
    """

    def __init__(self, server: "Server", reason: str, **details: object):
        self.server, self.reason, self.details = server, reason, details
        told = " ".join([reason, *(f"{name}={value}" for name, value in details.items())])
        super().__init__(f"{server.name}: {told}")


class ServerUnreachable(TrueConfError):
    """No answer came. `reason`: refused, timed_out, no_answer, name_not_found, dns_silent,
    no_route, cut, not_https, tls_version, tls_refused, tls_wants_certificate, ca_file,
    certificate_expired, certificate_name, certificate_no_names, certificate_chain,
    certificate_untrusted, own_lack (the bot's computer has run out of files, ports or memory),
    failed."""


class AccessRefused(TrueConfError):
    """The server does not accept the OAuth2 application. `reason`: wrong_secret (the ID or the
    secret is wrong) or token_refused (it refuses the token that it has just given out)."""


class PermissionMissing(TrueConfError):
    """The OAuth2 application lacks `details["permission"]`, a name as in the control panel."""


class OutcomeUnknown(TrueConfError):
    """The server was told to stop a conference and could not be asked what came of it. `reason`
    and `details` are those of the error that kept us from knowing."""


class NotFound(TrueConfError):
    """404. `reason`: api_version (this address has no such API) or conference (it is gone)."""


class BadAnswer(TrueConfError):
    """An answer came that cannot be used. `reason`: status (`details["status"]`: the HTTP
    status), in_front (the same, from something in front of the server), redirect
    (`details["location"]`), redirect_here (to no other address), not_json, shape, too_large or
    endless."""


@dataclass(frozen=True)
class Status:
    """What a look at both parts of a server found.

    `state`: UP, SERVICE_DOWN (the web part works, the service does not), WEB_DOWN (the other way
    round) or DOWN. `service_reason` and `web_reason` say why a part does not work, "" where it
    does. `looked_at`: time.time(). `certificate_end`: time.time(), None where unknown or not
    checked. `is_doubtful`: something on the way, such as a sign-in page, could have answered so.
    """

    state: str
    service_reason: str = ""
    web_reason: str = ""
    looked_at: float = field(default_factory=time.time, compare=False)
    certificate_end: float | None = field(default=None, compare=False)
    is_doubtful: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Conference:
    """One running session of a conference. Texts are "" and numbers None where unknown.

    `session_id` is this run; `has_session_id`: the server has named it, else it is the bot's own
    name. `id` is the conference itself ("" for a call without one, which cannot be stopped).
    `age_s` counts seconds, and so does `planned_s`, the length that was planned. `max_people`: how
    many can be in it at most. `is_listed`: the server itself calls it running; False for a row of
    the log that a crash may have left open.
    """

    session_id: str
    id: str
    title: str
    owner: str
    participant_count: int | None
    age_s: int | None
    server_url: str
    start: str = ""  # the date as the server writes it: good for comparing, whatever the zone
    is_listed: bool = True
    has_session_id: bool = True
    max_people: int | None = None
    planned_s: int | None = None

    # Made when shown: 1200 conferences have 2400 addresses, a screen shows 10 (7 ms).
    @property
    def page_url(self) -> str:
        return f"{self.server_url}/c/{path_part(self.id)}"

    @property
    def realtime_url(self) -> str:
        """TrueConf's real-time management of this run; "" where the run has no name for it."""
        if not (self.session_id and self.has_session_id):
            return ""
        return f"{self.server_url}/tools/real-time/{path_part(self.session_id)}?a=cookies"


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody who is in a conference now.

    `is_leader` (its owner or a moderator) is None where roles are not known, and `is_owner` where
    the server does not tell enough of somebody to compare.
    """

    id: str  # "anna@video.example.org/0A1B", "#guest:..."; "" where the server gives only a number
    name: str
    is_guest: bool
    is_leader: bool | None
    is_owner: bool | None = None
    number: str = ""  # what the server's other lists call this person


# ---------------------------------------------------------------- the server


@dataclass(eq=False)
class Learnt:
    """What a server's answers have told since the bot was started."""

    token_renewal_at: float = 0  # time.monotonic(); a token of an earlier run is renewed at once
    scopes: frozenset[str] = frozenset()  # what the newest token allows
    last_status: Status | None = None
    # What is remembered of its state was made sure of since monitoring began, or went on after
    # the computer had slept.
    is_state_sure: bool = False
    certificate_end: float | None = None  # time.time(), as of the newest connection
    # address -> hash of its answer, version of TrueConf Server in it; see Server.learn_version
    told_versions: dict[str, tuple[int, str]] = field(default_factory=dict)
    version: str = ""  # "auto": the version of the API that answered
    search_again_at: float = 0  # time.monotonic(): when a version may be looked for anew
    page_size: int | None = 500  # rows of a page; None: it refuses to be asked for a size
    token_in_query: bool = False  # this server does not understand the header
    is_log_ascending: bool = False  # the log's open rows come first in ascending order
    # Conference ID -> what tells its run of now from others, where the server does not.
    run_names: dict[str, str] = field(default_factory=dict)
    # The same of runs that the server has named since.
    earlier_names: dict[str, str] = field(default_factory=dict)
    unknown_zone: str = ""  # a time zone in its log that this computer does not know


@dataclass(eq=False)
class Shared:
    """What the threads that deal with one server have in common."""

    # Guards what several threads change: `under_way`, the token, and what the bot remembers.
    lock: threading.Lock = field(default_factory=threading.Lock)
    under_way: "dict[str, Future[str]]" = field(default_factory=dict)  # see Client._once
    connections: transport.Connections = field(default_factory=transport.Connections)


@dataclass(eq=False)
class Server:
    """A TrueConf Server: first what the settings say, then what the bot remembers of it, what it
    has `learnt` in this run, and what its threads have `shared`.

    A setting's default is the one that stands here. The token and the switches, which the bot
    changes itself, are plain fields; `lib.settings` compares and saves.
    """

    name: str
    url: str  # "https://192.168.0.1", without a slash at the end
    client_id: str = ""
    client_secret: str = ""
    access_token: str = ""
    verify: bool | str = True  # True, False or the path of a CA file
    api_version: str = "auto"
    status_port: int = 4307  # 0: the server has no vsstatus for us, ask only the web part
    is_monitored: bool = False
    look_interval_s: float = 15
    repeat_h: float = 0  # hours between reminders of an outage; 0: none
    has_forgotten_alerts: bool = False
    forgotten_age_min: int = 60
    forgotten_interval_s: float = 300
    known: Known = field(default_factory=Known)  # what is remembered of it, see memory.py
    earlier: Earlier = field(default_factory=Earlier)

    # runs of conferences, as `stopping` names them -> who is stopping them, or has, and when that
    # was done: time.time(), inf while it is under way
    stopped_by: dict[str, tuple[str, float]] = field(default_factory=dict)

    learnt: Learnt = field(default_factory=Learnt)
    shared: Shared = field(default_factory=Shared)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is announced of it. A pause lasts until its end was made sure of."""
        return self.known.pause is not None

    @property
    def host(self) -> str:
        """The name or address, with brackets around an IPv6 address."""
        return self.url.partition("://")[2].removesuffix(f":{urlsplit(self.url).port}")

    @property
    def service_url(self) -> str:
        """What answers 200 while the service works."""
        return f"http://{self.host}:{self.status_port}/vsstatus"

    @property
    def web_url(self) -> str:
        """What answers, needs no token and tells the version."""
        return f"{self.url}/api/v4/server"

    def learn_version(self, url: str, body: bytes | bytearray) -> None:
        """Note which version of TrueConf Server an answer tells, if any. Read only where the
        answer is another one than the last of this address."""
        head, told = bytes(body[:LONGEST_BODY]), self.learnt.told_versions
        known, _ = told.get(url, (None, ""))
        if known != hash(head):
            told[url] = hash(head), version_in(head)

    @property
    def product_version(self) -> str:
        """The version of TrueConf Server, as far as it tells; else ""."""
        told = [*self.learnt.told_versions.values()]
        return next((version for _, version in told if version), "")

    @property
    def version(self) -> str:
        """The API version in use; "" while it is to be found out."""
        return self.learnt.version if self.api_version == "auto" else self.api_version


# ---------------------------------------------------------------- answers


@dataclass(frozen=True)
class Online:
    """People of a server: `accounts` in all, `online` of them now; of those, `free` ones and
    those `in_conference` (or in a call)."""

    accounts: int
    online: int
    free: int
    in_conference: int


@dataclass(frozen=True, slots=True)
class Account:
    """An account of a server. `id`: "anna@video.example.org", `login`: "anna"; `status` as the
    server gives it: 1 free, 2, 3 and 5 in a call or conference, 0 and less offline."""

    id: str
    name: str  # never empty, unless the server gives neither a name nor an ID
    login: str
    status: int
    is_active: bool  # False: the account is disabled
    number: str = ""  # what the server's other lists call this account

    @property
    def is_online(self) -> bool:
        return self.status > 0

    @property
    def is_free(self) -> bool:
        return self.status == 1

    @property
    def is_in_conference(self) -> bool:
        """In a conference or a call: the server does not tell which."""
        return self.status in (2, 3, 5)


@dataclass(frozen=True)
class People:
    """Who is in a conference now: `count` people, `guest_count` of them guests. `names`: of the
    others. `has_owner` and `has_leader` (an owner or a moderator) are None where unknown.
    `participants`: all of them, each once, the owner first, then who leads, guests last."""

    count: int
    guest_count: int
    names: tuple[str, ...]
    has_owner: bool | None
    has_leader: bool | None
    participants: tuple[Participant, ...] = ()


@dataclass(frozen=True)
class Forgotten:
    """A conference that runs too long. `reason`: empty, owner_alone, leader_alone, no_leader, or,
    where that could not be found out, age_unknown and not_examined. `people`: None if unknown."""

    conference: Conference
    reason: str
    people: People | None = None

    @property
    def is_certain(self) -> bool:
        return self.reason not in ("age_unknown", "not_examined")


@dataclass(frozen=True)
class Recording:
    """Whether a conference is being recorded now, and since when: time.time(), None if unknown."""

    is_running: bool
    since: float | None = None


@dataclass(frozen=True)
class ConferencePage:
    """A running conference and what is known of it now. `people`: or the error that kept us from
    knowing. `recording`: the same, or None where the server does not tell us."""

    conference: Conference
    people: People | TrueConfError
    recording: Recording | TrueConfError | None


@dataclass(frozen=True)
class Match:
    """Somebody who was looked for. `conferences`: the running ones that they are in, () for a
    call of two; None where that could not be found out."""

    account: Account
    conferences: tuple[Conference, ...] | None = ()


@dataclass(frozen=True)
class Search:
    """Who was found on a server: the first of `count` accounts, or the error that kept us from
    knowing. `missing`: the permission without which nobody knows in which conference they are."""

    server: Server
    matches: tuple[Match, ...] | TrueConfError
    count: int = 0
    missing: PermissionMissing | None = None


@dataclass(frozen=True)
class Overview:
    """A server in short: its status, and how many conferences run and people are online there,
    or the error that kept us from knowing."""

    server: Server
    status: Status
    conferences: int | TrueConfError
    online: int | TrueConfError


# ---------------------------------------------------------------- what can be kept and sent


def is_token(value: object) -> bool:
    """Whether this can be kept and sent as an access token."""
    longest = LONGEST_TOKEN
    return (
        isinstance(value, str)
        and SHORTEST_TOKEN <= len(value) <= longest
        and bool(re.fullmatch(r"[!-~]+", value))
    )


def path_part(text: str) -> str:
    """One part of a path, whatever it holds: `/`, `#`, half a character (JSON can carry that)."""
    return quote(text, safe="", errors="surrogatepass")
