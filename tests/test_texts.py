"""The texts: the same in all languages, nothing that Telegram refuses, as people say it."""

import ast
import html
import itertools
import json
import re
import string
import time
import unicodedata
from dataclasses import asdict, dataclass, fields, replace

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import keyboards
import lib.connections
import lib.trueconf_client
import texts
import trueconf_api
from demo.telegram import html as telegram_html
from demo.telegram.html import utf16_length
from keyboards import Press
from lib.entries import FORGOTTEN, JOB, OUTAGE, PAUSE, Entry, Step
from lib.schedule import Window
from lib.settings_server import LONGEST_H
from memory import forgotten_details
from tests.conftest import OWN_COMMANDS, ROOT, label, says
from tests.this_version import sources
from texts import LANGUAGES, Html, history, news, screens
from trueconf_api import (
    ALREADY_OVER,
    DOWN,
    SERVICE_DOWN,
    STILL_RUNNING,
    STOPPED,
    UP,
    WEB_DOWN,
    Account,
    BadAnswer,
    Conference,
    ConferencePage,
    Forgotten,
    Match,
    Online,
    Overview,
    Participant,
    People,
    PermissionMissing,
    Recording,
    Search,
    Server,
    ServerUnreachable,
    Status,
)

MESSAGE_LIMIT, POPUP_LIMIT, ENTITY_LIMIT = 4096, 200, 100
NASTY = "<b>&amp;\"'</b>{name}%s\n\r\t\x00\u202e\u2028\ud83d🟢👩‍💻" * 20
WIDE = "🟢" * 300


@pytest.fixture(params=LANGUAGES)
def language(request):
    texts.use(request.param)
    return request.param


def forms_of(words: str | tuple) -> tuple[str, ...]:
    return words if isinstance(words, tuple) else (words,)


def placeholders(words: str | tuple) -> set[str]:
    parts = [part for form in forms_of(words) for part in string.Formatter().parse(form)]
    return {name for _, name, _, _ in parts if name is not None}


# ---------------------------------------------------------------- the languages

OURS = ("ru", "en", "de", "es")  # those of which a test knows more than of any language
ALL_KEYS = sorted({key for words in LANGUAGES.values() for key in words})


def test_all_languages_have_the_same_keys():
    for words in LANGUAGES.values():
        assert sorted(words) == ALL_KEYS


def test_line_n_of_a_language_translates_line_n_of_the_others():
    def heads(language: str) -> list[str]:
        """What each line begins with: its key, or the comment that it is."""
        lines = (ROOT / "texts" / f"{language}.py").read_text(encoding="utf-8").splitlines()[1:]
        return [re.sub(r'^( {4}"\w+": ).*', r"\1", line) for line in lines]

    assert {"    # the screens", '    "servers": '} <= set(heads("en"))
    for language in LANGUAGES:
        assert heads(language) == heads("en"), language


def test_no_key_is_written_down_twice():
    for language in LANGUAGES:
        tree = ast.parse((ROOT / "texts" / f"{language}.py").read_text(encoding="utf-8"))
        [table] = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
        keys = [key.value for key in table.keys]
        assert len(keys) == len(set(keys)), language


def same_in_all(what) -> list[str]:
    """The keys for which `what(words)` is not the same in all languages."""
    return [key for key in ALL_KEYS if len({what(words[key]) for words in LANGUAGES.values()}) > 1]


def test_all_languages_have_the_same_placeholders():
    assert same_in_all(lambda words: frozenset(placeholders(words))) == []
    # One form may do without the number ("Stop it", "Stop all 5"), the last one never.
    assert same_in_all(lambda words: frozenset(placeholders(forms_of(words)[-1]))) == []


def test_plurals_have_as_many_forms_as_the_language():
    assert same_in_all(type) == []
    for language, words in LANGUAGES.items():
        plurals = {key: forms for key, forms in words.items() if isinstance(forms, tuple)}
        lengths = {key: len(forms) for key, forms in plurals.items()}
        assert lengths == dict.fromkeys(plurals, 3 if language in texts.THREE_FORMS else 2)
        assert [key for key in plurals if "number" not in placeholders(plurals[key])] == []


def test_tags_are_the_same_in_all_languages_and_none_is_left_open():
    def tags(words):
        for form in forms_of(words):
            telegram_html.parse(form.replace("{", "").replace("}", ""))
        return frozenset(tuple(re.findall(r"<[^>]*>", form)) for form in forms_of(words))

    assert same_in_all(tags) == []


def test_each_language_is_written_in_its_letters():
    ours = {language: LANGUAGES[language] for language in OURS if language in LANGUAGES}
    for key in ALL_KEYS:
        for language, words in ours.items():
            said = " ".join(forms_of(words[key]))
            plain = re.sub(r"<[^>]*>|\{[^}]*\}|\w+\.json\.?\w*|README\.\w+", "", said)
            has_cyrillic = bool(re.search("[а-яё]", plain, re.IGNORECASE))
            assert not has_cyrillic or language == "ru", (language, key)
            if re.search(r"[a-z]{3}", re.sub(r"<[^>]*>|\{[^}]*\}", "", LANGUAGES["en"][key][0])):
                assert has_cyrillic == (language == "ru"), (language, key)


def test_words_have_no_blanks_to_spare():
    for language, words in LANGUAGES.items():
        for key, value in words.items():
            for form in forms_of(value):
                assert form == form.strip(), (language, key)
                assert "  " not in form, (language, key)
                assert form, (language, key)


def test_letters_are_put_together_the_usual_way():
    """й, ü and ñ as one character each: two would be counted, cut and searched as two."""
    for language, words in LANGUAGES.items():
        for key, value in words.items():
            for form in forms_of(value):
                assert unicodedata.is_normalized("NFC", form), (language, key)


# ---------------------------------------------------------------- which words are used

CODE = [
    *sources("*.py", "lib/*.py", "alerts/*.py"),
    *(ROOT / "texts" / name for name in ("__init__.py", "screens.py", "news.py", "history.py")),
]
# What takes the key of a text: as it is called, and which argument the key is.
TAKERS = {"words": 0, "plural": 0, "plain_text": 0, "has_words": 0}
TAKERS |= {"_label": 0, "_heading": 1, "_overview_part": 1}
OF_TEXTS = ("words", "plural", "plain_text")
TAKERS_OF_AN_OBJECT = {"texts": OF_TEXTS, "report": ("ok", "bad"), "self": ()}


def pattern_of(node: ast.expr) -> str | None:
    """A constant as itself, an f-string with something in place of what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        parts = [re.escape(p.value) if isinstance(p, ast.Constant) else r"\w+" for p in node.values]
        return "".join(parts)
    return None


def patterns_in(node: ast.AST) -> set[str]:
    """All texts and f-strings below, an f-string's parts left out."""
    found, waiting = set(), [node]
    while waiting:
        one = waiting.pop()
        pattern = pattern_of(one)
        if pattern:
            found.add(pattern)
        else:
            waiting += ast.iter_child_nodes(one)
    return found


def trees() -> list[ast.Module]:
    return [ast.parse(path.read_text(encoding="utf-8")) for path in CODE]


def asked_for() -> set[str]:
    """The keys, or patterns of keys, that the code hands to the functions that fill texts."""
    found = set()
    for tree in trees():
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call):
                continue
            function = call.func
            if isinstance(function, ast.Name) and function.id in TAKERS:
                place = TAKERS[function.id]
            elif (
                isinstance(function, ast.Attribute)
                and isinstance(function.value, ast.Name)
                and function.attr in TAKERS_OF_AN_OBJECT.get(function.value.id, ())
            ):
                place = 0
            else:
                continue
            key = call.args[place] if len(call.args) > place else None
            found |= patterns_in(key) if isinstance(key, (ast.IfExp, ast.JoinedStr)) else set()
            if isinstance(key, ast.Constant):
                found.add(pattern_of(key))
    return found


