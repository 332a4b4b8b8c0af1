"""Every word that people see: picks the language, fills, escapes and counts.

The words stand in a file for each language of `lib.settings.LANGUAGES`, all with the same keys;
`screens.py` puts the screens together. Whatever is filled into the words is escaped here, so a title with `<`
or `&` cannot break a message. Numbers, durations and times read as people say them.
"""

import html
import importlib
import itertools
import re
import time
from typing import Any

from lib import own_words, settings

LANGUAGES = {name: importlib.import_module(f"texts.{name}").WORDS for name in settings.LANGUAGES}
MESSAGE_LIMIT = 4096  # UTF-16 units, of Telegram
THREE_FORMS = ("ru", "uk", "be")  # languages that count as Russian does: 1 час, 2 часа, 5 часов

_language = settings.LANGUAGES[0]


class Html(str):
    """Text that is escaped already."""

    __slots__ = ()


def use(language: str) -> None:
    """Choose the language of everything that is said from now on."""
    global _language
    _language = language


def system_language() -> str:
    """The language of this computer, English if the bot does not speak it."""
    return str(own_words.system_language(LANGUAGES))


# ---------------------------------------------------------------- filling


# Control marks and line ends, which part words; direction marks and what has no width at all. The
# two joiners are kept, as emoji and Persian are made with them.
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UNSEEN = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"  # nothing by themselves


def clean(value: object) -> str:
    """One line without what a chat cannot show: control and direction marks, characters that are
    not seen, half characters. "" if nothing is left to see."""
    text = str(value).encode("utf-8", "replace").decode()
    text = " ".join(_UNSEEN.sub("", _BREAKS.sub(" ", text)).split())
    return text if text.strip(f" {_JOINERS}") else ""


# Where a link could form: @name, /command, #tag, $TAG, http://, host.name, +7 495 123-45-67, a card.
_LINK = re.compile(
    r"(?<=[@/#$])(?=\w)|(?<=[:/])(?=/)|(?<=\w)(?=[.@]\w)"
    r"|(?<=\+)(?=\d)|(?<=\d)(?=[ ()-]+\d)|(?<=\d{4})(?=\d{7})"
)
LAST_MOMENT = 32_500_000_000  # in 2999: Windows knows none after that, or before 1970
WORD_JOINER = "\u2060"  # has no width, and no link goes over it


def unlinked(text: str) -> str:
    """The text with word joiners where Telegram would make a link of it. It reads the same."""
    return _LINK.sub(WORD_JOINER, text)


def units(text: str) -> int:
    """How long Telegram finds a text: UTF-16 units, an emoji counts twice."""
    return len(text.encode("utf-16-le")) // 2


