"""What the READMEs quote, against what the bot says. Here, so that whoever changes a text alone
keeps `python -m tests` green."""

import re
from collections import defaultdict

import pytest

import texts
from demo.words import WORLD
from lib import own_words
from tests.test_readme import READMES, read

QUOTES = {"README.md": ("en", "“(.+?)”"), "README.ru.md": ("ru", "«(.+?)»")}
# Of Windows' Task Scheduler.
NOT_OURS = {"Run whether user is logged on or not", "Выполнять для всех пользователей"}
EXAMPLES = {"line": 7, "column": 5, "permission": "users:read", "version": "v3.3"}


def said_in(language: str) -> list[str]:
    """All that the bot can say, as plain text, with the values that the READMEs have."""
    values = defaultdict(lambda: "…", EXAMPLES)
    said = list(own_words.WORDS[language].values())
    for words in texts.LANGUAGES[language].values():
        said += [words] if isinstance(words, str) else words
    plain = [texts.plain(each.format_map(values)) for each in said]
    return [*plain, *WORLD[language]["servers"]]


def test_the_menu_has_the_screens_and_the_order_that_the_readmes_show():
    for readme in READMES:
        [line] = re.findall(r"^-(    screens = .*\n)", read(readme), re.MULTILINE)
        assert line in read("keyboards.py")


@pytest.mark.parametrize("readme", READMES)
def test_the_bot_says_what_the_readme_quotes(readme):
    language, pattern = QUOTES[readme]
    quotes = set(re.findall(pattern, read(readme).replace("`", ""))) - NOT_OURS
    assert len(quotes) >= 15
    said = said_in(language)
    unsaid = [quote for quote in quotes if not any(quote in each for each in said)]
    assert unsaid == []
