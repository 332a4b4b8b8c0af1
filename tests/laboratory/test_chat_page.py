"""The chat page of `python main.py --demo` in a real browser, with the real bot behind it."""

import re
import shutil
import socket
import tempfile
import time
from contextlib import closing

import pytest
import requests

import texts
from demo.chat_page import VISITOR_ID, ChatPage
from demo.words import PAGE
from demo.world import World
from lib.telegram_presses import FRESH_S
from tests.conftest import wait_until

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
CHROMEDRIVER = shutil.which("chromedriver")
try:
    from selenium import webdriver
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = None

OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--hide-scrollbars",
)
SHOWN = "#messages > :not([hidden])"  # the chat that is looked at
# What Telegram's own clients show of each message.
MESSAGES = (
    f"return [...document.querySelectorAll('{SHOWN} .message')]"
    """.map(item => ({
    id: Number(item.dataset.id),
    isMine: item.classList.contains("mine"),
    text: item.querySelector(".bubble").innerText,
    keys: [...item.querySelectorAll(".key")].map(key => key.textContent),
}));
"""
)
MOST_PRESSES = 400
LIGHTS = {"up": "🟢", "service_down": "🟡", "web_down": "🟠", "down": "🔴"}


def what_is_missing():
    missing = [] if CHROMIUM else ["Chromium (Debian: apt install chromium)"]
    missing += [] if CHROMEDRIVER else ["its driver (Debian: apt install chromium-driver)"]
    return missing + ([] if webdriver else ["selenium (pip install selenium)"])


with_browser = pytest.mark.skipif(
    bool(what_is_missing()),
    reason=f"needs a browser to press buttons in; not found: {', '.join(what_is_missing())}",
)


def word(key, form=0, language="en"):
    """The words of the bot up to the first value that is filled in, or after it."""
    words = texts.LANGUAGES[language][key]
    words = words[form] if isinstance(words, tuple) else words
    return texts.plain(max(re.split(r"\{.*?\}", words), key=len)).strip()


@pytest.fixture
def open_page():
    """A function that opens an address in a browser of its own; the page must log no error."""
    pages = []

    def open_it(address, width=1280, height=860, is_dark=False):
        pages.append(Page(address, width, height, is_dark))
        return pages[-1]

    yield open_it
    problems = [problem for page in pages for problem in page.close()]
    assert problems == []