def test_every_text_that_the_code_asks_for_exists():
    patterns = asked_for()
    assert len(patterns) > 100
    missing = {
        pattern for pattern in patterns if not any(re.fullmatch(pattern, key) for key in ALL_KEYS)
    }
    assert missing == set()


def test_every_text_is_used_somewhere():
    patterns = set()
    for tree in trees():
        patterns |= patterns_in(tree)

    shapes = [re.compile(one.replace(r"\w+", r"(\w+)")) for one in patterns]

    def is_used(key: str) -> bool:
        # What an f-string fills in stands somewhere in the code too: f"reason_{...}", "refused".
        fits = (shape.fullmatch(key) for shape in shapes)
        return any(fit and patterns.issuperset(fit.groups()) for fit in fits)

    assert [key for key in ALL_KEYS if not is_used(key)] == []


def names_after(marker: str, documented: object) -> list[str]:
    """The one-word reasons that a docstring lists after the marker."""
    listed = documented.__doc__.partition(marker)[2].partition(".")[0]
    return re.findall(r"\b[a-z]+(?:_[a-z]+)*\b", re.sub(r"\([^)]*\)", "", listed))


MANY_PEOPLE = People(1000, 10, ("Anna",) * 990, None, None)
SILENCES = names_after("`reason`:", ServerUnreachable)
OTHER_REASONS = {
    "wrong_secret": {},
    "token_refused": {},
    "permission": {"permission": "users:read"},
    "api_version": {"version": "v3.3"},
    "conference": {},
    "status": {"status": 500},
    "in_front": {"status": 403},
    "redirect": {"location": "other.example.org"},
    "redirect_here": {"status": 302},
    "not_json": {},
    "shape": {},
    "too_large": {},
    "endless": {},
}


def raised_reasons() -> set[str]:
    """The reasons that trueconf_api.py gives to its errors."""
    files = sources("trueconf_api.py", "lib/trueconf_*.py")
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    errors = {"ServerUnreachable", "AccessRefused", "PermissionMissing", "NotFound", "BadAnswer"}
    found = set()
    for call in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in errors:
            found |= {node.value for node in ast.walk(call.args[1]) if is_text(node)}
    return found


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_the_lists_of_reasons_here_are_complete():
    tables = {reason for _, reason in lib.connections._REASONS}
    tables |= set(lib.connections._CERTIFICATE_REASONS.values())
    assert {"refused", "timed_out", "no_route", "ca_file", "failed"} <= set(SILENCES)
    assert tables <= {*SILENCES, "too_large"}
    reasons = {reason for _, _, reason in lib.trueconf_client._ERRORS}
    assert reasons | raised_reasons() <= {*SILENCES, *OTHER_REASONS}


def test_every_reason_of_a_silence_has_words(language):
    server = Server("office", "https://10.0.0.1")
    for reason in [*SILENCES, "http_500", "http_502"]:
        words = screens.reason_words(reason)
        assert len(words) > 3
        assert "_" not in words.replace("ssl_certificate", "")
        assert words in screens.state_sentence(server, Status(DOWN, reason, reason))
        assert words in screens.state_sentence(server, Status(SERVICE_DOWN, reason))
        assert words in screens.state_sentence(server, Status(WEB_DOWN, "", reason))
        if reason in SILENCES:
            assert words in screens.error_screen(ServerUnreachable(server, reason))


def test_every_other_error_has_a_sentence_that_names_what_matters(language):
    for reason, details in OTHER_REASONS.items():
        error = trueconf_api.TrueConfError(Server("office", "https://10.0.0.1"), reason, **details)
        said = texts.plain(screens.error_screen(error))
        assert "office" in said
        for value in details.values():
            assert str(value) in said
        assert reason != "api_version" or "v3.3" in said


def test_every_command_is_described(language):
    tree = ast.parse((ROOT / "main.py").read_text(encoding="utf-8"))
    names = [
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "on_command"
    ]
    assert set(names) >= {"start", "status", "id", "help"}
    for name in names:
        assert 1 <= len(texts.plain_text(f"command_{name}")) <= 256
        assert f"/{name}" in texts.words("help")


# ---------------------------------------------------------------- numbers and times

ONE, FEW, MANY = range(3)
RUSSIAN = {
    **dict.fromkeys((1, 21, 101, 121), ONE),
    **dict.fromkeys((2, 4, 22, 102), FEW),
    **dict.fromkeys((0, 5, 11, 12, 14, 20, 25, 111, 112, 1000), MANY),
}


def test_russian_endings():
    texts.use("ru")
    forms = LANGUAGES["ru"]["conferences_number"]
    for number, form in RUSSIAN.items():
        assert texts.plural_form("ru", number) == form, number
        said = texts.plain(texts.plural("conferences_number", number))
        assert said == forms[form].format(number=number)


def test_the_other_languages_have_one_and_many():
    for language in set(LANGUAGES) - set(texts.THREE_FORMS):
        for number in (0, 1, 2, 5, 11, 12, 21, 22, 25, 101, 111, 112):
            assert texts.plural_form(language, number) == (0 if number == 1 else 1)


# A duration: its parts as they are shown. The second part is left out where it is 0.
DURATIONS = {
    0: "0 seconds",
    0.9: "0 seconds",
    1: "1 seconds",
    59: "59 seconds",
    60: "1 minutes",
    61: "1 minutes 01 seconds",
    119: "1 minutes 59 seconds",
    900: "15 minutes",
    3599: "59 minutes 59 seconds",
    3600: "1 hours",
    3659: "1 hours",
    61 * 60: "1 hours 01 minutes",
    125 * 60 + 33: "2 hours 05 minutes",
    24 * 3600: "1 days",
    25 * 3600 + 180: "1 days 1 hours",
    47 * 3600: "1 days 23 hours",
    400 * 86400: "400 days",
    -5: "0 seconds",
}


def in_words(parts: str) -> str:
    found = re.findall(r"(\d+) (\w+)", parts)
    return " ".join(
        words_of(texts.words(f"duration_{unit}", number=number)) for number, unit in found
    )


def test_durations_read_as_people_say_them(language):
    for seconds, parts in DURATIONS.items():
        assert words_of(texts.duration(seconds)) == in_words(parts), seconds
    assert texts.duration(None) == texts.words("duration_unknown")


def words_of(duration: str) -> str:
    """With plain blanks: a duration itself is never broken over two lines."""
    assert " " not in duration or not re.search(r"\d", duration)
    return duration.replace("\u00a0", " ")


def test_durations_are_short_in_every_language(language):
    for seconds in (0, 59, 61, 3661, 90061, 40 * 86400 + 3600):
        assert len(texts.duration(seconds)) <= 12


def test_ages_to_choose_from():
    ages = {60: "1 hours", 1440: "24 hours", 30: "30 minutes", 90: "90 minutes"}
    for minutes, said in ages.items():
        assert words_of(texts.age_choice(minutes)) == in_words(said)


def test_moment_has_the_date_unless_it_is_today(language):
    long_ago = (2024, 2, 10, 3, 4, 5, 0, 0, -1)
    shown = texts.plain(texts.moment(time.mktime(long_ago)))
    assert shown == time.strftime(texts.words("moment_with_year"), long_ago)
    assert set(map(int, re.findall(r"\d+", shown))) | {2} == {2, 3, 4, 10, 2024}
    now = time.time()
    assert texts.moment(now) == time.strftime("%H:%M:%S", time.localtime(now))


