"""What the READMEs and docs/ quote, against what the bot says. Here, so that whoever changes a
text alone keeps `python -m tests` green."""

import re
from collections import defaultdict

import pytest

import texts
from demo.words import WORLD
from lib import own_words
from tests.test_readme import ALL_PAGES, BUTTON_PAGES, EDIT, PAGES, read

QUOTES = {"en": "“(.+?)”", "ru": r"«((?:[^«»\n]|«[^«»\n]*»)+)»"}
# Of Windows' Task Scheduler.
NOT_OURS = {"Run whether user is logged on or not", "Выполнять для всех пользователей"}
LEAST = {"README.md": 3, "docs/messages.md": 25, "docs/own-button.md": 1}  # or nothing is compared
EXAMPLES = {"line": 7, "column": 5, "permission": "users:read", "version": "v3.3"}


def said_in(language: str) -> list[str]:
    """All that the bot can say, as plain text, with the values that the pages have."""
    values = defaultdict(lambda: "…", EXAMPLES)
    said = list(own_words.WORDS[language].values())
    for words in texts.LANGUAGES[language].values():
        said += [words] if isinstance(words, str) else words
    plain = [texts.plain(each.format_map(values)) for each in said]
    return [*plain, *WORLD[language]["servers"]]


@pytest.mark.parametrize("page", BUTTON_PAGES)
def test_the_menu_has_the_screens_and_the_order_that_the_pages_show(page):
    shown = [code for kind, _, code in EDIT.findall(read(page)) if kind == "change"]
    [before, *_], [after, *_] = (re.findall(rf"^\{sign}(.*\n)", shown[0], re.M) for sign in "-+")
    assert before in read("keyboards.py")
    assert f"-{after}" in shown[1]


@pytest.mark.parametrize("page", ALL_PAGES)
def test_the_bot_says_what_a_page_quotes(page):
    language = "ru" if page in PAGES["ru"] else "en"
    quotes = set(re.findall(QUOTES[language], read(page).replace("`", ""))) - NOT_OURS
    assert len(quotes) >= LEAST.get(page.replace(".ru", ""), 0)
    said = said_in(language)
    unsaid = [quote for quote in quotes if not any(quote in each for each in said)]
    assert unsaid == []
