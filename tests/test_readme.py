"""What the READMEs and the pages of docs/ tell people, against the files; and the buttons that
they add, in a copy.

The commands are typed in tests/laboratory/test_installing.py, as they need a package index, and
the quotes are compared in tests/laboratory/test_quotes.py, so that whoever changes a text keeps
these tests green. Not tried at all: Task Scheduler, `icacls`, Replit, Docker, and the unit for
systemd.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import texts
from demo.trueconf.server import FOUR_SCOPES, V4_SCOPES, Person
from lib import trueconf_v3, trueconf_v4
from tests.conftest import ANNA, ROOT, BotProcess, open_menu, press
from tests.test_settings import FORGOTTEN_KEYS, SERVER_KEYS, STATUS_KEYS, TOP_KEYS

DOCS = [f"docs/{file.name}" for file in sorted(ROOT.glob("docs/*.md"))]
PAGES = {
    "en": ["README.md", *(page for page in DOCS if not page.endswith(".ru.md"))],
    "ru": ["README.ru.md", *(page for page in DOCS if page.endswith(".ru.md"))],
}
ALL_PAGES = [*PAGES["en"], *PAGES["ru"]]
SETTINGS_PAGES = ("docs/settings.md", "docs/settings.ru.md")
BUTTON_PAGES = ("docs/own-button.md", "docs/own-button.ru.md")
EDIT = re.compile(r"<!-- (append|words|change|before): (.+?) -->\n```\w+\n(.*?)```", re.DOTALL)
MENU = re.compile(r"(\n    names = \(.*)\)\n")  # in keyboards.py, whatever stands in it
COMMENTED = re.compile(r"^# .*\n@on_\w+\(.*", re.MULTILINE)  # a handler with its comment
NOT_COPIED = (".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "settings.json", ".env")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def copy_project(folder: Path) -> Path:
    """What somebody gets who downloads the project, and what is being worked on."""
    copy = folder / "project"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
    return copy


def apply_edits(page: str, project: Path) -> None:
    """Do what "Your own button" says, as far as somebody has not done it already."""
    for kind, where, code in EDIT.findall(page):
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
            changed = text.replace(anchor, f"{code}\n\n{anchor}", 1)
        assert kind == "change" or changed != text, f"nothing to change in {where}"
        file.write_text(changed, encoding="utf-8")


@pytest.fixture(params=BUTTON_PAGES)
def changed_project(request, tmp_path) -> Path:
    """A copy of the project with all that the page adds."""
    project, page = copy_project(tmp_path), read(request.param)
    apply_edits(page, project)
    return project


@pytest.fixture
def start_changed_bot(changed_project, tmp_path, settings_for):
    bots = []

    def start(servers: dict) -> BotProcess:
        sections = {name: server.settings() for name, server in servers.items()}
        bots.append(BotProcess(tmp_path, settings_for(sections, users=[ANNA])))
        bots[-1].start(main=changed_project / "main.py")
        bots[-1].wait_for_output("Bot is running...")
        return bots[-1]

    yield start
    for bot in bots:
        try:
            assert bot.stop() == 0
            assert "Traceback" not in bot.output
        finally:
            bot.kill()


def test_first_button_of_the_page_works_in_a_copy_of_the_project(
    telegram, anna, new_server, start_changed_bot
):
    servers = {"office": new_server(), "silent": new_server(), "old": new_server()}
    servers["silent"].hides_version = True
    servers["old"].api_versions = {"v3.3"}
    start_changed_bot(servers)
    back = texts.LANGUAGES["en"]["button_back"]
    for server in servers:
        message = press(anna, open_menu(anna, server), "Server version")
        shown = servers["office"].version if server == "office" else "the server does not tell"
        assert f"Version: {shown}" in message.text
        assert "Server version" in press(anna, message, back).labels


@pytest.mark.parametrize("version", ["v3.3", "v4"])
def test_second_button_of_the_page_shows_a_list_of_any_length(
    version, telegram, anna, new_server, start_changed_bot
):
    """Seven conferences: one is empty, and five are so full of long names that Telegram would
    take no message with all of them."""
    server = new_server(scopes=FOUR_SCOPES if version == "v3.3" else V4_SCOPES)
    server.api_versions = {version}
    crowd = [Person(f"p{number}", f"{number} " + "<🙂&" * 60) for number in range(300)]
    server.add_conference("Empty", people=())
    for number in range(5):
        server.add_conference(f"{number} " + "<&🙂" * 200, people=crowd)
    meeting = server.add_conference("Meeting", people=("anna", "boris"))
    start_changed_bot({"office": server})
    en = texts.LANGUAGES["en"]
    message = press(anna, open_menu(anna, "office"), "People in conferences")
    shown = message.text
    while en["button_next"] in message.labels:
        message = press(anna, message, en["button_next"])
        shown += message.text
    assert "Page 2 of 2" in message.text
    assert shown.count("As of") == 2
    lines = shown.splitlines()
    assert {"• Anna Petrova", "• Boris Ivanov", "Nobody is in it"} <= set(lines)
    assert lines.count("290 more") == 5
    assert len([line for line in lines if line.startswith("• ")]) == 5 * 10 + 2

    server.add_conference("Later", people=("clara",))
    meeting.everybody_leaves()
    message = press(anna, message, en["button_refresh"])
    assert "• Clara Schmidt" in message.text
    assert "• Boris Ivanov" not in message.text
    assert "People in conferences" in press(anna, message, en["button_back"]).labels


def test_second_button_says_what_it_could_not_find_out(
    telegram, anna, new_server, start_changed_bot
):
    nothing, locked = new_server(), new_server(scopes=["conferences", "logs.calls:read"])
    locked.add_conference("Meeting")
    start_changed_bot({"nothing": nothing, "locked": locked})
    message = press(anna, open_menu(anna, "nothing"), "People in conferences")
    assert texts.LANGUAGES["en"]["conferences_none"] in message.text
    message = press(anna, open_menu(anna, "locked"), "People in conferences")
    assert "Meeting" in message.text
    assert texts.LANGUAGES["en"]["people_unknown"] in message.text


@pytest.mark.parametrize("version", ["v3.3", "v4"])
def test_question_of_the_page_reads_all_pages(version, changed_project, new_server, settings_for):
    people = [Person(f"p{number}", f"Person {number}") for number in range(1203)]
    server = new_server(people=people, scopes=FOUR_SCOPES if version == "v3.3" else V4_SCOPES)
    server.api_versions = {version}
    file = changed_project / "asked.json"
    file.write_text(json.dumps(settings_for({"office": server.settings()})), encoding="utf-8")
    ask = (
        "import trueconf_api; from lib import settings;"
        "[server] = settings.load('asked.json').servers.values();"
        "names = trueconf_api.get_names(server); print(len(names), len(set(names)), names[0])"
    )
    asked = subprocess.run(
        [sys.executable, "-c", ask], cwd=changed_project, capture_output=True, text=True,
        encoding="utf-8", check=False,
    )  # fmt: skip
    assert asked.stdout.split() == ["1203", "1203", "Person", "0"], asked.stderr


def test_edits_of_the_page_leave_the_code_as_tidy_as_it_was(changed_project):
    """Public names only, nothing twice, and no handler torn off its comment."""
    for page in map(read, BUTTON_PAGES):
        edits = EDIT.findall(page)
        assert sum(kind != "words" for kind, _, _ in edits) == 8
        assert not re.search(r"[^\w]_[a-z]", "".join(code for _, _, code in edits))
        before = {file: file.read_bytes() for file in changed_project.rglob("*.py")}
        apply_edits(page, changed_project)  # somebody has the buttons already
        assert {file: file.read_bytes() for file in changed_project.rglob("*.py")} == before
    commented = COMMENTED.findall((changed_project / "main.py").read_text(encoding="utf-8"))
    assert set(COMMENTED.findall(read("main.py"))) <= set(commented)
    assert {comment.partition('"')[2].partition('"')[0] for comment in commented} >= {
        "Server version",
        "People in conferences",
    }


def test_edits_of_the_page_are_what_ruff_allows(changed_project):
    if ruff("--version"):
        pytest.skip("ruff does not run here, as under Wine")
    assert ruff("check", "--quiet", str(changed_project)) == 0


def ruff(*arguments: str) -> int:
    command = [sys.executable, "-m", "ruff", *arguments]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode


@pytest.mark.parametrize("pair", [*zip(*PAGES.values(), strict=True)], ids=PAGES["en"])
def test_both_languages_have_the_same_structure_and_the_same_code(pair):
    assert pair[1] == pair[0].replace(".md", ".ru.md")
    english, russian = (read(name) for name in pair)
    heading_levels = [re.findall(r"^(#+) ", text, re.M) for text in (english, russian)]
    assert heading_levels[0] == heading_levels[1]
    for begins in (r"^\|", r"^- ", r"^\d\. "):
        rows = [re.findall(begins, text, re.M) for text in (english, russian)]
        assert len(rows[0]) == len(rows[1]), begins
    code = [re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL) for text in (english, russian)]
    assert [kind for kind, _ in code[0]] == [kind for kind, _ in code[1]]
    for (kind, one), (_, other) in zip(*code, strict=True):
        if kind == "json":  # the name in the sample settings is translated
            assert len(one.splitlines()) == len(other.splitlines())
        else:
            assert re.sub(r"TZ=\S+", "", one) == re.sub(r"TZ=\S+", "", other)
    keys = [set(re.findall(r"`([a-z_.:-]+)`", text)) for text in (english, russian)]
    assert keys[0] == keys[1]


def test_readme_names_every_permission_and_the_keys_that_all_need():
    for name in ("README.md", "README.ru.md"):
        keys = set(re.findall(r"[`\"]([a-z_.:-]+)[`\"]", read(name)))
        assert keys >= {"tg-api-token", "tg-users-id", "language", "ip", "client_secret"}
        assert keys >= {*trueconf_v3.PERMISSIONS, *trueconf_v4.PERMISSIONS}


def anchor_of(heading: str) -> str:
    """As GitHub makes it: small letters, no punctuation, hyphens for blanks."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("name", [*ALL_PAGES, "CONTRIBUTING.md", "CHANGELOG.md"])