def test_dates_of_a_sentence_stand_at_all_its_days_or_at_none(language, monkeypatch):
    """Without seconds, and without the year where it is this one."""
    now = time.mktime((2026, 6, 15, 12, 0, 0, 0, 0, -1))
    local = time.localtime
    monkeypatch.setattr(time, "localtime", lambda at=None: local(now if at is None else at))
    assert texts.moments(now - 60, now) == ["11:59:00", "12:00:00"]
    yesterday, today = texts.moments(now - 86400, now)
    assert yesterday != today
    for shown in (yesterday, today):
        assert not re.search("2026|:00:00", shown)
        assert "12:00" in shown
    begin, end, later = texts.moments(now - 86400, now - 86400 + 60, now)
    assert (begin, end, later) == (yesterday, "12:01", today)
    last_year, today = texts.moments(now - 365 * 86400, now)
    assert "2025" in last_year
    assert "2026" in today


def test_moment_that_no_calendar_knows_breaks_no_message(language):
    """As in a record that was edited by hand."""
    for at in (-1e18, -1.0, 1e11, 1e18, float("inf")):
        assert re.search(r"\d\d:\d\d", texts.moment(at))


def test_date_can_be_copied_and_searched(language):
    """Nothing invisible stands in it, as it would in what others have written."""
    for at in (time.time(), time.time() - 86400, 1e9):
        assert texts.WORD_JOINER not in texts.words("read_at", time=texts.moment(at))


def test_number_and_noun_stay_on_one_line(language):
    """So do a time and what stands before it."""
    for key, forms in LANGUAGES[language].items():
        if isinstance(forms, tuple):
            names = set(re.findall(r"\{(\w+)\}", "".join(forms))) - {"number"}
            for number in (1, 2, 5):
                said = texts.plural(key, number, **dict.fromkeys(names, "x"))
                assert f"{number} " not in said, key
    moment = texts.moment(time.time() - 86400)
    assert " " not in moment
    for key in ("read_at", "state_since", "paused", "was_down"):
        names = re.findall(r"\{(\w+)\}", LANGUAGES[language][key])
        said = texts.words(key, **{**dict.fromkeys(names, "x"), "time": moment})
        assert f" {moment}" not in said, key
    cut = Entry(1, "cut", "", time.time() - 9, time.time(), news=["said"])
    assert " –" not in news.message("cut", [(None, cut, 1)], -1)[0]


# ---------------------------------------------------------------- filling, cleaning, cutting


def filled(words: str, value: str) -> Html:
    names = placeholders(words)
    url = "https://10.0.0.1/c/1"
    return texts._fill(words, {name: url if name == "url" else value for name in names})


@hypothesis_settings(max_examples=40)
@given(value=st.text(st.characters(codec=None), max_size=30))
@example(value="<b>bold</b>")
@example(value='"><a href="https://evil.example">x</a>')
@example(value="&lt;&#60;&amp;")
@example(value="{server}{0}{number!r}")
@example(value="\ud83d half \udc00")
@example(value="</b></i></code></a>")
def test_whatever_is_filled_in_is_escaped(value):
    shown = texts.clean(value)
    for words in LANGUAGES.values():
        for key, forms in words.items():
            for form in forms_of(forms):
                message = filled(form, value)
                read = telegram_html.parse(message)
                own_tags = len(re.findall(r"<[a-z]", form))
                assert len(re.findall(r"<[a-z]", message)) == own_tags, key
                visible = placeholders(form) - {"url"}
                in_one_line = telegram_html.as_read(read.text).strip()
                assert not visible or shown.strip() in in_one_line, key
                assert texts.plain(message).strip() == in_one_line, key


def test_html_that_is_ready_is_not_escaped_twice():
    bold = texts.words("bold", text="<&>")
    assert bold in texts.words("heading", server=bold, screen="x")
    assert isinstance(bold, Html)
    assert texts.plain(bold) == "<&>"


@given(value=st.text(st.characters(codec=None)), limit=st.integers(1, 50))
@example(value="🟢" * 60, limit=30)
@example(value="\ud83d", limit=5)
@example(value="a\u2028b\u202ec\u2066d\ufeffe\x85f", limit=50)
def test_cut_texts_are_one_clean_line(value, limit):
    text = texts.cut(value, limit)
    assert len(text) <= limit
    assert text.encode().decode() == text
    assert len(text.splitlines()) <= 1
    assert text == text.strip()
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", text)
    whole = texts.clean(value)
    assert text == whole or (text.endswith("…") and whole.startswith(text[:-1]))
    assert texts.clean(whole) == whole


LINKS = ["evil.example/login", "@boss_account", "/start@evil_bot", "https://evil.example/x?y=1"]
LINKS += ["#tag", "$TON", "a.b@mail.example", "+7 (495) 123-45-67", "+74951234567", "88005553535"]
LINKS += [
    "8 800 555-35-35",
    "4111 1111 1111 1111",
    "4111111111111111",
    "tg://user?id=1",
    "10.0.0.1",
]


def test_foreign_text_reads_the_same_and_is_no_link():
    for link in LINKS:
        as_it_is = telegram_html.parse(f"<b>{html.escape(link)}</b>")
        shown = telegram_html.parse(texts.words("bold", text=link))
        assert telegram_html.telegram_links(as_it_is), link
        assert telegram_html.telegram_links(shown) == [], link
        assert telegram_html.as_read(shown.text) == link
        assert texts.plain(texts.words("bold", text=link)) == link  # on a button
    exact = texts.words("stranger", id="4111111111111111")
    assert texts.WORD_JOINER not in exact  # it is there to be copied


def test_what_is_not_seen_is_dropped_and_nothing_of_it_is_untitled():
    unseen = "\u200b\u200c\u200d\ufe0f\u2060\u00ad\u115f\u3164\u2800\U000e0041"
    nothing = screens.title_of(a_conference(unseen))
    assert (nothing, texts.clean(unseen)) == (texts.plain_text("untitled"), "")
    listed = texts.plain(screens.conferences_screen(*a_list_of(a_conference(unseen))))
    assert not says(listed, "entry_owner")
    assert (
        texts.clean(f"Plan\u200bning {unseen}👩\u200d💻") == "Planning \u200c\u200d\ufe0f👩\u200d💻"
    )


def a_list_of(*conferences: Conference) -> tuple:
    server = Server("office", "https://10.0.0.1")
    return server, screens.page_of(conferences, 0, 5), len(conferences)


@pytest.mark.parametrize(
    ("value", "limit", "said"),
    [
        ("Совещание", 9, "Совещание"),
        ("Совещание", 8, "Совещан…"),
        ("two words", 5, "two…"),
        ("  a \n b\t\r\nc  ", 9, "a b c"),
        ("👩‍💻 Анна", 10, "👩‍💻 Анна"),
        ("", 5, ""),
        (None, 9, "None"),
        (12345, 4, "123…"),
        ("\ud83d\ude00", 5, "??"),
    ],
)
def test_cutting(value, limit, said):
    assert texts.cut(value, limit) == said


# ---------------------------------------------------------------- pages


@given(length=st.integers(0, 60), number=st.integers(-5, 100), size=st.integers(1, 20))
def test_any_page_that_is_asked_for_is_one_that_there_is(length, number, size):
    items = list(range(length))
    page = screens.page_of(items, number, size)
    assert 0 <= page.number < page.total
    assert page.items == items[page.number * size : page.number * size + size]
    assert page.first == page.number * size + 1
    assert bool(page.items) == bool(items)
    if 0 <= number < page.total:
        assert page.number == number


@given(length=st.integers(0, 60), size=st.integers(1, 20))
def test_all_pages_together_are_the_list(length, size):
    items = list(range(length))
    total = screens.page_of(items, 0, size).total
    pages = [screens.page_of(items, number, size) for number in range(total)]
    assert [item for page in pages for item in page.items] == items
    assert len({page.number for page in pages}) == total


# ---------------------------------------------------------------- the screens

ODD_TEXTS = {"nasty": NASTY, "wide": WIDE, "links": " ".join(LINKS * 3), "dense": "a.@/#1+" * 60}
ODD_TEXTS |= {"cyrillic": "Щ" * 300, "plain": "Planning", "none": ""}


