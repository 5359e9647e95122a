"""Addresses of the web, in every language: URLs, e-mail, hashtags, handles, paths, IPv4."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intone.text.normalize.rules import Group, any_of, listed, rule

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["WebWords", "address", "web_group"]

# Two-letter domains that are words in sentences without a space ("in the end.It is") are
# known only after a scheme or before a path.
_DOMAINS = listed(
    "com org net edu gov mil info biz app dev xyz online site shop blog tech cloud news wiki "
    "io ai co uk de fr es nl pt br pl ru ua jp cn kr ch se dk fi eu ca au nz ie tv gg fm ly "
    "gl ee ro hu"
)
_FILES = listed(
    "txt pdf doc docx xls xlsx csv json xml html htm js ts py rs go java cpp md yaml yml toml "
    "ini zip tar gz png jpg jpeg gif svg mp3 mp4 wav exe dll sh sql log css php rb"
)
_TRAILING = ".,;:!?)'\"]}>*_"
_PARTS = re.compile(r"[A-Za-z]+|[0-9]+|[^\W\d_]+|.", re.DOTALL)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_+")


@dataclass(frozen=True, slots=True)
class WebWords:
    """What a language says for the signs of an address."""

    dot: str
    slash: str
    at: str
    dash: str
    underscore: str
    colon: str
    hashtag: str
    backslash: str
    plus: str = "plus"

    def sign(self, sign: str) -> str:
        """Return the word for a sign, nothing where it is not read."""
        return {
            ".": self.dot, "/": self.slash, "@": self.at, "-": self.dash, "_": self.underscore,
            ":": self.colon, "\\": self.backslash, "+": self.plus, "~": "tilde",
        }.get(sign, "")  # fmt: skip


def address(text: str, words: WebWords, digits: Callable[[str], str]) -> str:
    """Read an address sign by sign; short domain endings are spelled."""
    said: list[str] = []
    for found in _PARTS.finditer(text):
        part = found[0]
        if part.isdecimal():
            said.append(digits(part))
        elif part.isalnum():
            ending = found.start() > 0 and text[found.start() - 1] == "."
            short = ending and len(part) == 2 and part != "co"  # noqa: PLR2004 - "io", "uk"
            said.append(part.upper() if short or part in _FILES else part)
        else:
            said.append(words.sign(part))
    return " ".join(word for word in said if word)


def web_group(words: WebWords, digits: Callable[[str], str]) -> Group:
    """Build the rules; they come first, since an address holds whatever the others look for.

    The scheme, `www.`, query and fragment of a URL are not read.
    """

    def url(found: re.Match[str]) -> str:
        whole = found[0].rstrip(_TRAILING)
        tail = found[0][len(whole) :]
        bare = re.sub(r"^(?:[A-Za-z]++://)?(?:www\.)?", "", whole)
        bare = re.split(r"[?#]", bare, maxsplit=1)[0].rstrip("/")
        return address(bare, words, digits) + tail

    def plain(found: re.Match[str]) -> str:
        return address(found[0], words, digits)

    def tag(found: re.Match[str]) -> str:
        return f"{words.hashtag} {_tag_words(found[1], digits)}"

    def handle(found: re.Match[str]) -> str:
        return f"{words.at} {_tag_words(found[1], digits)}"

    return Group(
        re.compile(r"[@/#\\]|\.\w"),
        (
            rule(r"(?<!\w)(?:[Hh]ttps?|HTTPS?|ftp)://[^\s<>\"]++", url),
            rule(r"(?<![\w.@/-])www\.[^\s<>\"]++", url),
            rule(
                r"(?<![\w.%+-])[A-Za-z0-9](?:[\w.%+-]{0,63})@(?:[A-Za-z0-9-]{1,63}\.){1,8}"
                r"[A-Za-z]{2,24}(?![\w-])",
                plain,
            ),
            rule(
                rf"(?<![\w.@/-])(?:[A-Za-z0-9-]{{1,63}}\.){{1,8}}(?:{any_of(_DOMAINS)})"
                r"(?![\w-]|\.\w)(?::\d{1,5})?(?:/[^\s<>\"]*+)?",
                url,
            ),
            rule(r"(?<![\w.@/-])(?:[A-Za-z0-9-]{1,63}\.){1,8}[a-z]{2,10}/[^\s<>\"]++", url),
            rule(r"(?<![\w&])\#([^\W\d]\w{0,100}+)", tag),
            rule(r"(?<![\w.])@([^\W\d]\w{1,60}+)", handle),
            rule(
                r"(?<![\w.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?::\d{1,5})?(?!\.?\w)",
                plain,
            ),
            rule(r"(?<![\w\\:])[A-Za-z]:\\[\w.\\-]++", plain),
            rule(r"(?<![\w./~])~?(?:/[\w.-]{1,100}){2,}+/?", plain),
            rule(r"(?<![\w./~])~/[\w.-]{1,100}", plain),
            rule(
                rf"(?<![\w./])[A-Za-z_][\w-]{{0,60}}(?:\.[\w-]{{1,20}}){{0,3}}\.(?:{any_of(_FILES)})(?![\w/]|\.\w)",
                plain,
            ),
        ),
    )


def _tag_words(tag: str, digits: Callable[[str], str]) -> str:
    spaced = _CAMEL.sub(" ", tag)
    return re.sub(r"[0-9]+", lambda found: f" {digits(found[0])} ", spaced).strip()
