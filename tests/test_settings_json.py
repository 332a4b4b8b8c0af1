"""Settings that are no JSON, or not quite: what is said of them, and where they break."""

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import command_line
import texts
from lib.settings import SettingsError
from tests.conftest import TOKEN, says
from tests.test_settings import (
    BASE,
    ORIGINAL_GUIDE,
    SECRET,
    codes_of,
    dumped,
    error_of,
    load,
    put,
)
from texts import screens


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
    # Not there where Python gives up, but where it is to be mended.
    '{\n    "language": "en",\n    "tg-users-id": [1],\n}\n': ("json_extra_comma", 3, 23),
    '{"a": [1, 2,]}': ("json_extra_comma", 1, 12),
    '{"a": 1,, "b": 2}': ("json_extra_comma", 1, 9),
    '{"a": [, 1]}': ("json_extra_comma", 1, 8),
    '{"a": [1; 2]}': ("json_semicolon", 1, 9),
    '{"a": 1;\n"b": 2}': ("json_semicolon", 1, 8),
    '{\n"a" = 1}': ("json_colon", 2, 5),
    '{"a" "b"}': ("json_colon", 1, 6),
    '{"a": {\n"b": [1, 2],\n"c": 3\n\n': ("json_open", 3, 7, "} }"),
    '{\n"a": [1, 2': ("json_open", 2, 11, "] }"),
    '{"a": "[",\n"b": {}': ("json_open", 2, 8, "(})"),
    '{"a": [1,\n2}': ("json_bracket", 2, 2, "]", 1),
    '{"a": [1, 2,\n"language": "en"}': ("json_bracket", 2, 11, "]", 1),
    '{"a": {"b": 1]}': ("json_bracket", 1, 14, "}", 1),
    '{"a": 1}\n}': ("json_after", 2, 1, 1),
    '{"a": {\n}},\n"language": "en"}': ("json_after", 2, 3, 2),
    '{"a": 1 // mine\n}': ("json_comment", 1, 9),
    '{\n# mine\n"a": 1}': ("json_comment", 2, 1),
    '{"a": 1, /* mine */ "b": 2}': ("json_comment", 1, 10),
    '```json\n{"a": 1}\n```': ("json_fence", 1, 1),
    '{"a": 1}\n\n```\n': ("json_fence", 3, 1),
    '{"a": True}': ("json_python", 1, 7, "true"),
    '{"a": [1, FALSE]}': ("json_python", 1, 11, "false"),
    '{"a": None,\n"b": 1}': ("json_python", 1, 7, "null"),
    '{"a": Офис}': ("json_unquoted", 1, 7),
    '{"a": yes}': ("json_unquoted", 1, 7),
    '{language: "en"}': ("json_unquoted", 1, 2),
    '{"ip": 192.168.0.1}': ("json_unquoted", 1, 8),
    f'{{"a":{TOKEN}}}': ("json_unquoted", 1, 6),
    '{"a": 0123abc}': ("json_unquoted", 1, 7),
    '{"a": [None_of_them]}': ("json_unquoted", 1, 8),
    '{\n"a": "b,\n"c": 1}': ("json_string", 2, 6),
    '{\n"a": "b", "c: 1\r\n}': ("json_string", 2, 11),
    '{"a": "b': ("json_string", 1, 7),
    '{"a": "b\tc"}': ("json_character", 1, 9, "U+0009"),
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


def test_what_does_not_begin_as_settings_is_called_so(tmp_path):
    for text in ("Here are your settings:\n{}", '"language": "en", "servers": {}', "True"):
        assert codes_of(tmp_path, text) == ["not_object"], text


def test_broken_json_that_holds_secrets_shows_none(tmp_path):
    for text in (
        f'{{"a": {TOKEN}}}',
        f'{{"a": {SECRET}x}}',
        f'{{"a": "{SECRET},\n}}',
        f"{{'{SECRET}'",
    ):
        said = command_line.settings_error(error_of(tmp_path, text))
        assert SECRET[:8] not in said
        assert TOKEN[:8] not in said


@hypothesis_settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.integers(0, len(ORIGINAL_GUIDE) - 1),
    letters=st.text("{}[]\",:;/#'\\ \nT1\u00a0“", max_size=2),
)
def test_whatever_is_struck_out_of_the_settings_or_put_in_is_told_and_never_a_traceback(
    tmp_path, place, letters
):
    text = ORIGINAL_GUIDE[:place] + letters + ORIGINAL_GUIDE[place + 1 :]
    try:
        load(tmp_path, text)
        problems = []
    except SettingsError as error:
        problems = error.problems
    for language in texts.LANGUAGES:
        texts.use(language)
        assert all(screens.problem(problem) for problem in problems)
