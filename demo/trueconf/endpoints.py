"""Which endpoint of the simulated TrueConf Server answers a request, and those without a version.

The API itself stands in `api_v3` and `api_v4`, the world that they read in `server`.
"""

import html
from typing import NamedTuple
from urllib.parse import unquote

from demo.trueconf.access import Refusal, Route, check_access, give_token, speaks_v4
from demo.trueconf.api_v3 import V3_ROUTES
from demo.trueconf.api_v4 import PUBLIC_V4_ROUTES, V4_ROUTES
from demo.wire import Answer


class Target(NamedTuple):
    """The route that a request takes, and the parts of its path that stand for `*`."""

    route: Route
    parts: list


def find_target(server, request):
    """Return the Target of a request, None if there is no such path."""
    # Split first, decode then: a decoded part may hold a slash.
    parts = [unquote(part) for part in request.path.removesuffix("/").split("/")[1:]]
    if "/".join(parts) in server.missing_paths:
        return None
    if request.port_kind == "status":
        return _match(STATUS_ROUTES, request.method, parts)
    if parts[:1] == ["api"] and len(parts) > 1:
        return _match(_routes_of(server, parts[1]), request.method, parts[2:])
    return _match(WEB_ROUTES, request.method, parts)


def _routes_of(server, version):
    if version in server.api_versions:
        return V4_ROUTES if version.startswith("v4") else V3_ROUTES
    return PUBLIC_V4_ROUTES if version == "v4" and server.tells_of_itself_anyway else ()


def _match(routes, method, parts):
    for route in routes:
        pattern = route.path.split("/")
        if route.method != method or len(pattern) != len(parts):
            continue
        pairs = list(zip(pattern, parts, strict=True))
        if all(wanted in ("*", part) for wanted, part in pairs):
            return Target(route, [part for wanted, part in pairs if wanted == "*"])
    return None


def respond(server, request):
    """Return the right Answer to a request."""
    try:
        target = find_target(server, request)
        if target is None:
            raise Refusal(404, "routeNotFound")
        if target.route.scope:
            check_access(server, request, target.route.scope)
        answer = target.route.function(server, request, *target.parts)
        return answer if isinstance(answer, Answer) else Answer.json(answer)
    except Refusal as refusal:
        return refusal.answer(has_trace=speaks_v4(request))


def vsstatus(server, request):
    """GET /vsstatus on the second port"""
    return Answer(200, f"TrueConf Server {server.version}\n".encode(), "text/plain")


def web_page(server, request, name):
    """GET /c/{id} and /tools/real-time/{session}: what the links in the bot's messages open"""
    found = next((each for each in server.conferences if name in (each.id, each.session_id)), None)
    if found is None:
        raise Refusal(404, "conferenceNotFound")
    title = html.escape(found.title or "")
    text = f"<h1>{title}</h1><p>{server.name}, simulated: here would be the conference.</p>"
    page = f"<!DOCTYPE html><meta charset=utf-8><title>{title}</title>{text}"
    return Answer(200, page.encode("utf-8", "replace"), "text/html; charset=UTF-8")


WEB_ROUTES = (
    Route("POST", "oauth2/v1/token", "token", None, give_token),
    Route("GET", "c/*", "", None, web_page),
    Route("GET", "tools/real-time/*", "", None, web_page),
)
STATUS_ROUTES = (Route("GET", "vsstatus", "vsstatus", None, vsstatus),)