def a_server(text: str, number: int = 0, **more) -> Server:
    name = f"{text}{number}" or "x"
    server = Server(name, "https://" + "h" * 60 + ".example.org:8443", **more)
    server.learnt.last_status = Status(SERVICE_DOWN, "no_answer")
    return server


def a_conference(text: str, number: int = 0) -> Conference:
    address = "https://" + "h" * 60 + ".example.org:8443"
    return Conference(
        session_id=f"{number:08x}" + "s" * 60 + "@video.example.org#vcs",
        id="1" * 128,
        title=text,
        owner=text and f"{text}@video.example.org",
        participant_count=1000,
        age_s=10**7 + 3700,
        server_url=address,
        max_people=10**12,
        planned_s=10**12,
    )


def crowd(name: str, count: int) -> People:
    """Of these the first half leads, and the last quarter are guests."""
    people = [
        Participant(f"{number}@x", name, number * 4 >= count * 3, number * 2 < count)
        for number in range(count)
    ]
    guests = sum(one.is_guest for one in people)
    return People(count, guests, (), None, None, tuple(people))


def searches(text: str, count: int) -> list[Search]:
    """So many servers; every third of them failed."""
    conferences = [a_conference(text, number) for number in range(9)]
    kinds = [(5, True, conferences), (5, True, None), (2, True, ()), (1, True, ()), (0, False, ())]
    matches = [
        Match(Account(f"{text}@x", text, text, status, is_active), runs and tuple(runs))
        for status, is_active, runs in kinds
    ]
    servers = [a_server(text, number) for number in range(count)]
    errors = [PermissionMissing(one, "permission", permission="users:read") for one in servers]
    return [
        Search(one, error) if number % 3 == 1 else Search(one, tuple(matches), 5000, error)
        for number, (one, error) in enumerate(zip(servers, errors, strict=True))
    ]


def a_page(text: str) -> ConferencePage:
    return ConferencePage(a_conference(text), crowd(text, 100), None)


def with_history(text: str) -> Server:
    """More outages than the screen shows, some long ago, one in a pause and one that goes on."""
    server, now = a_server(text), time.time()
    for number in range(12):
        begun = now - (12 - number) * 5 * 86400
        entry = Entry(number, OUTAGE, text, begun, begun + 700, text, news=["down", "up"])
        entry.steps, entry.is_end_sure = [Step(begun, DOWN, is_sure=True)], number < 11
        entry.in_pause = number == 10
        server.known.entries[number] = entry
    return server


def all_screens(text: str) -> dict[str, str]:
    """Every screen and alert, filled with as much as there may be."""
    server = a_server(text)
    servers = [a_server(text, number) for number in range(60)]
    conferences = [a_conference(text, number) for number in range(60)]
    found = [Forgotten(one, "no_leader", MANY_PEOPLE) for one in conferences]
    error = PermissionMissing(server, "permission", permission="logs.calls.participants:read")
    down = Status(DOWN, "no_answer", "certificate_untrusted")
    since = time.time() - 10**7
    failed = BadAnswer(server, "redirect", location=text or "x")
    results = dict.fromkeys(conferences[:30], STOPPED) | {
        conferences[30]: STILL_RUNNING,
        conferences[31]: ALREADY_OVER,
        conferences[32]: failed,
        conferences[33]: error,
    }
    page = screens.page_of
    made = {
        "servers": screens.servers_screen(page(servers, 1, screens.SERVERS_A_PAGE), servers),
        "menu": screens.menu_screen(server),
        "online": screens.online_screen(server, Online(10**6, 10**6, 1, 1)),
        "confirm_stop": screens.confirm_stop(server, conferences[0], MANY_PEOPLE),
        "confirm_stop, unknown": screens.confirm_stop(server, conferences[0], error),
        "confirm_stop_all": screens.confirm_stop_all(server, found, 90, True),
        "not_running": screens.not_running(server),
        "stop_result, many": screens.stop_result(server, results),
        "error": screens.error_screen(error),
        "redirect": screens.error_screen(failed),
        "help": screens.help_screen(servers),
        "history": history.history_screen(with_history(text)),
        "stranger": texts.words("stranger", id=10**15),
        "empty conferences": screens.conferences_screen(server, page([], 0, 5), 0),
        "empty forgotten": screens.forgotten_screen(server, page([], 0, 5), 0, 60),
    }
    for number in range(2):
        shown = page(conferences, number, screens.CONFERENCES_A_PAGE)
        made[f"conferences {number}"] = screens.conferences_screen(server, shown, len(conferences))
        shown = page(found, number, screens.CONFERENCES_A_PAGE)
        made[f"forgotten {number}"] = screens.forgotten_screen(server, shown, len(found), 90)
    accounts = [Account("x@x", text, text, number % 6, True) for number in range(1, 90)]
    for some_of in (accounts, accounts[:1], []):
        for number in range(3):
            shown = page(some_of, number, screens.PEOPLE_A_PAGE)
            name = f"by_name {number} of {len(some_of)}"
            made[name] = screens.by_name_screen(server, shown, some_of)
    made["who, usage"] = screens.who_screen("", [], is_private=True)
    made["who, in a group"] = screens.who_screen(text, [], is_private=False)
    if asked := texts.clean(text):
        for found in (searches(text, 1), searches(text, 60), searches(text, 0)):
            name = f"who {len(found)}"
            made[name] = screens.who_screen(asked, found, is_private=True)
    for people in (crowd(text, 5000), crowd("", 1), People(0, 0, (), None, None), error, failed):
        pages = ConferencePage(conferences[0], people, Recording(True, since))
        in_it = screens.people_in(pages)
        for number in (0, 50, 124):
            shown = page(in_it, number, screens.PEOPLE_A_PAGE)
            made[f"conference {number}, {people}"] = screens.conference_screen(server, pages, shown)
        unknown = ConferencePage(replace(conferences[0], age_s=None), people, failed)
        made[f"conference, {people}"] = screens.conference_screen(server, unknown, shown)
    for status in (Status(UP), Status(SERVICE_DOWN, "http_502"), down):
        made[f"status {status.state}"] = screens.status_screen(server, status, since)
    for result in (STOPPED, STILL_RUNNING, ALREADY_OVER, failed):
        made[f"stop_result {result}"] = screens.stop_result(server, {conferences[0]: result})
    for name, (kind, shown) in all_news(text).items():
        made[name], _ = news.message(kind, shown, 3)
    return made