class Page:
    """The chat page in headless Chromium, and what a person does there."""

    def __init__(self, address, width, height, is_dark):
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for each in (*OPTIONS, f"--user-data-dir={self._profile}"):
            options.add_argument(each)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(CHROMEDRIVER)
        self.browser = webdriver.Chrome(options, service)
        self._emulate("setDeviceMetricsOverride", width=width, height=height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self._emulate("setEmulatedMedia", features=[scheme])
        self.browser.get(address)
        self.wait_for(".server", 3)

    def _emulate(self, command, **details):
        if "width" in details:
            details |= {"deviceScaleFactor": 1, "mobile": details["width"] < 600}
        self.browser.execute_cdp_cmd(f"Emulation.{command}", details)

    def close(self):
        try:
            return self.browser.get_log("browser")
        finally:
            self.browser.quit()
            shutil.rmtree(self._profile, ignore_errors=True)

    def run(self, script):
        return self.browser.execute_script(script)

    def find_all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def wait_for(self, selector, number=1):
        return wait_until(lambda: len(self.find_all(selector)) >= number, what=selector)

    # -- the chat

    def type(self, text):
        self.find("#text").send_keys(text, Keys.ENTER)

    @property
    def messages(self):
        return self.run(MESSAGES)

    def message(self, message_id):
        return next(each for each in self.messages if each["id"] == message_id)

    def wait_for_message(self, part, after=0):
        """Wait for a message of the bot with this in its text; return the newest."""

        def look():
            found = [
                each
                for each in self.messages
                if part in each["text"] and each["id"] > after and not each["isMine"]
            ]
            return found[-1] if found else None

        return wait_until(look, what=f"a message with {part!r} in {self.messages}")

    def start(self):
        """Write /start; return the ID of the menu that comes."""
        self.type("/start")
        menu = wait_until(lambda: self._menu_after_start(), what="the menu after /start")
        return menu["id"]

    def _menu_after_start(self):
        messages = self.messages
        places = [place for place, each in enumerate(messages) if each["text"].startswith("/start")]
        later = messages[places[-1] + 1 :] if places else []
        is_menu = word("button_all_servers")
        return next((each for each in later if is_menu in each["keys"]), None)

    def press(self, message_id, label):
        """Press the button that has this in its label, and wait until the spinner has gone."""
        if label == word("button_confirm_stop"):
            time.sleep(2 * FRESH_S)  # a "Yes" that is younger is not taken
        wait_until(lambda: self._click_key(message_id, label), what=f"the button {label!r}")
        wait_until(lambda: self.run("return waiting.size") == 0, what=f"the answer to {label!r}")
        return self.message(message_id)

    def _click_key(self, message_id, label):
        try:
            for key in self.find_all(f'[data-id="{message_id}"] .key'):
                if label in key.text:
                    key.click()
                    return True
        except StaleElementReferenceException:
            pass  # the message has just been edited
        return False

    @property
    def popup(self):
        return self.find("#popup-text").text if self.find_all("#popup[open]") else None

    def look(self, **what):
        """Switch to who="colleague", or to place="group"."""
        for name, value in what.items():
            self.find(f".view[data-{name}={value}]").click()

    def unread(self, **what):
        [(name, value)] = what.items()
        return self.find(f".view[data-{name}={value}] b").text

    # -- the panel

    def act(self, action, server=None):
        place = f"[data-server={server}] " if server else ""
        self.find(f"#panel {place}[data-action={action}]").click()

    def conferences(self, server):
        counts = self.find(f"[data-server={server}] .counts").text
        return int(re.search(r"\d+", counts)[0])

    def state(self, server):
        return self.find(f".server[data-server={server}]").get_attribute("data-state")


@with_browser
def test_a_person_types_start_and_sees_the_servers(start_demo, open_page):
    page = open_page(start_demo().address)
    assert page.find("#start").is_displayed()
    page.type("/start")
    menu = page.message(page.wait_for_message(word("servers"))["id"])
    assert len(menu["keys"]) == 4
    assert not page.find("#start").is_displayed()
    assert [each["text"][:6] for each in page.messages if each["isMine"]] == ["/start"]


@with_browser
def test_a_person_presses_every_button(start_demo, open_page):
    page = open_page(start_demo().address)
    menu, back = page.start(), word("button_back")
    pressed, screens = set(), set()

    def kind(heading, label):
        return heading, re.sub(r"(\d+)\. .*", "one of the list", re.sub(r"^• | •$", "", label))

    for _ in range(MOST_PRESSES):
        message = page.message(menu)
        heading = message["text"].partition("\n")[0]
        screens.add(heading)
        new = [each for each in message["keys"] if kind(heading, each) not in pressed]
        new.sort(key=lambda label: label == back)
        if not new and back not in message["keys"]:
            break
        label = new[0] if new else back
        pressed.add(kind(heading, label))
        after = page.press(menu, label)
        assert "⚠" not in after["text"], (heading, label, after)
        assert page.popup is None, (heading, label, page.popup)
    else:
        raise AssertionError(f"no end after {MOST_PRESSES} presses: {sorted(pressed)}")
    labels = " ".join(label for _, label in pressed)
    for key in (
        *("all_servers", "status", "conferences", "online", "forgotten", "refresh", "next"),
        *("by_name", "stop"),
        *(
            "previous",
            "monitoring_on",
            "monitoring_off",
            "forgotten_alerts_on",
            "forgotten_alerts_off",
            "confirm_stop",
        ),
    ):
        assert word(f"button_{key}") in labels
    assert len(screens) > 10


@with_browser
def test_a_person_stops_a_conference(start_demo, open_page):
    page = open_page(start_demo().address)
    menu = page.start()
    page.press(menu, "Head office")
    page.press(menu, word("button_conferences"))
    page.press(menu, "1. ")
    confirmation = page.press(menu, word("button_stop"))
    assert "Weekly planning" in confirmation["text"]
    assert page.find(".key.danger").text == word("button_confirm_stop")
    before = page.conferences("office")
    result = page.press(menu, word("button_confirm_stop"))
    assert "Weekly planning" in result["text"]
    wait_until(lambda: page.conferences("office") == before - 1, what="one conference less")


@with_browser
def test_each_part_of_a_server_goes_down_and_comes_back_and_the_chat_says_so(start_demo, open_page):
    page = open_page(start_demo().address)
    page.start()
    last = 0
    for action, state in (
        *(("service_down", "service_down"), ("web_down", "down")),
        *(("service_up", "web_down"), ("up", "up")),
    ):
        page.act(action, "branch")
        alert = page.wait_for_message(LIGHTS[state], after=last)
        assert "Branch" in alert["text"].partition("\n")[0]
        assert (page.state("branch"), page.state("office")) == (state, "up")
        last = alert["id"]


@with_browser
def test_forgotten_conferences_are_told_of_and_the_answer_is_a_popup(start_demo, open_page):
    page = open_page(start_demo().address)
    page.act("hour")
    first = page.wait_for_message(word("alert_forgotten"))
    page.press(first["id"], word("button_remind"))
    wait_until(lambda: word("reminder_set") in (page.popup or ""), what="the pop-up")
    page.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    wait_until(lambda: page.popup is None, what="the end of the pop-up")
    page.act("leave", "training")
    page.act("hour")
    later = page.wait_for_message("Training centre", after=first["id"])
    assert word("alert_forgotten") in later["text"]


@with_browser
def test_a_conference_that_starts_is_in_the_list(start_demo, open_page):
    page = open_page(start_demo().address)
    menu = page.start()
    page.press(menu, "Branch")
    page.act("conference", "branch")
    note = wait_until(lambda: page.find("#happened").text, what="the note")
    title = re.search("“(.*)”", note)[1]
    listed = page.press(menu, word("button_conferences"))
    assert title in listed["text"]
    assert page.conferences("branch") == 3


@with_browser
def test_links_lead_to_the_server_in_a_new_tab(start_demo, open_page):
    page = open_page(start_demo().address)
    menu = page.start()
    page.press(menu, "Branch")
    listed = page.press(menu, word("button_conferences"))
    # Of this message alone: an alert about a forgotten conference has a link too.
    links = page.find_all(f'.message[data-id="{menu}"] .bubble a')
    assert len(links) == 2 * listed["text"].count("ID: ") > 0
    for link in links:
        assert re.match(r"https?://127\.0\.0\.1:\d+/", link.get_attribute("href"))
        assert link.get_attribute("target") == "_blank"
        assert "noopener" in link.get_attribute("rel")


@with_browser
def test_the_keyboard_alone_is_enough(start_demo, open_page):
    page = open_page(start_demo().address)

    def type_keys(*keys):
        page.browser.switch_to.active_element.send_keys(*keys)

    type_keys("/", Keys.ARROW_DOWN)  # the field has the focus; the list of commands opens
    wait_until(lambda: page.find("#commands").is_displayed(), what="the commands")
    while "/start" not in page.browser.switch_to.active_element.text:
        type_keys(Keys.ARROW_DOWN)
    type_keys(Keys.ENTER)
    menu = wait_until(page._menu_after_start, what="the menu")
    for _ in range(40):
        type_keys(Keys.SHIFT, Keys.TAB)
        if page.browser.switch_to.active_element.text == word("button_all_servers"):
            break
    outline = page.browser.switch_to.active_element.value_of_css_property("outline-style")
    assert outline == "solid"
    type_keys(Keys.ENTER)
    wait_until(lambda: page.message(menu["id"])["text"] != menu["text"], what="the screen")
    # The buttons are others now, but the focus has not been lost.
    assert "key" in page.browser.switch_to.active_element.get_attribute("class")


@with_browser
def test_it_fits_a_phone_in_the_dark(start_demo, open_page):
    page = open_page(start_demo().address, width=360, height=740, is_dark=True)
    menu = page.start()
    page.press(menu, "Head office")
    page.press(menu, word("button_conferences"))
    widths = "return [document.documentElement.scrollWidth, scroll.scrollWidth, innerWidth]"
    assert page.run(widths) == [360, 360, 360]
    red, green, blue = map(int, re.findall(r"\d+", page.run(COLOR_OF_BUBBLE))[:3])
    assert red + green + blue < 200
    assert not page.find("#panel").is_displayed()
    page.find("#toggle").click()
    assert not page.find("#about p").is_displayed()
    page.act("service_down", "office")
    page.wait_for_message("🟡")
    assert page.run(widths) == [360, 360, 360]
    note, servers = (page.find(each).rect for each in ("#happened", ".controls"))
    assert note["y"] >= servers["y"] + servers["height"]  # it covers no button
    for key in page.find_all(f"{SHOWN} .key, .world-button, .view, #send, #toggle"):
        assert key.size["height"] >= 34, key.text
    page.find("#toggle").click()
    assert not page.find("#panel").is_displayed()


@with_browser
def test_a_colleague_and_the_group_see_who_has_taken_an_outage(start_demo, open_page):
    page = open_page(start_demo().address, width=360, height=740)
    page.start()
    page.find("#toggle").click()
    page.act("down", "branch")
    page.find("#toggle").click()
    alert = page.wait_for_message("🔴")
    wait_until(lambda: page.unread(who="colleague") and page.unread(place="group"), what="numbers")
    assert not page.unread(who="visitor")
    page.press(alert["id"], word("button_take"))
    taken = word("mark_taken")
    page.wait_for_message(taken)
    page.look(place="group")
    assert page.find("#heading").text == PAGE["en"]["group"]
    page.wait_for_message(taken)
    page.look(who="colleague", place="private")
    page.wait_for_message(taken)
    assert not page.unread(who="colleague")
    page.type("/status")
    wait_until(lambda: [one for one in page.messages if one["isMine"]], what="the command")
    page.look(who="visitor")
    assert [one["text"][:6] for one in page.messages if one["isMine"]] == ["/start"]
    assert page.run("return document.documentElement.scrollWidth") == 360


@with_browser
def test_who_writes_in_the_group_stands_above_it_for_the_other(start_demo, open_page):
    page = open_page(start_demo().address)
    page.look(who="colleague", place="group")
    page.type("/start")
    menu = page.wait_for_message(word("servers"))
    [mine] = [one for one in page.messages if one["isMine"]]
    page.look(who="visitor")
    assert not [one for one in page.messages if one["isMine"]]
    assert page.message(mine["id"])["text"].startswith(PAGE["en"]["colleague"])
    page.press(menu["id"], word("button_all_servers"))


@with_browser
def test_a_new_message_is_told_to_a_screen_reader_as_part_of_a_list(start_demo, open_page):
    page = open_page(start_demo().address)
    page.start()
    assert page.run(ORPHANS) == []
    logs = page.find_all("[role=log]")
    assert [each.is_displayed() for each in logs] == [True, False, False]


# Entries of a list that stand in no list, and lists that have become something else.
ORPHANS = """
return [...document.querySelectorAll("li, ol[role]")].filter(
    each => each.tagName === "OL" || !each.closest("ol") || !each.closest("div[role=log]")
).map(each => each.outerHTML);
"""

COLOR_OF_BUBBLE = """
return getComputedStyle(document.querySelector(".message:not(.mine) .bubble")).backgroundColor
"""


@with_browser
def test_it_speaks_the_language_of_the_system(start_demo, open_page):
    page = open_page(start_demo("ru").address)
    page.type("/start")
    page.wait_for_message(word("servers", language="ru"))
    assert page.find("h2[data-word=panel]").text == "Виртуальный мир"
    assert page.find(".server .name").text == "Головной офис"


@with_browser
def test_a_second_look_shows_the_same_chat(start_demo, open_page):
    demo = start_demo()
    page = open_page(demo.address)
    menu = page.start()
    page.press(menu, "Branch")
    other = open_page(demo.address)
    wait_until(lambda: other.messages, what="the chat")
    assert other.message(menu) == page.message(menu)


@with_browser
def test_titles_are_shown_as_they_are(start_demo, open_page):
    page = open_page(start_demo().address)
    menu = page.start()
    page.press(menu, "Head office")
    listed = page.press(menu, word("button_conferences"))
    assert "Sales: pipeline & forecast" in listed["text"]


# ---------------------------------------------------------------- a bot of the test's own


@pytest.fixture
def chat_page():
    with ChatPage(World("en"), "en", port=free_port()) as page:
        yield page


@pytest.fixture
def call(chat_page):
    """A function that calls a method of the Bot API."""
    with requests.Session() as client:

        def call(method, **fields):
            url = f"{chat_page.url}/bot{chat_page.token}/{method}"
            answer = client.post(url, json=fields, timeout=30).json()
            assert answer["ok"], answer
            return answer["result"]

        call("getUpdates")
        yield call


def free_port():
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def rows(*labels, **more):
    return {"inline_keyboard": [[{"text": each, "callback_data": each, **more}] for each in labels]}


@with_browser
def test_the_spinner_turns_until_the_bot_answers(chat_page, call, open_page):
    page = open_page(chat_page.url)
    call("sendMessage", chat_id=VISITOR_ID, text="Hello", reply_markup=rows("Press me"))
    page.wait_for(".key")
    page.find(".key").click()
    query = wait_until(lambda: call("getUpdates"), what="the press")[0]["callback_query"]
    assert page.find(".key.waiting").get_attribute("aria-busy") == "true"
    call("answerCallbackQuery", callback_query_id=query["id"], text="Well done")
    wait_until(lambda: page.find("#toast").text == "Well done", what="the answer")
    assert page.find_all(".key.waiting") == []


@with_browser
def test_messages_look_as_the_bot_formats_them(chat_page, call, open_page):
    page = open_page(chat_page.url)
    html = (
        "<b>bold 😀 <i>both</i></b> <code>&lt;script&gt;</code> "
        '<a href="https://example.org/?a=1&amp;b=2">link</a> /start <u>x</u><s>y</s>'
    )
    sent = call("sendMessage", chat_id=VISITOR_ID, text=html, parse_mode="HTML")
    page.wait_for(".bubble b i")
    # While a bubble rises into view, the browser counts it as hidden and its text as empty.
    wait_until(lambda: page.find(".bubble b").text == "bold 😀 both", what="the bold words")
    assert page.find(".bubble code").text == "<script>"
    assert page.find(".bubble a").get_attribute("href") == "https://example.org/?a=1&b=2"
    assert page.find_all(".bubble .edited") == []
    place = {"chat_id": VISITOR_ID, "message_id": sent["message_id"]}
    wild = "<img src=x onerror=alert(1)>"
    call("editMessageText", **place, text=wild, reply_markup=rows("Stop", style="danger"))
    page.wait_for(".key.danger")
    assert page.message(sent["message_id"])["text"].startswith(wild)
    assert page.find_all(".bubble img") == []
    assert page.find(".bubble .edited").text == "edited"
    assert page.find_all(".message.changed")  # nobody here has pressed anything
    call("deleteMessage", **place)
    wait_until(lambda: page.messages == [], what="the end of the message")


@with_browser
def test_enter_twice_presses_no_red_button(chat_page, call, open_page):
    page = open_page(chat_page.url)
    red = {"text": "Yes, stop", "callback_data": "stop", "style": "danger"}
    back, pause = ({"text": each, "callback_data": each} for each in ("Back", "Pause"))
    sent = call("sendMessage", chat_id=VISITOR_ID, text="Hello", reply_markup=rows("One", "Stop"))
    place = {"chat_id": VISITOR_ID, "message_id": sent["message_id"]}
    page.wait_for(".key", 2)

    def focus_after(*buttons):
        page.run("document.querySelectorAll('.key')[0].focus()")
        before = page.run(LABELS)
        call("editMessageText", **place, text=f"{buttons}", reply_markup=column(*buttons))
        wait_until(lambda: page.run(LABELS) != before, what="the edit")
        return page.browser.switch_to.active_element.text

    assert focus_after(red, back) == "Back"
    assert focus_after(pause, back) == "Pause"
    assert focus_after(back, pause, red) == "Pause"  # where it is now
    assert focus_after(red) == ""  # the field: nothing here is harmless
    assert page.browser.switch_to.active_element.get_attribute("id") == "text"


LABELS = "return [...document.querySelectorAll('.key')].map(key => key.textContent)"


def column(*buttons):
    return {"inline_keyboard": [[button] for button in buttons]}


@with_browser
def test_labels_are_cut_as_a_phone_cuts_them_and_silence_is_marked(chat_page, call, open_page):
    page = open_page(chat_page.url, width=390, height=844)
    place = {"chat_id": VISITOR_ID, "text": "Hello"}
    call("sendMessage", **place, reply_markup=rows("short", "WIDE LABEL " * 5))
    call("sendMessage", **place, disable_notification=True)
    page.wait_for(".message", 2)
    short, long = (key.size["height"] for key in page.find_all(".key"))
    assert short == long  # one line, whatever the label
    marked = [each.find_elements(By.CSS_SELECTOR, ".silent") for each in page.find_all(".message")]
    assert [len(each) for each in marked] == [0, 1]


# ---------------------------------------------------------------- without a browser
