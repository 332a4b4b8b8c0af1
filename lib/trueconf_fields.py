"""What stands in the rows of a server's answers, whatever they hold: fields may be missing, null
or of another kind, and an odd row costs that row its detail, never the whole list.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from lib.trueconf_model import LONGEST_ID, Participant

# The names of fields that the documentation and recorded answers know. Any other may be somebody's
# login, as where an answer has a field for each person.
_DOCUMENTED = """
    access_token expires_in token_type scope refresh_token
    error error_description code message errors reason locationType location trace_id
    cnt count results list next_page_id page page_id page_size
    conference conferences conference_id conference_sessions named_conf_id session_id sessions
    topic class type subtype owner description participant_count max_podiums max_participants
    start_time end_time duration date timezone timezone_type created_at updated_at state tags
    access mode waiting_room_enabled recording_enabled auto_termination_enabled is_deleted
    schedule time_offset special_time_offset days time url webclient_url web_client_url
    allow_guests auto_invite invitations multicast recording rights guest user chat_send
    participants id uid call_id app_id login_name email display_name first_name last_name company
    is_moderator size file_size started_at stopped_at records recordings download_url stream_url
    avatar groups mobile_phone work_phone home_phone is_active is_owner is_in_conf status role flag
    join_time leave_time leave_reason bitrate_in bitrate_out avg_cpu_load avg_sent_fps
    video_w video_h users connects product name version platform links documentation site_url
    web_config
"""
DOCUMENTED = frozenset(_DOCUMENTED.split())
MAX_VALUES = 1_000_000  # in the JSON of a question: 16 MB of "{}," would become 500 MB of objects
LEADER_ROLE = 2  # owner or moderator: the sources differ


# ---------------------------------------------------------------- an answer


@dataclass(frozen=True)
class Answer:
    """An answer of any status."""

    status: int
    body: bytes | bytearray
    location: str = ""
    date: str = ""

    @property
    def value_count(self) -> int:
        """About how many values its JSON has. An object takes the memory of four more."""
        value_count = len(self.body) - len(self.body.translate(None, b",[{"))
        return value_count + 4 * self.body.count(b"{")

    @property
    def told_at(self) -> float | None:
        """When the server says that it answered, time.time()."""
        try:
            return parsedate_to_datetime(self.date).timestamp()
        except (ValueError, TypeError, OverflowError, OSError):  # none, or of the year 10**20
            return None

    def json(self) -> Any:
        """The decoded body, None if it is not JSON, or has too many values."""
        if self.value_count > MAX_VALUES:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def reason(self) -> str | None:
        """What an error of TrueConf gives as the reason, in any of the shapes seen; None if this
        is no error of TrueConf's."""
        body = self.json()
        if not isinstance(body, dict) or not ({"error", "reason"} & body.keys()):
            return None
        error = body.get("error", body)
        if not isinstance(error, dict):
            return str(error or "")
        first = next(iter(dict_rows(error.get("errors"))), error)
        return str(first.get("reason") or "")

    @property
    def is_token_rejected(self) -> bool:
        if self.status == 401:
            return self.reason() is not None
        return self.status == 403 and self.reason() == "accessTokenInvalid"

    @property
    def is_from_in_front(self) -> bool:
        """Whether it is a refusal of something in front of the server: TrueConf gives reasons."""
        return self.status in (400, 401, 403) and self.reason() is None

    @property
    def is_version_missing(self) -> bool:
        """Whether it says that this version of the API, or this path of it, is not there: a 404
        that is not about a conference, a user or a record."""
        return self.status == 404 and not self.is_thing_missing

    @property
    def is_thing_missing(self) -> bool:
        reason = (self.status == 404 and self.reason()) or ""
        return reason.endswith("NotFound") and reason != "routeNotFound"


# ---------------------------------------------------------------- its rows


def number_of(value: object) -> int | None:
    """A whole number from 0 up, also if it was sent as text; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value):
        return int(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e15:
        return int(value)
    return None


def text_of(value: object) -> str:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def id_of(value: object) -> str:
    """An ID of the server; one that is longer than any real one is no ID."""
    text = text_of(value)
    return text if len(text) <= LONGEST_ID else ""


def dict_rows(value: object) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def moment_of(value: object) -> float | None:
    """time.time() of a Unix number or of ISO 8601 text; without a zone it is UTC."""
    number = number_of(value)
    if number is not None:
        return number
    try:
        moment = datetime.fromisoformat(text_of(value).replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def planned_s(conference: dict[str, Any]) -> int | None:
    """How long a conference was planned to be, seconds; None where it was not."""
    schedule = conference.get("schedule")
    if not isinstance(schedule, dict) or schedule.get("type") in (-1, "-1", "none"):
        return None
    return number_of(schedule.get("duration")) or None


def participant(row: dict[str, Any], role_key: str) -> Participant:
    """A row of any list of participants; `role_key`: the field that holds the role, if it has.

    `id` is a whole name in some lists and a number in v4, which says nothing of the owner.
    """
    call_id, uid, row_id = (text_of(row.get(key)) for key in ("call_id", "uid", "id"))
    whole_names = [name for name in (call_id, uid, row_id if "@" in row_id else "") if name]
    return Participant(
        id=next(iter(whole_names), ""),
        name=text_of(row.get("display_name")),
        is_guest=any(text.startswith("#guest") for text in (call_id, uid, row_id)),
        is_leader=number_of(row[role_key]) == LEADER_ROLE if role_key in row else None,
        number=row_id,
    )


def names_of(rows: list[Any], keys: tuple[str, ...]) -> set[tuple[str, ...]]:
    """What tells these rows from others; rows without any of these fields have nothing."""
    found = {tuple(str(row.get(key) or "") for key in keys) for row in dict_rows(rows)}
    return {name for name in found if any(name)}


def next_page(
    answer: dict[str, Any], rows_key: str, page: int, row_count: int, size: int | None
) -> int:
    """The number of the page after this one, 0 if there is none; `row_count`: rows so far."""
    total = number_of(answer.get("cnt", answer.get("results")))
    if "next_page_id" in answer or (rows_key == "users" and total is None):
        return number_of(answer.get("next_page_id")) or 0
    row_count_here = len(answer[rows_key])
    is_whole = total is not None and row_count >= total
    # `results` may count the rows of this page; a full one is then not the last.
    is_full = row_count_here >= (size or 1)
    is_doubtful = "cnt" not in answer and total == row_count_here and is_full
    return 0 if not row_count_here or (is_whole and not is_doubtful) else page + 1