def test_everything_that_a_page_links_to_is_there(name):
    text = read(name)
    for place in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        path, _, anchor = place.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        assert file.is_file(), place
        headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.M)
        assert not anchor or anchor in map(anchor_of, headings), place
    for picture in re.findall(r'src="([^"]+)"', text):
        assert (ROOT / picture).stat().st_size < 150_000, picture


@pytest.mark.parametrize("language", PAGES)
def test_readme_leads_to_every_page_of_its_language(language):
    readme, *pages = PAGES[language]
    linked = set(re.findall(r"\]\(([^)#]+)", read(readme)))
    assert linked >= {*pages, "LICENSE", "CONTRIBUTING.md", "CHANGELOG.md"}
    assert len(re.findall(r'src="[^"]+\.png"', read(readme))) == 2


@pytest.mark.parametrize("name", SETTINGS_PAGES)
def test_every_setting_that_people_write_stands_in_the_table(name):
    table = read(name).partition("| `tg-api-token` |")[2].partition("\n\n")[0]
    written_by_the_bot = {"down_since", "paused_until", "reported", "told"}
    known = {*TOP_KEYS, *SERVER_KEYS, *STATUS_KEYS, *FORGOTTEN_KEYS} - written_by_the_bot
    known -= {"tg-api-token", "servers"}  # the beginning of the table and of most rows
    assert [key for key in sorted(known) if not re.search(rf"[`.]{key}[`.]", table)] == []
