r"""The operator's block list: a text file of phrases that may not be spoken.

    # comments and empty lines are skipped
    some phrase
    re: \bforbidden\s+\d{4}\b

A phrase is matched word by word. Case, accents, width, kind of space, punctuation between
words and characters nobody sees make no difference, and a word spelled out letter by
letter (`b a d`, `b.a.d`) is read as the word. Scripts written without spaces match
anywhere. A `re:` line is a regular expression (https://pypi.org/project/regex/), searched
ignoring case in the text's NFKC form without invisible characters.
"""

from __future__ import annotations

import time
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import regex
import structlog

from intone.errors import InvalidInputError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["BlockList"]

_log = structlog.get_logger(__name__)

#: Seconds between two looks at whether the file has changed.
_LOOK_EVERY_S = 1.0
#: Seconds that all regular expressions together may take for one text.
_PATTERN_BUDGET_S = 1.0
#: Characters folded at once, so that other threads get their turn in a long text.
_PIECE = 8192
#: Characters checked in about a millisecond.
_LONG = 2048
#: How many letters of a phrase spelled out letter by letter are looked at, at most.
_SPELLED = 64
#: Shorter phrases are not looked for in single letters: initials would be taken for them.
_SPELLED_LEAST = 3
#: Scripts whose words can be spelled out by letters lie before Thai, the first without spaces.
_SPACELESS = "\u0e00"
_PATTERN_MARK = "re:"

_INVISIBLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Cf}]+")
# Accents, Hebrew points and Arabic vowel signs; not the vowels of Indic scripts, which are
# marks too, nor the two marks that make another kana of one.
_ACCENTS = regex.compile(
    r"(?V1)[[\p{Mn}&&[\p{Script=Inherited}\p{Script=Hebrew}\p{Script=Arabic}]]--[\u3099\u309a]]+"
)
# Letters with a stroke and ligatures have no decomposition of their own.
_PLAIN = str.maketrans(
    {"đ": "d", "ħ": "h", "\u0131": "i", "ł": "l", "ø": "o", "ŧ": "t", "æ": "ae", "œ": "oe"}
)
_WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*"
    r"|(?:(?![\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])"
    r"[\p{L}\p{M}\p{N}])+"
)
#: Where a text can be cut without cutting a word.
_GAP = regex.compile(r"[\s\p{P}]")


@dataclass(slots=True)
class _Node:
    """A place in the tree of phrases, reached word by word."""

    then: dict[str, _Node] = field(default_factory=dict)
    #: Whether a phrase ends here.
    ends: bool = False


@dataclass(slots=True)
class _Rules:
    """One state of the file."""

    phrases: _Node = field(default_factory=_Node)
    #: Phrases without their spaces, by their last letters, to recognise them spelled out.
    spelled: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: Regular expressions with their line numbers.
    patterns: list[tuple[int, regex.Pattern[str]]] = field(default_factory=list)


class BlockList:
    """Says whether a text holds something the operator has forbidden.

    The file is read when this is made and again when it changes. A changed file that
    cannot be read, or has a mistake, is reported in the log, and the rules read before stay.
    Everything here is plain work for a thread; nothing waits.

    Args:
        path: The file, UTF-8.
        clock: Monotonic seconds.

    Raises:
        InvalidInputError: The file cannot be read, or a line in it is no rule.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked_at = clock()
        self._stamp = _stamp(path)
        self._rules = _read(path)

    def due(self) -> bool:
        """Whether to call `refresh`; true at most once a second."""
        now = self._clock()
        if now - self._looked_at < _LOOK_EVERY_S:
            return False
        self._looked_at = now
        return True

    def refresh(self) -> None:
        """Read the file again if it has changed."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._rules = _read(self._path)
        except InvalidInputError as error:
            _log.error("block_list_not_reloaded", path=str(self._path), reason=error.message)
        else:
            _log.info("block_list_reloaded", path=str(self._path))

    def is_heavy(self, text: str) -> bool:
        """Whether `blocks` may take longer than a moment, so that it belongs in a thread."""
        return len(text) > _LONG or bool(self._rules.patterns)

    def blocks(self, text: str) -> bool:
        """Whether `text` holds a forbidden phrase.

        Raises:
            UnavailableError: The regular expressions take too long on this text.
        """
        rules = self._rules
        return _holds_phrase(rules, text) or _matches(rules, text)


def _holds_phrase(rules: _Rules, text: str) -> bool:
    if not rules.phrases.then:
        return False
    begun: list[_Node] = []  # places in the tree that the words so far have led to
    letters = ""  # the run of single letters that ends here
    for word in _words(text):
        begun = [node for place in (*begun, rules.phrases) if (node := place.then.get(word))]
        if any(node.ends for node in begun):
            return True
        letters = (letters + word)[-_SPELLED:] if len(word) == 1 and word < _SPACELESS else ""
        if letters.endswith(rules.spelled.get(letters[-_SPELLED_LEAST:], ())):
            return True
    return False


def _matches(rules: _Rules, text: str) -> bool:
    if not rules.patterns:
        return False
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    deadline = time.monotonic() + _PATTERN_BUDGET_S
    for number, pattern in rules.patterns:
        try:
            left = max(deadline - time.monotonic(), 0.001)
            # The library lets other threads run meanwhile, the event loop among them.
            if pattern.search(plain, timeout=left):
                return True
        except TimeoutError:
            _log.warning("block_list_pattern_slow", line=number)
            raise UnavailableError(
                "This text could not be checked against the content policy in time."
            ) from None
    return False


def _words(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        gap = _GAP.search(text, start + _PIECE)
        end = gap.end() if gap else len(text)
        yield from _WORD.findall(_fold(text[start:end]))
        start = end


def _fold(text: str) -> str:
    """The text without what makes no difference (after Unicode's NFKC_Casefold)."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", _INVISIBLE.sub("", text))
        text = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
        return unicodedata.normalize("NFC", text).translate(_PLAIN)
    return text.lower()


def _read(path: Path) -> _Rules:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"The block list {path} cannot be read: {error}.") from error
    rules = _Rules()
    for number, line in enumerate(map(str.strip, lines), 1):
        if line.startswith(_PATTERN_MARK):
            rules.patterns.append((number, _pattern(line, path, number)))
        elif line and not line.startswith("#"):
            _add_phrase(rules, line, path, number)
    return rules


def _pattern(line: str, path: Path, number: int) -> regex.Pattern[str]:
    try:
        return regex.compile(line.removeprefix(_PATTERN_MARK).strip(), regex.IGNORECASE)
    except regex.error as error:
        raise InvalidInputError(
            f"Line {number} of the block list {path} is no regular expression: {error}."
        ) from error


def _add_phrase(rules: _Rules, line: str, path: Path, number: int) -> None:
    words = list(_words(line))
    if not words:
        raise InvalidInputError(
            f"Line {number} of the block list {path} has no letter or digit; write it as a regular"
            f" expression, with {_PATTERN_MARK!r} before it."
        )
    node = rules.phrases
    for word in words:
        node = node.then.setdefault(word, _Node())
    node.ends = True
    letters = "".join(words)
    if len(letters) >= _SPELLED_LEAST:
        ending = letters[-_SPELLED_LEAST:]
        rules.spelled[ending] = (*rules.spelled.get(ending, ()), letters)


def _stamp(path: Path) -> Any:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
