"""What every language shares: a clean text before the rules, plain punctuation after them."""

from __future__ import annotations

import re
import unicodedata

import regex

__all__ = ["finish", "prepare"]

_KEYCAP = re.compile("\ufe0f?\u20e3")
_EMOJI = regex.compile(
    r"""(?:[\p{Extended_Pictographic}--[©®™↔‼⁉〰〽]]|[\p{Regional_Indicator}]
        |[\U0001F3FB-\U0001F3FF])
        [\uFE0E\uFE0F\u200D\U0001F3FB-\U0001F3FF\U000E0020-\U000E007F]*+""",
    regex.VERBOSE | regex.VERSION1,
)
# Controls and line breaks part words; the rest (soft hyphen, zero-width space, joiners, bidi
# marks, variation selectors, byte order mark, tags) vanishes. Joiners stay after letters of
# the scripts from Arabic to Myanmar, where they change how a word is read.
_BREAKING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\ufff9-\ufffd\U000e0000-\U000e0fff]|(?<![\u0600-\u109f])[\u200c\u200d]"
)
_GROUPING_SPACE = re.compile("(?<=[0-9])[\u00a0\u2009\u202f](?=[0-9]{3}(?![0-9]))")
_FOREIGN_DIGIT = re.compile(r"[^\D0-9]")
_PLAIN = str.maketrans(
    {
        "“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"', "‹": '"', "›": '"',
        "‘": "'", "’": "'", "‚": "'", "‛": "'", "ʼ": "'", "′": "'", "″": '"',
        "…": "...", "‐": "-", "‑": "-", "‒": "–", "―": "—", "⸺": "—",
        "％": "%", "＄": "$", "＆": "&", "＋": "+", "－": "-", "＝": "=", "＠": "@", "￥": "¥",
        "ﬁ": "fi", "ﬂ": "fl", "ﬀ": "ff", "ﬃ": "ffi", "ﬄ": "ffl", "⁄": "/", "∕": "/",
    }
)  # fmt: skip
_SPACES = re.compile(r"\s+")
_BULLET = re.compile(r"(?<!\S)[*•‣◦▪●·]\s+|^[-–—]\s+")
_RULER = re.compile(r"([-–—=_*~#.+<>|^])\1{3,}+")
_MARKUP = re.compile(r"(?<!\w)[*_`]{1,3}+(?=\w)|(?<=[\w.,!?])[*_`]{1,3}+(?!\w)|[*`~]{2,}+")

# "[[" opens a list of phonemes for some engines, and no engine reads brackets.
_BRACKETS = str.maketrans({"[": "(", "]": ")", "{": "(", "}": ")", "|": ",", "\\": " ", "`": ""})
_DASH = re.compile(r" ?— ?| [-–]{1,3} | ?-- ?|(?<=[^\W\d])–(?=[^\W\d]{3})")
_DOTS = re.compile(r"\.(?: ?\.)++")
_REPEATED = re.compile(r"([!?,;:])(?: ?\1)++")
_SPACE_BEFORE = re.compile(r" +(?=[,.;:!?)](?:[ )\"']|$))")
_COMMA_AFTER = re.compile(r"([,;:(.!?])(?: ?,)++")
_COMMA_BEFORE = re.compile(r", ?(?=[.;:!?)])")
_EMPTY = re.compile(r"\( ?\)|(?<!\S)\" ?\"(?!\S)")
_START = re.compile(r"^(?:[\s,;:!?–—)]|[-.](?![0-9]))++")
_WORD = regex.compile(r"[\p{L}\p{N}]")


def prepare(text: str) -> str:
    """Drop what cannot be spoken and write quotes, dashes, digits and spaces one way."""
    if not text.isascii():
        text = _KEYCAP.sub("", text)
        text = _EMOJI.sub(" ", text)
        text = _GROUPING_SPACE.sub("", text)
        text = _FOREIGN_DIGIT.sub(lambda found: str(unicodedata.digit(found[0])), text)
        text = unicodedata.normalize("NFC", text.translate(_PLAIN))
        text = _INVISIBLE.sub("", text)
    text = _SPACES.sub(" ", _BREAKING.sub(" ", text)).strip()
    text = _RULER.sub(lambda found: "..." if found[1] == "." else " ", text)
    return _BULLET.sub("", _MARKUP.sub("", text))


def finish(text: str) -> str:
    """Turn what the rules left into words and plain punctuation with single spaces."""
    text = _SPACES.sub(" ", text.translate(_BRACKETS))
    text = _DASH.sub(", ", _EMPTY.sub(" ", text))
    text = _REPEATED.sub(r"\1", _DOTS.sub("...", text))
    text = _SPACE_BEFORE.sub("", _SPACES.sub(" ", text))
    text = _COMMA_BEFORE.sub("", _COMMA_AFTER.sub(r"\1", text))
    text = _START.sub("", text)
    if not _WORD.search(text):
        return ""
    return text.strip()
