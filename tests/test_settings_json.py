"""Settings that are no JSON, or not quite: what is said of them, and where they break."""

import command_line
from tests.conftest import says
from tests.test_settings import BASE, codes_of, dumped, error_of, put


def test_file_that_holds_no_settings_is_called_what_it_is(tmp_path):
    empty = dict.fromkeys([b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"], "empty")
    not_object = dict.fromkeys(["[]", "5", "null", '"text"', "[" * 100_000], "not_object")
    russian = dumped(put(BASE, "servers/Сервер", BASE["servers"]["office"]))
    encodings = {russian.encode(name): "encoding" for name in ("cp1251", "cp866")}
    for name in ("utf-16", "utf-16-le", "utf-16-be"):  # with its mark and without
        encodings[russian.encode(name)] = encodings[dumped(BASE).encode(name)] = "utf_16"
    for content, code in {**empty, **not_object, **encodings}.items():
        assert codes_of(tmp_path, content) == [code], content[:20]


# A broken file -> the code of its sentence, and what that says besides: the line and column where
# it is broken, the line where a comma may be missing, the name of a character.
BROKEN_JSON = {
    '{\n    "language": "en"\n    "tg-users-id": [1]\n}': ("json_comma", 3, 5, 2),
    '{\n    "servers": {\n        "a": {}\n    }\n\n    "b": 1\n}': ("json_comma", 6, 5, 4),
    '{"tg-users-id": [\n1\n2]}': ("json_comma", 3, 1, 2),
    '{"a": 1 "b": 2}': ("json", 1, 9),
    '{"a": ': ("json", 1, 7),
    '{"a": Офис}': ("json", 1, 7),
    '{\n\u00a0\u00a0"a": 1\n}': ("json_character", 2, 1, "U+00A0 NO-BREAK SPACE"),
    '{"a":\u200b1}': ("json_character", 1, 6, "U+200B ZERO WIDTH SPACE"),
    '{"a": 1,\u2003"b": 2}': ("json_character", 1, 9, "U+2003 EM SPACE"),
    '{"a": 1}\u2060': ("json_character", 1, 9, "U+2060 WORD JOINER"),
    '\u200b{"a": 1}': ("json_character", 1, 1, "U+200B ZERO WIDTH SPACE"),
    '{"a"：1}': ("json_character", 1, 5, "U+FF1A FULLWIDTH COLON"),
    "{“a”: 1}": ("json_quotes", 1, 2, '"'),
    '{"a": „b“}': ("json_quotes", 1, 7, '"'),
    '{"a": «b»}': ("json_quotes", 1, 7, '"'),
    "{'a': 1}": ("json_quotes", 1, 2, '"'),
    '{\n "a": "b”,\n "c": 2\n}': ("json_quotes", 2, 11, '"'),
    '{\r\n "a”: 1,\r\n "c": 2\r\n}': ("json_quotes", 2, 9, '"'),
    r'{"log-file": "C:\logs\bot.log"}': ("json_escape", 1, 17, r"\\"),
}


def test_broken_json_is_told_with_its_place_and_what_may_be_wrong_there(tmp_path):
    for text, (code, line, column, *more) in BROKEN_JSON.items():
        error = error_of(tmp_path, text)
        assert [problem.code for problem in error.problems] == [code], text
        said = command_line.settings_error(error)
        place = {"key": "settings.json", "line": line, "column": column}
        found = says(said, f"problem_{code}", **place)
        assert found, said
        assert all(str(part) in found[0] for part in more), said


def test_trailing_comma_has_its_line_and_column(tmp_path):
    text = '{\n    "language": "en",\n    "tg-users-id": [1],\n}\n'
    error = error_of(tmp_path, text)
    found = says(command_line.settings_error(error), "problem_json", key="settings.json")
    # Python 3.13 points at the comma, older ones at what follows it.
    assert found.group("line", "column") in [("3", "23"), ("4", "1")]
