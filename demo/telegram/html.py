"""Telegram's rules for text: what `parse_mode=HTML` accepts, what comes out, which links count.

The rules and error texts follow the Bot API. It is not an HTML library: it knows Telegram's tags.
"""

import re
from dataclasses import dataclass, field

ENTITY_TYPES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "blockquote": "blockquote",
}
NAMED_REFERENCES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
MAX_ENTITIES = 100

_REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([a-zA-Z]+));?")
_PLAIN = re.compile(r"[^<&]+")
_TAG_NAME = re.compile(r"[^\s>]*")
_ATTRIBUTE_NAME = re.compile(r"[^\s=>]+")
_ATTRIBUTE_VALUE = re.compile(r"""\s*=\s*(?:"([^"]*)"|'([^']*)'|([\w.-]+)(?=[\s>]))""", re.ASCII)
_SPACE = re.compile(r"\s*")


class CannotParse(ValueError):
    """The HTML is not what Telegram accepts. The text is Telegram's, without its prefix."""


@dataclass
class FormattedText:
    """A text as people see it. Offsets and lengths of entities count UTF-16 units."""

    text: str
    entities: list = field(default_factory=list)
    dropped_entities: int = 0  # beyond the 100th: Telegram drops them without a word
    dropped_links: list = field(default_factory=list)  # addresses Telegram does not link


# What Telegram makes clickable by itself, as far as a title could use it: a name with @, a command,
# a tag of either kind, an address with a scheme or whose last part is letters, a number of an
# account or a phone. See MessageEntity, and find_entities of telegram's TDLib.
_LINKED = re.compile(
    r"(?<!\w)@\w{3,}"
    r"|(?<![\w/<>])/[A-Za-z0-9_]{1,64}"
    r"|(?<![\w#])#\w*[^\W\d]\w*"
    r"|(?<![\w$])\$[A-Z]{1,8}(?![\w$])"
    r"|\b[\w+.-]+://\S"
    r"|[\w.+-]+@[\w-]+\.\w"
    r"|[\w-]+(?:\.[\w-]+)*\.(?!json\b|crt\b)[^\W\d_]{2,}"
    r"|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"
    r"|(?<!\w)\+\d(?:[ ()-]*\d){6,}"
    r"|(?<!\w)\d(?:[ -]?\d){10,18}(?!\w)"
)


def telegram_links(formatted):
    """What Telegram would make clickable of this text by itself, outside of links and code."""
    text = formatted.text.encode("utf-16-le")
    for entity in formatted.entities:
        if entity["type"] in ("text_link", "text_mention", "code", "pre"):
            start, end = entity["offset"] * 2, (entity["offset"] + entity["length"]) * 2
            text = text[:start] + "\n".encode("utf-16-le") * entity["length"] + text[end:]
    return [match[0] for match in _LINKED.finditer(text.decode("utf-16-le"))]


def as_read(text):
    """The text as people read it: what only keeps a line or a link from forming is not seen."""
    return text.replace("\u2060", "").replace("\u00a0", " ")


def utf16_length(text):
    """Length as Telegram counts it: an emoji outside the basic plane is 2."""
    return len(text) + sum(1 for char in text if ord(char) > 0xFFFF)


def parse(html):
    """Return the FormattedText of this HTML, or raise CannotParse."""
    return finished(_Parser(html).run())


def finished(formatted):
    """Trim a text and cut its entities the way Telegram does before it stores a message."""
    _trim_end(formatted)
    _trim_start(formatted)
    formatted.entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    formatted.dropped_entities = max(0, len(formatted.entities) - MAX_ENTITIES)
    del formatted.entities[MAX_ENTITIES:]
    return formatted


def checked_link(url):
    """Return the URL if Telegram makes a link of it, else raise ValueError with its reason.

    A host name without a dot is refused: http://server/ is no link, http://10.0.0.1/ is one.
    """
    scheme, has_scheme, rest = url.partition("://")
    scheme, rest = (scheme.lower(), rest) if has_scheme else ("http", url)
    if scheme in ("tg", "ton"):
        return url
    if scheme not in ("http", "https"):
        raise ValueError("Unsupported URL protocol")
    address = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    host = address if address.startswith("[") else address.partition(":")[0]
    if not host:
        raise ValueError("URL host is empty")
    if re.search(r"\s", host) or ("." not in host and not host.startswith("[")):
        raise ValueError("Wrong HTTP URL")
    return url


def _trim_end(formatted):
    formatted.text = formatted.text.rstrip()
    end = utf16_length(formatted.text)
    for entity in formatted.entities:
        entity["length"] = min(entity["length"], end - entity["offset"])
    formatted.entities = [entity for entity in formatted.entities if entity["length"] > 0]


def _trim_start(formatted):
    # Blanks inside the first entity stay: Telegram trims only what stands before it.
    blanks = len(formatted.text) - len(formatted.text.lstrip(" \n"))
    cut = min([blanks, *(entity["offset"] for entity in formatted.entities)])
    formatted.text = formatted.text[cut:]
    for entity in formatted.entities:
        entity["offset"] -= cut


def _decoded(match):
    """Return what a reference like &lt; stands for; an unknown one stays as it is."""
    hexadecimal, decimal, name = match.groups()
    if name:
        return NAMED_REFERENCES.get(name, match.group())
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    is_character = 0 < code < 0x10FFFF and not 0xD800 <= code <= 0xDFFF
    return chr(code) if is_character else match.group()


