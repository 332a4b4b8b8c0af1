"""What stands in the rows of a server's answers, whatever they hold: fields may be missing, null
or of another kind, and an odd row costs that row its detail, never the whole list.
"""

import re
from datetime import datetime, timezone
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
LEADER_ROLE = 2  # owner or moderator: the sources differ


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