def all_news(text: str) -> dict[str, tuple[str, list[news.News]]]:
    """Everything that comes unasked, of one server and of many: the kind and what it shows."""
    servers = [a_server(text, number, is_monitored=True) for number in range(60)]
    now, who = time.time(), text or "Anna"
    made: dict[str, tuple[str, list[news.News]]] = {}

    def add(name, kind, of_kind, said=("said",), count=60, **more):
        shown = []
        for number, server in enumerate(servers[:count]):
            entry = Entry(number, of_kind, server.name, now - 10**7, news=list(said), **more)
            server.known.entries[number] = entry
            shown.append((server, entry, len(said)))
        made[name] = kind, shown
        made[f"{name}, one"] = kind, shown[:1]

    def steps(state, *reasons):
        return [Step(now - 10**6, state, *reasons, is_sure=True)]

    down = steps(DOWN, "no_answer", "certificate_untrusted")
    add("down", "down", OUTAGE, ["down"], steps=down)
    add("down late", "down", OUTAGE, ["down"], steps=down, is_begin_late=True)
    over = {"ended": now, "is_end_sure": True, "by": who}
    add("down, taken and over", "down", OUTAGE, ["down"], steps=steps(WEB_DOWN, "", "cut"), **over)
    add("down, few", "down", OUTAGE, ["down"], count=5, steps=steps(SERVICE_DOWN, "cut"))
    add("reminder", "reminder", OUTAGE, ["down", "reminder"], steps=down)
    add("up", "up", OUTAGE, ["down", "up"], steps=down, is_end_late=True, **over)
    add("pause", "pause", PAUSE, ["begin"], until=now + 10**6, by=who)
    add("pause_end", "pause_end", PAUSE, ["begin", "end"], until=now, by=who)
    about = {"permission": "logs.calls.participants:read"}
    add("job_fails", "job_fails", JOB, ["fails"], details={"reason": "permission", "about": about})
    add("job_fails oddly", "job_fails", JOB, ["fails"], details={"reason": "failed"})
    add("job_works", "job_works", JOB, ["fails", "works"])
    add("certificate", "certificate", "certificate", details={"end": now + 10**6})
    add("certificate soon", "certificate", "certificate", details={"end": now + 3600})
    for kind in ("taken", "released"):
        add(kind, kind, kind, by=who)
    for what in ("monitoring", "forgotten"):
        add(what, "switched", "switched", by=who, details={"what": what})
    conferences = [asdict(a_conference(text, number)) for number in range(60)]
    add("stopped many", "stopped", "stopped", by=who, details={"conferences": conferences})
    add("stopped", "stopped", "stopped", by=who, details={"conferences": conferences[:1]})
    found = forgotten_details(Forgotten(a_conference(text), "no_leader", MANY_PEOPLE))
    add("forgotten_list", "forgotten_list", FORGOTTEN, ["found"], details=found)
    for decision in ("", "reminder", "not_forgotten", "stopped"):
        details = {**found, "decision": decision, "at": now}
        add(f"forgotten {decision}", FORGOTTEN, FORGOTTEN, ["found"], by=who, details=details)
    for kind in ("cut", "job_fails", "job_works"):
        of_kind = "cut" if kind == "cut" else JOB
        entry = Entry(1, of_kind, "", now - 10**7, now, news=["said"], details={"job": "dns"})
        made[f"{kind} of the bot"] = kind, [(None, entry, 1)]
    return made


def test_many_servers_of_one_switch_are_one_message(language):
    """Fifty of them, with names of the usual length."""
    servers = [Server(f"Сервер филиала № {number}", "https://192.0.2.1") for number in range(50)]
    for kind in ("down", "up", "reminder"):
        shown = []
        for number, server in enumerate(servers):
            step = Step(time.time() - 86400, DOWN, "timed_out", "timed_out", is_sure=True)
            entry = Entry(number, OUTAGE, server.name, step.at, time.time(), steps=[step])
            entry.news, entry.is_end_sure, entry.by = ["down"], True, "Анна Константинова"
            shown.append((server, entry, 1))
        text, count = news.message(kind, shown, 0)
        assert count == 50
        assert all(server.name in text for server in servers)


def test_heading_counts_each_server_once(language):
    """After a night without Telegram one server may be up again for the second time."""
    servers = [Server(name, "https://192.0.2.1") for name in ("Berlin", "Madrid")]
    shown = []
    for number, server in enumerate([*servers, servers[0]]):
        step = Step(time.time() - 900, DOWN, "refused", "refused", is_sure=True)
        entry = Entry(number, OUTAGE, server.name, step.at, time.time(), steps=[step])
        entry.news, entry.is_end_sure = ["down", "up"], True
        shown.append((server, entry, 2))
    text, count = news.message("up", shown, 0)
    assert count == 3
    assert says(text, "group_up", 2, light="🟢", news="Berlin, Madrid")
    text, _ = news.message("up", shown[::2], 0)
    assert says(text, "group_up", 1, light="🟢", news="Berlin")


@pytest.mark.parametrize("count", [1, 2, 6, 30])
def test_what_was_not_made_sure_of_stands_in_no_message(language, count):
    """However many servers it is about: what came after the news may have been the own network."""
    shown = []
    for number in range(count):
        server = Server(f"Office {number}", "https://192.0.2.1")
        sure = Step(time.time() - 900, SERVICE_DOWN, "refused", is_sure=True)
        steps = [sure, Step(time.time() - 9, DOWN, "timed_out", "timed_out")]
        entry = Entry(number, OUTAGE, server.name, sure.at, steps=steps, news=["down"])
        shown.append((server, entry, 1))
    for kind in ("down", "reminder"):
        text, _ = news.message(kind, shown, 0)
        assert text.count("🟡") >= count
        assert "🔴" not in text
        assert texts.moment(shown[0][1].steps[1].at) not in text


@pytest.mark.parametrize("count", [1, 2, 6, 30])
@pytest.mark.parametrize("reason", ["", "of a later version"])
def test_outage_without_a_known_reason_can_be_told(language, count, reason):
    """2.0.0 remembered none, and a record may be of a later version."""
    for state in (DOWN, SERVICE_DOWN, WEB_DOWN):
        shown = []
        for number in range(count):
            server = Server(f"Office {number}", "https://192.0.2.1")
            step = Step(time.time() - 900, state, reason, reason, is_sure=True)
            entry = Entry(number, OUTAGE, server.name, step.at, steps=[step], news=["down"])
            shown.append((server, entry, 1))
        for kind in ("down", "reminder"):
            text, told = news.message(kind, shown, 0)
            assert told == count
            assert f"Office {count - 1}" in text


def test_first_forty_characters_say_what_where_and_how_bad(language):
    """And no reminder or recovery looks like a new outage."""
    server = Server("Головной офис", "https://192.0.2.1")
    step = Step(time.time() - 3700, DOWN, "refused", "refused", is_sure=True)
    entry = Entry(1, OUTAGE, server.name, step.at, steps=[step], news=["down"])
    server.known.entries[1] = entry
    begins = {}
    for kind in ("down", "reminder", "up"):
        entry.ended = time.time() if kind == "up" else None
        text, _ = news.message(kind, [(server, entry, 1)], 0)
        begins[kind] = texts.plain(text)[:40]
        assert server.name in begins[kind]
    assert len({*begins.values()}) == 3
    assert texts.plain_text("alert_up")[:8] in begins["up"]


def test_every_screen_is_one_that_telegram_takes(language):
    for kind in ODD_TEXTS:
        for name, message in all_screens(ODD_TEXTS[kind]).items():
            assert isinstance(message, str)
            read = telegram_html.finished(telegram_html.parse(message))
            assert 0 < utf16_length(read.text) <= MESSAGE_LIMIT, name
            assert len(read.entities) + read.dropped_entities <= ENTITY_LIMIT, name
            assert "\n\n\n" not in read.text, name
            assert not re.search(r"\{\w*\}", read.text.replace("{name}", "")), name
            for line in read.text.splitlines():
                assert line == line.strip(), (name, line)
            assert set(telegram_html.telegram_links(read)) <= OWN_COMMANDS, name


def an_overview(server: Server) -> Overview:
    return Overview(
        server,
        Status(SERVICE_DOWN, "no_answer"),
        PermissionMissing(server, "permission", permission="logs.calls:read"),
        PermissionMissing(server, "permission", permission="users:read"),
    )


def test_who_over_hundreds_of_servers_fits_however_short_their_names_are(language):
    match = Match(Account("a@x", "a", "a", 0, True))
    found = [Search(Server("b", "https://10.0.0.1"), (match,), 1)] * 500
    read = telegram_html.parse(screens.who_screen("a", found, is_private=True))
    assert utf16_length(read.text) <= MESSAGE_LIMIT
    assert len(read.entities) + read.dropped_entities <= ENTITY_LIMIT
    left = 500 - read.text.count("•")
    assert says(read.text, "who_more_servers", left)