@dataclass
class _OpenTag:
    name: str
    attributes: dict
    offset: int  # in UTF-16 units of the text so far
    part: int  # how many parts of the text there were


class _Parser:
    """Walks over the HTML once; `parts` is the text so far, `open_tags` the nesting."""

    def __init__(self, html):
        self.html = html
        self.position = 0
        self.parts = []
        self.length = 0
        self.open_tags = []
        self.result = FormattedText("")

    def run(self):
        while self.position < len(self.html):
            if self.html[self.position] == "<":
                self._read_tag()
            else:
                self._read_text()
        if self.open_tags:
            name = self.open_tags[-1].name
            raise CannotParse(f'Can\'t find end tag corresponding to start tag "{name}"')
        self.result.text = "".join(self.parts)
        return self.result

    def _read_text(self):
        plain = self._take(_PLAIN)
        if plain:
            self._add(plain.group())
            return
        reference = self._take(_REFERENCE)
        if reference:
            self._add(_decoded(reference))
        else:
            self.position += 1
            self._add("&")

    def _read_tag(self):
        begin = self.position
        self.position += 1
        if self.html.startswith("/", self.position):
            self._read_end_tag(begin)
        else:
            self._read_start_tag(begin)

    def _read_start_tag(self, begin):
        name = self._take(_TAG_NAME).group().lower()
        if self._at_end():
            raise self._error("Unclosed start tag", begin)
        if name not in ENTITY_TYPES:
            raise self._error(f'Unsupported start tag "{name}"', begin)
        attributes = self._read_attributes(name, begin)
        if name == "span" and attributes.get("class") != "tg-spoiler":
            raise self._error('Tag "span" must have class "tg-spoiler"', begin)
        self.open_tags.append(_OpenTag(name, attributes, self.length, len(self.parts)))

    def _read_attributes(self, tag_name, begin):
        attributes = {}
        while True:
            self._take(_SPACE)
            if self._at_end():
                raise self._error("Unclosed start tag", begin)
            if self.html[self.position] == ">":
                self.position += 1
                return attributes
            name = self._take(_ATTRIBUTE_NAME)
            if not name:
                raise self._error(f'Empty attribute name in the tag "{tag_name}"', begin)
            attributes[name.group().lower()] = self._read_value(tag_name, name.group(), begin)

    def _read_value(self, tag_name, attribute, begin):
        value = self._take(_ATTRIBUTE_VALUE)
        if value:
            literal = next(group for group in value.groups() if group is not None)
            return _REFERENCE.sub(_decoded, literal)
        if (tag_name, attribute) == ("blockquote", "expandable"):
            return ""
        if re.compile(r"\s*=").match(self.html, self.position):
            raise self._error("Unexpected end of name token", self.position)
        problem = f'Expected equal sign in declaration of an attribute of the tag "{tag_name}"'
        raise self._error(problem, begin)

    def _read_end_tag(self, begin):
        if not self.open_tags:
            raise self._error("Unexpected end tag", begin)
        self.position += 1
        name = self._take(_TAG_NAME).group().lower()
        self._take(_SPACE)
        if self._at_end() or self.html[self.position] != ">":
            raise self._error("Unclosed end tag", begin)
        self.position += 1
        tag = self.open_tags.pop()
        if name and name != tag.name:
            found = f'expected "</{tag.name}>", found "</{name}>"'
            raise CannotParse(f"Unmatched end tag at byte offset {self._bytes(begin)}, {found}")
        if self.length > tag.offset:
            self._add_entity(tag)

    def _add_entity(self, tag):
        entity = {
            "type": ENTITY_TYPES[tag.name],
            "offset": tag.offset,
            "length": self.length - tag.offset,
        }
        if tag.name == "a" and not self._point(entity, tag):
            return
        if tag.name == "blockquote" and "expandable" in tag.attributes:
            entity["type"] = "expandable_blockquote"
        if tag.name == "code" and self.open_tags and self.open_tags[-1].name == "pre":
            language = re.match("language-(.+)", tag.attributes.get("class", ""))
            entity.update({"language": language[1]} if language else {})
        if tag.name == "pre" and self._absorbs_code(entity):
            return
        self.result.entities.append(entity)

    def _point(self, entity, tag):
        """Fill in where a link leads; False if Telegram would not make a link of it."""
        url = tag.attributes.get("href") or "".join(self.parts[tag.part :])
        person = re.fullmatch(r"tg://user/?\?id=(\d+)", url)
        if person:
            user = {"id": int(person[1]), "is_bot": False, "first_name": person[1]}
            entity.update(type="text_mention", user=user)
            return True
        try:
            entity["url"] = checked_link(url)
        except ValueError:
            self.result.dropped_links.append(url)
            return False
        return True

    def _absorbs_code(self, pre):
        """<pre><code class="language-x"> is one entity: the code becomes the pre."""
        last = self.result.entities[-1] if self.result.entities else {}
        same_place = all(last.get(key) == pre[key] for key in ("offset", "length"))
        if "language" in last and same_place:
            last["type"] = "pre"
            return True
        return False

    def _take(self, pattern):
        match = pattern.match(self.html, self.position)
        if match:
            self.position = match.end()
        return match

    def _add(self, text):
        self.parts.append(text)
        self.length += utf16_length(text)

    def _at_end(self):
        return self.position >= len(self.html)

    def _bytes(self, position):
        return len(self.html[:position].encode())

    def _error(self, problem, position):
        return CannotParse(f"{problem} at byte offset {self._bytes(position)}")
