"""What can go wrong with one answer of the simulated TrueConf Server.

Each fault is a function that is given an Exchange and sends something else than the right answer.
Faults that call `right_answer()` do what was asked (a stop really stops) and spoil only the answer.
"""

import functools
import gzip
import json
from dataclasses import dataclass, replace

from demo.trueconf.access import error_answer
from demo.wire import Answer, Connection, HangUp, Request, html_page

REASONS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "conferenceNotFound",
    429: "tooManyRequests",
}


@dataclass
class Exchange:
    """A request that is to be answered badly, and how."""

    server: object
    connection: Connection
    request: Request
    details: dict

    def right_answer(self, **other_query):
        request = replace(self.request, query={**self.request.query, **other_query})
        return self.server.answer(request)

    def send(self, answer):
        self.connection.send(answer)

    def send_head(self, answer, length=None):
        self.connection.send_bytes(answer.head(self.server.clock(), length))


def hang(exchange):
    """No answer until mend() or stop()."""
    exchange.connection.hang()


def hang_after_header(exchange):
    """The header, then nothing more."""
    exchange.send_head(exchange.right_answer())
    exchange.connection.hang()


def cut(exchange):
    """The connection ends in the middle of the body."""
    answer = exchange.right_answer()
    head = answer.head(exchange.server.clock(), max(len(answer.body), 2))
    exchange.connection.send_bytes(head + answer.body[: len(answer.body) // 2])
    raise HangUp


def reset(exchange):
    """The connection is reset before any answer."""
    exchange.connection.reset()


def slow(exchange):
    """The right answer, `delay_s` seconds later."""
    answer = exchange.right_answer()
    exchange.connection.wait(exchange.details.get("delay_s", 1))
    exchange.send(answer)


def drip(exchange):
    """The right answer, one byte of the body each `pause_s` (0.2) seconds."""
    answer = exchange.right_answer()
    exchange.send_head(answer)
    for position in range(len(answer.body)):
        exchange.connection.wait(exchange.details.get("pause_s", 0.2))
        exchange.connection.send_bytes(answer.body[position : position + 1])


def drip_status_line(exchange):
    """A status line that never ends, one byte each `pause_s` (0.2) seconds."""
    _drip(exchange, b"HTTP/1.1 200 O", b"K")


def drip_header(exchange):
    """Headers that never end, one line each `pause_s` (0.2) seconds."""
    _drip(exchange, b"HTTP/1.1 200 OK\r\n", b"X-Filler: x\r\n")


def drip_continue(exchange):
    """ "100 Continue" again and again, one each `pause_s` (0.2) seconds."""
    _drip(exchange, b"", b"HTTP/1.1 100 Continue\r\n\r\n")


def chunk_drip(exchange):
    """One chunk of JSON, then a size of the next one that never ends."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    _drip(exchange, head + b"1\r\n{\r\n", b"0")


def gzip_drip(exchange):
    """A gzip stream of blocks with nothing in them, one each `pause_s` (0.2) seconds."""
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 999999999\r\n\r\n"
    gzip_header = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    _drip(exchange, head + gzip_header, b"\0\0\0\xff\xff")


def _drip(exchange, before, drop):
    exchange.connection.send_bytes(before)
    while True:
        exchange.connection.wait(exchange.details.get("pause_s", 0.2))
        exchange.connection.send_bytes(drop)


def many_rows(exchange):
    """The right answer with `count` (100,000) rows in its list, each of them `row` ({})."""
    _send_rows(exchange, exchange.details.get("count", 100_000))


def large_rows(exchange):
    """The right answer with so many rows like `row` ({}) in its list that it has `size_mb` (15)."""
    row = json.dumps(exchange.details.get("row", {}))
    _send_rows(exchange, exchange.details.get("size_mb", 15) * 1024 * 1024 // len(f"{row},"))


def _send_rows(exchange, count):
    answer = exchange.right_answer()
    data = {} if exchange.request.port_kind == "status" else json.loads(answer.body or "{}")
    name = next((key for key, value in data.items() if isinstance(value, list)), "list")
    totals = dict.fromkeys(("cnt", "count", "results"), count)
    before, after = json.dumps({**data, **totals, name: "HERE"}).encode().split(b'"HERE"')
    rows = _rows(json.dumps(exchange.details.get("row", {})), count)
    exchange.send_head(Answer(), len(before) + len(rows) + len(after))
    for part in (before, rows, after):
        exchange.connection.send_bytes(part)


@functools.lru_cache(4)  # many connections may send the same one at once
def _rows(row, count):
    return f"[{','.join([row] * count)}]".encode()


def nested_gzip(exchange):
    """JSON in gzip in gzip: a few KB that are `size_mb` (5,000) MB of blanks when unpacked."""
    exchange.right_answer()
    body = _nested_gzip(exchange.details.get("size_mb", 5000))
    exchange.send(Answer(200, body, headers={"Content-Encoding": "gzip, gzip"}))


@functools.cache
def _nested_gzip(size_mb):
    megabyte = gzip.compress(b" " * 1024 * 1024)
    return gzip.compress(megabyte * size_mb + gzip.compress(b"{}"))


def status(exchange):
    """An error: `status` (500), `reason`, `html` (False: the API's own error envelope)."""
    code = exchange.details.get("status", 500)
    answer = error_answer(code, exchange.details.get("reason", REASONS.get(code, "internalError")))
    if exchange.details.get("html"):
        answer = html_page(f"Error {code}", code)
    answer.headers = exchange.details.get("headers", {})
    exchange.send(answer)


def html(exchange):
    """200 with a web page, as a proxy or a sign-in portal answers."""
    exchange.send(html_page("Welcome"))


def empty(exchange):
    """200 without a body."""
    exchange.right_answer()
    exchange.send(Answer())


def truncated(exchange):
    """JSON cut in half, with the length of the half."""
    answer = exchange.right_answer()
    answer.body = answer.body[: len(answer.body) // 2]
    exchange.send(answer)


def json_list(exchange):
    """A JSON list where an object belongs."""
    exchange.right_answer()
    exchange.send(Answer.json(["surprise"]))


def null(exchange):
    """JSON null where an object belongs."""
    exchange.right_answer()
    exchange.send(Answer.json(None))


def strings(exchange):
    """The right answer with every number written as a string."""
    answer = exchange.right_answer()
    data = json.loads(answer.body or "null")
    exchange.send(Answer.json(_with_strings(data), answer.status))


def huge(exchange):
    """A valid JSON object of `size_mb` (50) megabytes, streamed."""
    block = b"x" * 1024 * 1024
    size_mb = exchange.details.get("size_mb", 50)
    before, after = b'{"filler": "', b'"}'
    exchange.send_head(Answer(), len(before) + size_mb * len(block) + len(after))
    exchange.connection.send_bytes(before)
    for _ in range(size_mb):
        exchange.connection.send_bytes(block)
    exchange.connection.send_bytes(after)


def endless(exchange):
    """Paging that never ends: always the first page, and always a promise of more."""
    page_id = exchange.request.query.get("page_id", "1")
    answer = exchange.right_answer(page_id="1")
    data = json.loads(answer.body)
    if "cnt" in data:
        data["cnt"] = 10**9
    elif "error" not in data:
        data["next_page_id"] = int(page_id) + 1 if page_id.isdigit() else 2
    exchange.send(Answer.json(data, answer.status))


def redirect(exchange):
    """302 to `location`."""
    location = exchange.details.get("location", "/login")
    exchange.send(Answer(302, headers={"Location": location}))


FAULTS = {
    "hang": hang,
    "hang_after_header": hang_after_header,
    "cut": cut,
    "reset": reset,
    "slow": slow,
    "drip": drip,
    "status": status,
    "html": html,
    "empty": empty,
    "truncated": truncated,
    "list": json_list,
    "null": null,
    "strings": strings,
    "huge": huge,
    "endless": endless,
    "redirect": redirect,
    "drip_status_line": drip_status_line,
    "drip_header": drip_header,
    "continue": drip_continue,
    "chunk_drip": chunk_drip,
    "gzip_drip": gzip_drip,
    "many_rows": many_rows,
    "large_rows": large_rows,
    "nested_gzip": nested_gzip,
}


def _with_strings(value):
    if isinstance(value, dict):
        return {key: _with_strings(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_strings(each) for each in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value