def test_all_servers_in_one_message_fit_whatever_they_say(language):
    today = Window(0, 24 * 60, time.localtime().tm_wday)
    for kind, windows in itertools.product(ODD_TEXTS, ((), (today,))):
        more = {"is_monitored": True, "maintenance": windows}
        servers = [a_server(ODD_TEXTS[kind], number, **more) for number in range(60)]
        pause = Entry(1, PAUSE, "x", time.time(), until=1 if windows else 1e11)
        outage = Entry(2, OUTAGE, "x", time.time() - 10**7, by=ODD_TEXTS[kind])
        for server in servers:
            server.known.entries |= {1: pause, 2: outage}
        page = screens.page_of(servers, 0, screens.OVERVIEWS_A_PAGE)
        overviews = [an_overview(one) for one in page.items]
        read = telegram_html.parse(screens.overviews_screen(page, overviews))
        assert utf16_length(read.text) <= MESSAGE_LIMIT
        assert len(read.entities) <= ENTITY_LIMIT
        assert read.text.count("users:read") == len(page.items)
        assert len(re.findall(r"(?m)^🔧", read.text)) == len(page.items)


def test_a_list_of_all_that_is_stopped_fits_into_one_message(language):
    for kind, number in itertools.product(("wide", "dense"), (1, 5, 50, 400)):
        server = a_server(ODD_TEXTS[kind])
        conferences = [a_conference(ODD_TEXTS[kind], place) for place in range(number)]
        results = dict.fromkeys(conferences, STILL_RUNNING)
        crowd = People(1000, 10, (ODD_TEXTS[kind],) * 990, None, None)
        found = [Forgotten(one, "no_leader", crowd) for one in conferences]
        for message in (
            screens.confirm_stop_all(server, found, 60, True),
            screens.stop_result(server, results),
            stopped_message(server, conferences, ODD_TEXTS[kind]),
            forgotten_message(server, found),
        ):
            assert utf16_length(telegram_html.parse(message).text) <= MESSAGE_LIMIT
            assert len(message.splitlines()) >= min(number, screens.MOST_IN_A_LIST)
            assert ("350" in message) == (number == 400)  # how many are left out


def stopped_message(server, conferences, who):
    details = {"conferences": [asdict(one) for one in conferences]}
    entry = Entry(1, "stopped", server.name, 0, by=who, news=["said"], details=details)
    return news.message("stopped", [(server, entry, 1)], -1)[0]


def forgotten_message(server, found):
    entries = [Entry(1, FORGOTTEN, server.name, 0, details=forgotten_details(one)) for one in found]
    return news.message("forgotten_list", [(server, entry, 1) for entry in entries], -1)[0]


