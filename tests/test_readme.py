"""What both READMEs tell people, against the files; and the button they add, in a copy.

The commands are typed in tests/laboratory/test_installing.py, as they need a package index, and
the quotes are compared in tests/laboratory/test_quotes.py, so that whoever changes a text keeps
these tests green. Not tried at all: Task Scheduler, `icacls`, Replit, and the unit for systemd.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import texts
from tests.conftest import ANNA, ROOT, BotProcess, open_menu, press
from tests.test_settings import FORGOTTEN_KEYS, SERVER_KEYS, STATUS_KEYS, TOP_KEYS

READMES = ("README.md", "README.ru.md")
EDIT = re.compile(r"<!-- (append|words|change|before): (.+?) -->\n```\w+\n(.*?)```", re.DOTALL)
MENU = re.compile(r"(\n    names = \(.*)\)\n")  # in keyboards.py, whatever stands in it
NOT_COPIED = (".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "settings.json", ".env")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def copy_project(folder: Path) -> Path:
    """What somebody gets who downloads the project, and what is being worked on."""
    copy = folder / "project"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
    return copy


def apply_edits(readme: str, project: Path) -> None:
    """Do what "Add your own button" says, as far as somebody has not done it already."""
    for kind, where, code in EDIT.findall(readme):
        name, _, anchor = where.partition(": ")
        file = project / name
        if kind == "words" and not file.exists():  # somebody has taken this language away
            continue
        text = file.read_text(encoding="utf-8")
        if kind == "change":
            old, new = (re.search(rf"^\{sign}(.*)$", code, re.M)[1] for sign in "-+")
            added = new.removeprefix(old.removesuffix(")")).removesuffix(")")
            # The screens that the README names may stand in another order, and with others.
            [begin] = MENU.findall(text)
            assert set(re.findall(r'"\w+"', old)) <= set(re.findall(r'"\w+"', begin)), old
            changed = text if added in begin else text.replace(begin, begin + added, 1)
        elif code.strip() in text:
            continue
        elif kind == "append":
            changed = f"{text}\n\n{code}"
        elif kind == "words":
            changed = text.replace("WORDS = {\n", "WORDS = {\n" + code, 1)
        else:
            anchor = anchor.removesuffix(")")  # whatever else is said there
            changed = text.replace(anchor, f"{code}\n\n{anchor}", 1)
        assert kind == "change" or changed != text, f"nothing to change in {where}"
        file.write_text(changed, encoding="utf-8")


@pytest.mark.parametrize("name", READMES)
def test_the_button_of_the_readme_works_in_a_copy_of_the_project(
    name, tmp_path, telegram, anna, new_server, settings_for
):
    project = copy_project(tmp_path)
    edits = EDIT.findall(read(name))
    assert sum(kind != "words" for kind, _, _ in edits) == 3
    assert not re.search(r"[^\w]_[a-z]", "".join(code for _, _, code in edits)), "public names only"
    apply_edits(read(name), project)
    apply_edits(read(name), project)  # somebody has the button already: nothing is there twice
    servers = {"office": new_server(), "silent": new_server(), "old": new_server()}
    servers["silent"].hides_version = True
    servers["old"].api_versions = {"v3.3"}
    sections = {name: server.settings() for name, server in servers.items()}
    bot = BotProcess(tmp_path, settings_for(sections, users=[ANNA]))
    bot.start(main=project / "main.py")
    back = texts.LANGUAGES["en"]["button_back"]
    try:
        bot.wait_for_output("Bot is running...")
        for server in servers:
            message = press(anna, open_menu(anna, server), "Server version")
            shown = servers["office"].version if server == "office" else "the server does not tell"
            assert f"Version: {shown}" in message.text
            assert "Server version" in press(anna, message, back).labels
        assert bot.stop() == 0
    finally:
        bot.kill()
    assert "Traceback" not in bot.output
    ruff = [sys.executable, "-m", "ruff", "check", "--quiet", str(project)]
    assert subprocess.run(ruff, check=False).returncode == 0


def test_both_readmes_have_the_same_structure_and_the_same_code():
    english, russian = (read(name) for name in READMES)
    heading_levels = [re.findall(r"^(#+) ", text, re.M) for text in (english, russian)]
    assert heading_levels[0] == heading_levels[1]
    rows = [re.findall(r"^\|", text, re.M) for text in (english, russian)]
    assert len(rows[0]) == len(rows[1])
    code = [re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL) for text in (english, russian)]
    assert [kind for kind, _ in code[0]] == [kind for kind, _ in code[1]]
    for (kind, one), (_, other) in zip(*code, strict=True):
        if kind == "json":  # the name in the sample settings is translated
            assert len(one.splitlines()) == len(other.splitlines())
        else:
            assert re.sub(r"TZ=\S+", "", one) == re.sub(r"TZ=\S+", "", other)
    keys = [set(re.findall(r"`([a-z_.:-]+)`", text)) for text in (english, russian)]
    assert keys[0] == keys[1] >= {"tg-api-token", "quiet-hours", "conferences.sessions:read"}


def anchor_of(heading: str) -> str:
    """As GitHub makes it: small letters, no punctuation, hyphens for blanks."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("name", [*READMES, "CONTRIBUTING.md", "CHANGELOG.md"])
def test_everything_that_a_readme_links_to_is_there(name):
    text = read(name)
    headings = {anchor_of(heading) for heading in re.findall(r"^#+ (.*)$", text, re.M)}
    for place in re.findall(r"\]\(#([^)]+)\)", text):
        assert place in headings, place
    files = re.findall(r"\]\((?!https?:)([^)#]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for file in files:
        assert (ROOT / file).is_file(), file
        assert (ROOT / file).stat().st_size < 150_000, file
    if name in READMES:
        assert any(file.endswith(".png") for file in files)
        assert "LICENSE" in files


@pytest.mark.parametrize("name", READMES)
def test_every_setting_that_people_write_stands_in_the_table(name):
    table = read(name).partition("| `tg-api-token` |")[2].partition("\n\n")[0]
    written_by_the_bot = {"down_since", "paused_until", "reported", "told"}
    known = {*TOP_KEYS, *SERVER_KEYS, *STATUS_KEYS, *FORGOTTEN_KEYS} - written_by_the_bot
    known -= {"tg-api-token", "servers"}  # the beginning of the table and of most rows
    assert [key for key in sorted(known) if not re.search(rf"[`.]{key}[`.]", table)] == []
