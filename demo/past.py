"""Thirty invented days before the demo began, as the bot's own record keeps them, so that History
and the digest have something to show at once."""

import itertools
import time

DAYS, DAY_S, HOUR_S, MINUTE_S = 30, 86400, 3600, 60
DIGEST_IN_S = 2 * MINUTE_S  # after the start, so that the visitor has looked around

# Of each server: how many hours before the start it went down, for how many minutes, its state,
# who of the people took care of it (-1: nobody), and whether it was in a pause.
OUTAGES = {
    "office": (
        (27 * 24 + 3, 17, "down", 0, False),
        (12 * 24 + 7, 5, "service_down", -1, False),
        (6 * 24 + 2, 31, "down", -1, True),
        (3 * 24 + 5, 12, "web_down", 1, False),
    ),
    "branch": (
        (21 * 24 + 9, 48, "down", 1, False),
        (11, 9, "down", 0, False),
    ),
    "training": (),
}
REASONS = {
    "down": ("refused", "refused"),
    "service_down": ("no_answer", ""),
    "web_down": ("", "refused"),
}


def memory_of(sites, names):
    """The content of the file, as JSON. `sites`: key -> the name that the bot knows it by;
    `names`: of people."""
    numbers, now = itertools.count(1), time.time()
    dates = [time.localtime(now - day * DAY_S) for day in range(DAYS + 1)]
    most_s = DAY_S + HOUR_S  # of any day: the bot takes no more of it than there was
    days = {time.strftime("%Y-%m-%d", date): most_s for date in dates}
    servers = {}
    for key, name in sites.items():
        entries = {}
        for hours, minutes, state, taker, in_pause in OUTAGES[key]:
            begun = now - hours * HOUR_S
            number, ended = next(numbers), begun + minutes * MINUTE_S
            service_reason, web_reason = REASONS[state]
            step = {"at": begun, "state": state, "is_sure": True}
            step |= {"service_reason": service_reason, "web_reason": web_reason}
            entries[number] = {
                "number": number,
                "kind": "outage",
                "server": name,
                "begun": begun,
                "ended": ended,
                "by": names[taker] if taker >= 0 else "",
                "news": ["down", "up"],
                "steps": [step],
                "is_end_sure": True,
                "in_pause": in_pause,
                "is_silent": in_pause,
                "is_closed": True,
            }
        servers[name] = {"entries": entries, "days": days}
    return {"version": 1, "servers": servers}


def digest_time():
    """When the digest is due, as the settings say it."""
    return time.strftime("%H:%M", time.localtime(time.time() + DIGEST_IN_S))