@given(lengths=st.lists(st.integers(0, 4000), max_size=20), wide=st.booleans())
def test_alerts_that_go_out_together_are_not_cut_and_none_is_left_out(lengths, wide):
    letter = "🟢" if wide else "я"
    entries = [Html(f"#{place}# " + letter * (size // 2)) for place, size in enumerate(lengths)]
    joined, waiting = [], entries
    while True:
        message, held = screens.pack_message(Html("heading"), waiting)
        assert message == "\n\n".join(["heading", *waiting[:held]])
        assert utf16_length(message) <= MESSAGE_LIMIT
        joined, waiting = joined + waiting[:held], waiting[held:]
        if not waiting:
            break
        assert held
        assert utf16_length(f"{message}\n\n{waiting[0]}") > MESSAGE_LIMIT
    assert joined == entries


def test_pop_ups_are_not_longer_than_telegram_takes(language):
    who = f"{texts.cut('W' * 100, 60)} ({10**12})"
    fits = {
        "stranger_popup": {"id": 10**12},
        "out_of_date": {},
        "confirm_expired": {"limit": texts.duration(screens.CONFIRM_LIMIT_S)},
        "too_soon": {},
        "already_pressed": {"who": who},
        "reminder_set": {"pause": texts.duration(screens.REMIND_IN_S)},
        "reminder_off": {},
        "not_forgotten_set": {},
    }
    for key, values in fits.items():
        assert 0 < utf16_length(texts.plain_text(key, **values)) <= POPUP_LIMIT, key
        assert "<" not in texts.plain_text(key, **values)


def test_pop_up_with_a_name_of_emoji_is_not_longer_than_telegram_takes(language):
    who = f"{texts.cut(WIDE, 60)} ({10**12})"
    assert utf16_length(texts.plain_text("already_pressed", who=who)) <= POPUP_LIMIT


# ---------------------------------------------------------------- what the screens say


def test_what_is_unknown_is_not_shown_as_zero():
    server = Server("office", "https://10.0.0.1")
    unknown = Conference("s@x", "", "", "", None, None, "https://10.0.0.1")
    message = texts.plain(screens.conferences_screen(server, screens.page_of([unknown], 0, 5), 1))
    assert says(message, "entry_title", title=texts.plain_text("untitled"))
    assert says(message, "entry_age", duration=texts.words("duration_unknown"))
    assert says(message, "entry_no_id")
    assert not says(message, "entry_owner")
    assert not says(message, "entry_participants")
    without_time, _, _ = message.rpartition("\n")
    assert not re.search("None|\\b0", without_time)


def test_error_in_an_overview_takes_the_place_of_the_number():
    server = Server("office", "https://10.0.0.1")
    error = PermissionMissing(server, "permission", permission="users:read")
    page = screens.page_of([server], 0, 8)
    said = texts.plain(screens.overviews_screen(page, [Overview(server, Status(UP), 0, error)]))
    assert says(said, "overview_conferences", number=0)
    assert "users:read" in said
    assert not says(said, "overview_online")


def test_same_error_twice_is_said_once():
    server = Server("office", "https://10.0.0.1")
    error = ServerUnreachable(server, "name_not_found")
    page = screens.page_of([server], 0, 8)
    said = screens.overviews_screen(page, [Overview(server, Status(UP), error, error)])
    assert said.count(screens.reason_words("name_not_found")) == 1
    silent = Status(WEB_DOWN, "", "timed_out")
    said = texts.plain(screens.overviews_screen(page, [Overview(server, silent, error, error)]))
    assert says(said, "state_web_down")
    assert not says(said, "error_unreachable")


def test_servers_of_which_no_word_comes_are_named_or_counted():
    servers = [Server(f"server {number}", "https://10.0.0.1") for number in range(8)]
    outages, forgotten = screens.silences(servers)
    assert says(outages, "silent_monitoring", servers=texts.words("silent_all"))
    assert says(forgotten, "silent_forgotten", servers=texts.words("silent_all"))
    servers[0].is_monitored = servers[0].has_forgotten_alerts = True
    five = ", ".join(f"server {number}" for number in range(1, 6))
    named = texts.words("alert_news_more", news=five, number=2)
    assert says(screens.silences(servers)[0], "silent_monitoring", servers=named)
    assert says(screens.silences(servers[:2])[0], "silent_monitoring", servers="server 1")
    assert screens.silences(servers[:1]) == []


# State, why the service is silent, why the website is: the first sentence and the last one.
STATES = [
    (UP, "", "", "state_up", "state_up"),
    (SERVICE_DOWN, "refused", "", "state_service_down", "advice_stopped"),
    (SERVICE_DOWN, "timed_out", "", "state_service_down", "advice_filtered"),
    (SERVICE_DOWN, "no_route", "", "state_service_down", "advice_filtered"),
    (SERVICE_DOWN, "no_answer", "", "state_service_down", "advice_hangs"),
    (SERVICE_DOWN, "cut", "", "state_service_down", "advice_hangs"),
    (SERVICE_DOWN, "failed", "", "state_service_down", "state_service_down"),
    (SERVICE_DOWN, "http_500", "", "state_service_fails", "state_service_fails"),
    (WEB_DOWN, "", "http_502", "state_web_fails", "state_web_fails"),
    (WEB_DOWN, "", "refused", "state_web_down", "state_web_down"),
    (WEB_DOWN, "", "certificate_untrusted", "state_web_untrusted", "state_service_works"),
    (WEB_DOWN, "", "certificate_name", "state_web_untrusted", "state_service_works"),
    (DOWN, "refused", "refused", "state_down", "advice_not_running"),
    (DOWN, "timed_out", "timed_out", "state_down", "advice_off"),
    (DOWN, "", "timed_out", "state_down", "state_down"),
    (DOWN, "no_route", "no_route", "state_down", "advice_no_route"),
    (DOWN, "refused", "timed_out", "state_down_both", "state_down_both"),
    (DOWN, "", "certificate_untrusted", "state_web_untrusted", "advice_certificate_untrusted"),
    (DOWN, "refused", "certificate_expired", "state_service_silent", "advice_certificate_expired"),
    (DOWN, "refused", "ca_file", "state_service_silent", "advice_ca_file"),
]


def test_state_says_no_more_than_its_reasons_allow():
    server = Server("office", "https://10.0.0.1", status_port=4307)
    for state, reason, web_reason, first, last in STATES:
        said = texts.plain(screens.state_sentence(server, Status(state, reason, web_reason)))
        assert says(said, first).start() == 0, said
        assert says(said, last).end() == len(said), said
        for one in filter(None, {reason, web_reason}):
            assert said.count(texts.plain(screens.reason_words(one))) == 1, said
        assert "4307" in said or not reason or reason == web_reason, said
        # A certificate is never "not available" alone: the server has answered.
        assert "certificate" not in web_reason or not says(said, "state_down"), said
    both = screens.state_sentence(server, Status(DOWN, "refused", "timed_out"))
    reasons = {"web": texts.words("reason_timed_out"), "reason": texts.words("reason_refused")}
    assert says(both, "state_down_both", port=4307, **reasons)


@pytest.mark.parametrize(
    ("variables", "spoken"),
    [
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "de_DE.UTF-8"}, "de"),
        ({"LC_MESSAGES": "es_ES"}, "es"),
        ({"LANG": "Russian_Russia.1251"}, "ru"),
        ({"LANG": "zz_ZZ.UTF-8"}, "en"),
        ({"LC_ALL": "C"}, "en"),
        ({"LC_ALL": "POSIX", "LANG": "ru_RU"}, "en"),
    ],
)
def test_language_of_the_computer(monkeypatch, variables, spoken):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert texts.system_language() == (spoken if spoken in LANGUAGES else "en")


# ---------------------------------------------------------------- buttons


def a_paused_server(text: str, number: int = 0) -> Server:
    server = a_server(text, number, is_monitored=True)
    steps = [Step(1e11, DOWN, "refused", "refused", is_sure=True)]
    for entry in (
        Entry(1, OUTAGE, server.name, 1e11, steps=steps, news=["down"]),
        Entry(2, PAUSE, server.name, 1e11, until=1e11, news=["begin"]),
    ):
        server.known.entries[entry.number] = entry
    return server


def all_keyboards(text: str) -> list:
    server = a_server(text, is_monitored=True)
    other = a_server(text, has_forgotten_alerts=True)
    servers = [a_server(text, number) for number in range(60)]
    conferences = [a_conference(text, number) for number in range(60)]
    found = [Forgotten(one, "empty") for one in conferences]
    press = Press("ask_stop", keyboards.short_id("x"), keyboards.short_id("y"), 11, 1440)
    made = [
        keyboards.servers(screens.page_of(servers, 1, screens.SERVERS_A_PAGE)),
        keyboards.servers(screens.page_of(servers[:1], 0, screens.SERVERS_A_PAGE)),
        keyboards.overviews(
            screens.page_of(servers, 1, 6), [an_overview(one) for one in servers[:6]]
        ),
        keyboards.menu(server),
        keyboards.confirm("stop_all", press, keyboards.short_id("z")),
        keyboards.back_to_list(press),
        keyboards.error(server, press),
        keyboards.conference(press, a_page(text), screens.page_of(range(5000), 3, 40)),
        keyboards.who(searches(text, 60)),
        keyboards.conference(press, None, screens.page_of([], 0, 40)),
        keyboards.status(a_paused_server(text)),
        *(keyboards.under_news(kind, shown) for kind, shown in all_news(text).values()),
    ]
    for one in (server, other):
        made.append(keyboards.status(one))
        made.append(keyboards.refresh_and_back(one, "online"))
        made.append(keyboards.online(one))
        made.append(keyboards.by_name(one, screens.page_of(range(5000), 3, 40)))
        page = screens.page_of(conferences, 1, screens.CONFERENCES_A_PAGE)
        made.append(keyboards.conferences(one, page))
        page = screens.page_of(found, 1, screens.CONFERENCES_A_PAGE)
        made.append(keyboards.forgotten(one, page, 60, 60))
        made.append(keyboards.forgotten(one, page, 90, 1))
    return made


def test_buttons_have_labels_that_can_be_read(language):
    for kind in ODD_TEXTS:
        for keyboard in all_keyboards(ODD_TEXTS[kind]):
            rows = keyboard.keyboard
            assert 0 < sum(len(row) for row in rows) <= 100
            assert len(json.dumps(keyboard.to_dict())) <= 10_000
            for row in rows:
                assert 1 <= len(row) <= 8
                for button in row:
                    assert button.text == texts.clean(button.text) != ""
                    assert len(button.text) <= screens.LONGEST_LABEL + 10
                    ours = button.text.rpartition("…")[2]  # before it, a name that was cut
                    assert not re.search(r"</?(b|i|code)>(?!.*name)|&(lt|gt|amp);(?!.*)", ours)
                    assert 1 <= len(button.callback_data.encode()) <= 64


def test_light_that_is_not_green_stands_with_its_word(language):
    """However long the name is, the word is not what a phone cuts."""
    for name in ("Moscow", "Щ" * 100):
        for state in (UP, SERVICE_DOWN, WEB_DOWN, DOWN):
            server = Server(name, "https://192.0.2.1")
            server.learnt.last_status = Status(state)
            short = Server("Berlin", "https://192.0.2.2")
            short.learnt.last_status = Status(UP)
            rows = keyboards.servers(screens.page_of([short, server], 0, 16)).keyboard
            shown = rows[-2][-1].text
            assert shown.startswith(f"{screens.STATE_SIGNS[state]} {name[:6]}")
            assert texts.units(shown) <= screens.LONGEST_LABEL + 5
            word = texts.plain_text(f"button_server_{state}", server="") if state != UP else ""
            assert shown.endswith(word)
            assert len(rows) == 2 + (state != UP or len(name) > screens.SHORT_NAME), name


def test_ages_stand_three_a_row(language):
    server = Server("Moscow", "https://192.0.2.1", forgotten_age_min=90)
    page = screens.page_of([], 0, screens.CONFERENCES_A_PAGE)
    rows = keyboards.forgotten(server, page, 90, 0).keyboard
    assert [len(row) for row in rows[:2]] == [3, 3]


def test_pages_are_turned_by_words(language):
    """Beside ⏹ a ▶ alone looks like "play"."""
    page = screens.page_of([a_conference("x", number) for number in range(15)], 1, 5)
    [row] = [row for row in keyboards.conferences(a_server("x"), page).keyboard if len(row) == 2]
    assert all(re.search(r"\w{4}", button.text) for button in row)


def test_worst_state_is_named_first(language):
    states = {"up": UP, "no website": WEB_DOWN, "no calls": SERVICE_DOWN, "nothing": DOWN}
    said = screens.names_in_news({**states})
    assert sorted(states, key=said.index) == ["nothing", "no calls", "no website", "up"]


# What buttons of 2.0.0 carried, as it stands in messages that people keep, and what it means today.
OF_2_0_0 = {
    "servers": Press("servers"),
    "servers:tm2gSI5I": Press("servers", "tm2gSI5I"),
    "servers:::1": Press("servers", page=1),
    "all": Press("all"),
    "all:::2": Press("all", page=2),
    "menu:tm2gSI5I": Press("menu", "tm2gSI5I"),
    "status:tm2gSI5I": Press("status", "tm2gSI5I"),
    "online:tm2gSI5I": Press("online", "tm2gSI5I"),
    "conferences:tm2gSI5I::3": Press("conferences", "tm2gSI5I", page=3),
    "forgotten:tm2gSI5I": Press("forgotten", "tm2gSI5I"),
    "forgotten:tm2gSI5I::1:240": Press("forgotten", "tm2gSI5I", page=1, age_min=240),
    "forgotten_alerts_on:tm2gSI5I:::480": Press("forgotten_alerts_on", "tm2gSI5I", age_min=480),
    "monitoring_off:tm2gSI5I": Press("monitoring_off", "tm2gSI5I"),
    "take:tm2gSI5I::::1764480000": Press("take", "tm2gSI5I", outage_at=1764480000),
    "take:tm2gSI5I:status:::1764480000": Press("take_on_status", "tm2gSI5I", outage_at=1764480000),
    "pause:tm2gSI5I:::480": Press("pause", "tm2gSI5I", pause_min=480),
    "pause_end:tm2gSI5I": Press("pause_end", "tm2gSI5I"),
    "remind:tm2gSI5I:wZFGYrlH": Press("remind", "tm2gSI5I", "wZFGYrlH"),
    "not_forgotten:tm2gSI5I:wZFGYrlH": Press("not_forgotten", "tm2gSI5I", "wZFGYrlH"),
    "ask_stop:tm2gSI5I:wZFGYrlH": Press(
        "ask_stop", "tm2gSI5I", "wZFGYrlH", came_from="conferences"
    ),
    "ask_stop:tm2gSI5I:wZFGYrlH:2:60": Press(
        "ask_stop", "tm2gSI5I", "wZFGYrlH", page=2, age_min=60, came_from="forgotten"
    ),
    "ask_stop_all:tm2gSI5I:::60": Press(
        "ask_stop_all", "tm2gSI5I", age_min=60, came_from="forgotten"
    ),
    "stop:tm2gSI5I:wZFGYrlH:1::1764480000": Press(
        "stop", "tm2gSI5I", "wZFGYrlH", 1, shown_at=1764480000, came_from="conferences"
    ),
    "stop_all:tm2gSI5I:wZFGYrlH::60:1764480000": Press(
        "stop_all", "tm2gSI5I", "wZFGYrlH", 0, 60, 1764480000, came_from="forgotten"
    ),
}


@pytest.mark.parametrize("data", OF_2_0_0)
def test_button_of_an_earlier_version_means_what_it_meant(data):
    press = keyboards.unpack(data)
    assert press == OF_2_0_0[data]
    assert keyboards.unpack(keyboards.pack(press)) == press


def test_button_that_could_not_be_made_again_is_none_of_ours():
    assert keyboards.unpack("ask_stop:" + "a" * 30)
    assert keyboards.unpack("ask_stop:" + "a" * 50) is None


def test_back_leads_to_the_list_that_is_named_whatever_else_a_button_carries():
    key = keyboards.short_id("x")
    for came_from in ("conferences", "forgotten"):
        press = Press("ask_stop", key, key, 2, age_min=30, came_from=came_from, pause_min=5)
        [back], [yes] = keyboards.confirm("stop", press, key).keyboard
        assert keyboards.unpack(back.callback_data) == Press(came_from, key, page=2, age_min=30)
        [back] = keyboards.back_to_list(keyboards.unpack(yes.callback_data)).keyboard[0]
        assert keyboards.unpack(back.callback_data).action == came_from


def test_longest_button_that_a_list_can_make_fits():
    """With the last page of 100,000 conferences and the longest age of the settings."""
    key, longest_age_min = keyboards.short_id("x"), LONGEST_H * 60
    where = Press("ask_stop", key, key, 19_999, longest_age_min, came_from="forgotten")
    opened = Press("conference", key, key, list_page=19_999)
    page = screens.page_of(range(5000), 124, screens.PEOPLE_A_PAGE)
    asked = keyboards.conference(opened, a_page("x"), page).keyboard[0][0].callback_data
    for press in (
        where,
        replace(where, action="ask_stop_all", item="", page=0),
        keyboards.unpack(asked),
    ):
        action = press.action.removeprefix("ask_")
        for row in keyboards.confirm(action, press, key).keyboard:
            assert len(row[0].callback_data) <= keyboards.CALLBACK_LIMIT


def test_button_may_carry_one_more_number(monkeypatch):
    """Whoever adds a field to Press adds it there and nowhere else."""

    @dataclass(frozen=True)
    class LongerPress(Press):
        colour: int = 0

    monkeypatch.setattr(keyboards, "Press", LongerPress)
    press = LongerPress("menu", "abc", page=2, colour=7)
    assert keyboards.unpack(keyboards.pack(press)) == press
    assert keyboards.unpack("menu:abc") == LongerPress("menu", "abc")
    assert keyboards.unpack("menu:abc" + ":" * len(fields(Press)) + "1") is None


def test_status_shows_how_long_the_certificate_is_good():
    server, day_s = Server("office", "https://10.0.0.1"), 86400
    for left_s, days in ((2.9 * day_s, 3), (90 * day_s, 90)):
        end = time.time() + left_s + 60
        said = screens.status_screen(server, Status(UP, certificate_end=end), None)
        assert says(said, "certificate_until", days, time=texts.moment(end))
    for left_s, left in ((1.9 * day_s, 45 * 3600), (day_s, day_s), (5000, 3600)):
        end = time.time() + left_s + 30
        said = screens.status_screen(server, Status(UP, certificate_end=end), None)
        date = texts.moments(end, end + 2 * day_s)[0]  # a clock time alone could be tomorrow's
        left_words = texts.duration(left)
        assert says(said, "certificate_until_hours", duration=left_words, time=date)
    for end in (None, time.time() - 60):
        said = screens.status_screen(server, Status(UP, certificate_end=end), None)
        assert not says(said, "certificate_until")


def inside(number: int, *names: str) -> Html:
    return texts.words(
        "people_named", now=texts.plural("people_now", number), names=", ".join(names)
    )


def test_confirmation_names_the_first_ten_people_and_counts_the_rest_and_the_guests():
    server, conference = a_server("x"), a_conference("Planning")
    one_guest, two_guests = texts.plural("people_guests", 1), texts.plural("people_guests", 2)
    for people, said in (
        (People(0, 0, (), None, None), texts.words("forgotten_empty")),
        (People(1, 0, ("Anna",), None, None), inside(1, "Anna")),
        (People(2, 2, (), None, None), inside(2, two_guests)),
        (
            People(14, 1, tuple("ABCDEFGHIJKLM"), None, None),
            inside(14, *"ABCDEFGHIJ", texts.plural("people_others", 3), one_guest),
        ),
    ):
        assert f"\n{said}\n" in screens.confirm_stop(server, conference, people)


def test_title_on_a_button_is_what_it_is():
    conference = a_conference("<b>R&D</b> &amp;")
    page = screens.page_of([conference], 0, 5)
    labels = [row[0].text for row in keyboards.conferences(a_server("x"), page).keyboard]
    assert labels[0] == label("entry", number=1, title="<b>R&D</b> &amp;")
    assert html.unescape(labels[0]) != labels[0]


def test_button_has_the_number_of_its_entry():
    conferences = [a_conference("Planning", number) for number in range(8)]
    page = screens.page_of(conferences, 1, 5)
    found = screens.page_of([Forgotten(one, "empty") for one in conferences], 1, 5)
    for key, keyboard in (
        ("entry", keyboards.conferences(a_server("x"), page)),
        ("stop_entry", keyboards.forgotten(a_server("x"), found, 60, 0)),
    ):
        labels = [row[0].text for row in keyboard.keyboard]
        numbered = [label(key, number=one, title="Planning") for one in (6, 7, 8)]
        assert [one for one in labels if "Planning" in one] == numbered
    said = texts.plain(screens.conferences_screen(a_server("x"), page, 8))
    assert all(says(said, "entry_title", number=one, title="Planning") for one in (6, 7, 8))
    assert says(said, "conferences_number", 8)