def cut(value: object, limit: int) -> str:
    """The beginning of a text, with … where something is left out. It takes at most `limit` units
    in a message, with what keeps links from forming there."""
    text = clean(value)
    if units(unlinked(text)) <= limit:
        return text
    text = text[:limit]
    while text and (over := units(unlinked(text)) - (limit - 1)) > 0:
        text = text[: -(over // 3 + 1)]  # a character takes at most 3 units
    return text.rstrip() + "…"


def words(key: str, /, **values: object) -> Html:
    """The words of `key`, filled in. Every value is escaped, except what is `Html` already."""
    form = LANGUAGES[_language][key]
    assert isinstance(form, str), f"{key} has forms for numbers: use plural()"
    return _fill(form, values)


def plural(key: str, number: int, /, **values: object) -> Html:
    """The words of `key` in the form that goes with `number`: 1 час, 2 часа, 5 часов."""
    form = LANGUAGES[_language][key][plural_form(_language, number)]
    form = form.replace("{number} ", "{number}\u00a0")  # 1 and "hour" stay on one line
    return _fill(form, {**values, "number": number})


def has_words(key: str) -> bool:
    """Whether there are words for `key`."""
    return key in LANGUAGES[_language]


# What a line must not begin with: a time after its "until", the dash of a span. After the dash it
# may end, and a space that holds would begin the next.
_BOUND = re.compile(r"(?<!–) (?=\{(?:time|age|since|until)\}|–)")


def _fill(form: str, values: dict[str, object]) -> Html:
    safe = {
        name: value if isinstance(value, Html) else html.escape(_harmless(name, form, clean(value)))
        for name, value in values.items()
    }
    return Html(_BOUND.sub("\u00a0", form).format(**safe))


def _harmless(name: str, form: str, value: str) -> str:
    """The value with no link in it; as it is where it is an address or is to be copied."""
    is_exact = name == "url" or f"<code>{{{name}}}</code>" in form
    return value if is_exact else unlinked(value)


def safe(value: object) -> Html:
    """Foreign text as it may stand in a message."""
    return _fill("{value}", {"value": value})


def plural_form(language: str, number: int) -> int:
    """Which of the forms goes with a number: CLDR's one, few, many in Russian, else one, other."""
    if language not in THREE_FORMS:
        return 0 if number == 1 else 1
    if number % 10 == 1 and number % 100 != 11:
        return 0
    return 1 if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14) else 2


def plain_text(key: str, /, **values: object) -> str:
    """The words of `key` where no tags are understood: a pop-up window, a console."""
    return plain(words(key, **values))


def plain(text: str) -> str:
    """The text as it reads in a console or on a button, which has one line and makes no links."""
    text = text.replace(WORD_JOINER, "").replace("\u00a0", " ")
    return html.unescape(re.sub(r"<[^>]*>", "", text))


# ---------------------------------------------------------------- times


def duration(seconds: float | None) -> Html:
    """2 ч 05 мин, 3 д 4 ч, 15 мин, 45 сек; "unknown" for None. No line breaks within it."""
    if seconds is None:
        return words("duration_unknown")
    minutes, seconds = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [("days", days), ("hours", hours), ("minutes", minutes), ("seconds", seconds)]
    while len(parts) > 1 and not parts[0][1]:
        del parts[0]
    (unit, number), *rest = parts[:2]
    text = words(f"duration_{unit}", number=number)
    if rest and rest[0][1]:
        unit, number = rest[0]
        shown = str(number) if unit == "hours" else f"{number:02}"
        text = Html(f"{text}\u00a0{words(f'duration_{unit}', number=shown)}")
    return text


def age_choice(minutes: int) -> Html:
    """How an age is named: 1 ч, 24 ч, 30 мин."""
    is_whole = minutes % 60 == 0
    number = minutes // 60 if is_whole else minutes
    return words("duration_hours" if is_whole else "duration_minutes", number=number)


def moment(at: float) -> Html:
    """The clock of the computer that the bot runs on, with the date if that is not today."""
    return moments(at)[0]


def moments(*times: float) -> list[Html]:
    """The times of one sentence: with their dates if one of them is not today, but a date that is
    that of the time before. Dates have no seconds, and a year where one is not of this year."""
    now, local = time.localtime(), [time.localtime(min(max(at, 0), LAST_MOMENT)) for at in times]
    if all(_day(then) == _day(now) for then in local):
        forms = ["%H:%M:%S"] * len(local)
    else:
        is_this_year = all(then.tm_year == now.tm_year for then in local)
        dated = words("moment_with_date" if is_this_year else "moment_with_year")
        is_same_day = [_day(one) == _day(other) for one, other in itertools.pairwise(local)]
        forms = [dated, *("%H:%M" if is_same else dated for is_same in is_same_day)]
    shown = map(time.strftime, forms, local)
    return [Html(one.replace(" ", "\u00a0")) for one in shown]


def _day(then: time.struct_time) -> tuple[int, int]:
    return then.tm_year, then.tm_yday


# ---------------------------------------------------------------- people


def name_of(user: Any) -> str:
    """How the others get to know who did something. `user`: Telegram's User."""
    return cut(user.full_name, 60) or str(user.id)


def person(user: Any) -> str:
    """The same for the log."""
    return f"{cut(user.full_name, 60)} ({user.id})"
