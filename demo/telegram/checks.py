"""What the simulated Telegram checks: parameters of a call, texts, keyboards and commands.

Each check raises an ApiError with Telegram's own words. What the methods do with what passed
stands in `server`.
"""

import json
import re
from urllib.parse import parse_qsl

from demo.telegram.html import CannotParse, FormattedText, checked_link, finished, parse
from demo.telegram.html import utf16_length as length_of

MAX_TEXT = 4096
MAX_MARKUP_BYTES = 10240
MAX_BUTTONS = 100
MAX_BUTTONS_IN_ROW = 8

BUTTON_STYLES = ("danger", "success", "primary")
BUTTON_ACTIONS = ("callback_data", "url", "web_app", "login_url", "copy_text", "pay")
BUTTON_ACTIONS += ("switch_inline_query", "switch_inline_query_current_chat", "callback_game")


class ApiError(Exception):
    """What Telegram answers instead of a result; `parameters` as in ResponseParameters."""

    def __init__(self, status, description, **parameters):
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters


def bad_request(problem):
    return ApiError(400, f"Bad Request: {problem}")


class Parameters(dict):
    """Parameters by name, all of them text, as they come in a query string or a form."""

    def text(self, name):
        return self.get(name, "")

    def flag(self, name):
        return self.text(name).lower() in ("true", "1", "yes", "t")

    def integer(self, name, default=0):
        try:
            return int(self.text(name))
        except ValueError:
            return default

    def json(self, name):
        """The decoded value, or None if it is missing, empty or null."""
        if not self.text(name):
            return None
        try:
            return json.loads(self.text(name))
        except ValueError:
            raise bad_request(f"can't parse {name} JSON object") from None


def parameters_of(request):
    """Return the Parameters of the query string and the body. Raises ValueError."""
    found = Parameters(request.query)
    content_type = request.headers.get("Content-Type", "")
    if content_type.startswith("application/x-www-form-urlencoded"):
        found.update(parse_qsl(request.body, keep_blank_values=True))
    elif content_type.startswith("application/json") and request.body:
        fields = json.loads(request.body)
        if not isinstance(fields, dict):
            raise ValueError("the body is not a JSON object")
        given = {name: value for name, value in fields.items() if value is not None}
        found.update((name, _as_text(value)) for name, value in given.items())
    return found


def _as_text(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def formatted_text(parameters):
    text, mode = parameters.text("text"), parameters.text("parse_mode").lower()
    if mode not in ("", "html"):
        raise bad_request("unsupported parse_mode")  # Markdown is not simulated
    try:
        formatted = parse(text) if mode else finished(_given_entities(text, parameters))
    except CannotParse as error:
        raise bad_request(f"can't parse entities: {error}") from None
    if not formatted.text:
        raise bad_request("message text is empty")
    if length_of(formatted.text) > MAX_TEXT:
        raise bad_request("message is too long")
    return formatted


def _given_entities(text, parameters):
    entities = parameters.json("entities") or []
    if not isinstance(entities, list) or not all(isinstance(item, dict) for item in entities):
        raise bad_request("can't parse entities JSON object")
    for entity in entities:
        if not all(isinstance(entity.get(name), int) for name in ("offset", "length")):
            raise bad_request("can't parse MessageEntity: wrong offset or length")
    return FormattedText(text, entities)


def keyboard_rows(parameters, only_inline=False):
    """Return the rows of an inline keyboard, checked; none for other or missing keyboards."""
    markup = parameters.json("reply_markup")
    if markup is None:
        return []
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" not in markup:
        if only_inline and markup:
            raise bad_request("inline keyboard expected")
        return []
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array')
    rows = [[_checked_button(fields) for fields in row] for row in rows if row]
    _check_size(rows)
    return rows


def _check_size(rows):
    # Telegram counts the packed keyboard; its JSON, without escapes, is the nearest to that.
    size = len(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode())
    is_too_wide = any(len(row) > MAX_BUTTONS_IN_ROW for row in rows)
    if is_too_wide or sum(map(len, rows)) > MAX_BUTTONS or size > MAX_MARKUP_BYTES:
        raise bad_request("reply markup is too long")


def _checked_button(fields):
    if not isinstance(fields, dict):
        raise bad_request("can't parse inline keyboard button: expected an Object")
    fields = {name: value for name, value in fields.items() if value is not None}
    if not isinstance(fields.get("text"), str) or not fields["text"].strip():
        raise bad_request('can\'t parse inline keyboard button: field "text" must be non-empty')
    actions = [name for name in BUTTON_ACTIONS if name in fields]
    if not actions or fields[actions[0]] == "":
        problem = "text buttons are unallowed in the inline keyboard"
        raise bad_request(f"can't parse inline keyboard button: {problem}")
    if len(actions) > 1:
        raise bad_request("can't parse inline keyboard button: only one action is allowed")
    for name in ("callback_data", "url"):
        if not isinstance(fields.get(name, ""), str):
            problem = f'field "{name}" must be of type String'
            raise bad_request(f"can't parse inline keyboard button: {problem}")
    if len(fields.get("callback_data", "").encode()) > 64:
        raise bad_request("BUTTON_DATA_INVALID")
    if fields.get("style", "primary") not in BUTTON_STYLES:
        raise bad_request("can't parse inline keyboard button: invalid button style specified")
    _check_button_url(fields.get("url"))
    return fields


def _check_button_url(url):
    try:
        if url is not None:
            checked_link(url)
    except ValueError as error:
        problem = f"inline keyboard button URL '{url}' is invalid: {error}"
        raise bad_request(problem) from None


def checked_command(fields):
    if not isinstance(fields, dict):
        raise bad_request("can't parse commands: expected an Object")
    command = str(fields.get("command", "")).strip().removeprefix("/")
    description = str(fields.get("description", "")).strip()
    if not command:
        raise bad_request("command must be non-empty")
    if len(command) > 32:
        raise bad_request("command length must not exceed 32")
    if not re.fullmatch(r"[a-z0-9_]+", command):
        raise bad_request("BOT_COMMAND_INVALID")
    if not description:
        raise bad_request("command description must be non-empty")
    if len(description) > 256:
        raise bad_request("command description length must not exceed 256")
    return {"command": command, "description": description}
