"""Which spoken words stand for which written ones.

Text is normalised before it is spoken: "$1,250" is five words by then, and "https://" is none.
Both texts are lists of words here, and every spoken word is given to a written one, in order
and as cheaply as can be. What is spoken as it is written costs nothing; numbers,
abbreviations and addresses may stand for many words, other words hardly.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, NamedTuple

import regex

from intone.text.normalize import speak

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Word", "align", "words"]

_SPACELESS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_READ = r"\p{L}\p{N}\p{Sc}&%\#@§°+="
#: Where nothing parts words, one sign is a word, or a run of kana. Elsewhere a word begins with a
#: letter, a digit or a sign that is read out, and goes on over what stands between such in
#: "don't", "1,250.00", "e-mail", "12/05" and "https://example.com/?q=a".
_WORD = regex.compile(
    rf"""
    \p{{Han}}\p{{M}}*+ | [\p{{Hiragana}}ー]++ | [\p{{Katakana}}ー]++ | (?=[{_SPACELESS}])\X
    | [[{_READ}]--[{_SPACELESS}]]
      (?: [[{_READ}\p{{M}}\p{{Cf}}_'’.\-‐‑:/~\\]--[{_SPACELESS}]]
        | (?<=\p{{N}}),(?=\p{{N}}) | [?!](?=[\p{{L}}\p{{N}}]) )*+
    """,
    regex.VERBOSE | regex.VERSION1,
)
#: What may stand within a word but not at its end.
_TRAILING = "._'’-‐‑:/~\\\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_NOT_READ = regex.compile(r"[^\p{L}\p{N}]+")
#: Spoken letter by letter or written out, as likely as not: letters with anything between or
#: after them, capitals, and what has no vowel.
_PLAIN = regex.compile(r"\p{Lu}?[\p{Ll}\p{Lo}\p{Lm}\p{M}'’\p{Cf}]+|\p{L}")

#: What it costs that a word is begun by another one than itself, that it goes on over one more,
#: and that it is not spoken; of words that are spoken as they are written, and of the others.
_BEGIN, _GO_ON, _DROP = (1.2, 0.4), (0.8, 0.15), (1.0, 0.6)
#: What is left of the first where both begin with the same letter, as "Jan" and "January" …
_SAME_LETTER = 0.6
#: … and of the first two where the word alone would be spoken so.
_EXPECTED = 0.1


class Word(NamedTuple):
    """Where a word stands in a text, in code points; `end` is exclusive."""

    start: int
    end: int


def words(text: str, start: int = 0, end: int | None = None) -> list[Word]:
    """The words of a text, in order, without the punctuation around them.

    Args:
        text: Any text.
        start: Where to begin.
        end: Where to stop; None for the end of the text.
    """
    return [
        Word(found.start(), found.start() + len(found[0].rstrip(_TRAILING)))
        for found in _WORD.finditer(text, start, len(text) if end is None else end)
    ]


def align(written: Sequence[str], spoken: Sequence[str], language: str = "") -> list[range]:
    """For each written word the indices of the spoken ones that stand for it; maybe none.

    The ranges are in order and do not overlap. What is spoken as it is written is passed over; what
    lies between takes time in proportion to both its lengths multiplied.

    Args:
        written: The words as written.
        spoken: The words as spoken.
        language: BCP 47 tag of the text. With it, numbers beside each other are told apart.
    """
    keys, said = [_key(word) for word in written], [_key(word) for word in spoken]
    found: list[range] = []
    at = other = 0
    while at < len(keys):
        if other < len(said) and keys[at] == said[other]:
            found.append(range(other, other + 1))
            at, other = at + 1, other + 1
            continue
        stop, other_stop = _alike_again(keys, said, at, other)
        if found:  # with the word before, which may go on over what is only spoken
            found.pop()
            at, other = at - 1, other - 1
        middle = _Middle(written[at:stop], keys[at:stop], said[other:other_stop], language)
        found += (range(other + one.start, other + one.stop) for one in middle.ranges())
        at, other = stop, other_stop
    return found


def _alike_again(keys: Sequence[str], said: Sequence[str], at: int, other: int) -> tuple[int, int]:
    """The nearest place from which two words are spoken as they are written; else both ends."""
    pairs: dict[tuple[str, str], int] = {}
    for place in range(len(said) - 2, other - 1, -1):
        pairs[said[place], said[place + 1]] = place
    best, nearest = (len(keys), len(said)), len(keys) - at + len(said) - other
    for i in range(at, len(keys) - 1):
        if i - at >= nearest:
            break
        j = pairs.get((keys[i], keys[i + 1]))
        if j is not None and i - at + j - other < nearest:
            best, nearest = (i, j), i - at + j - other
    return best


class _Middle:
    """The part of two lists that differs.

    `self._costs` is that of giving the first j spoken words to the written ones so far, for every j
    at once. A written word either begins at a spoken one and goes on over any number of them,
    or it is not spoken.
    """

    def __init__(
        self, written: Sequence[str], keys: Sequence[str], said: Sequence[str], language: str
    ) -> None:
        import numpy as np

        self._written, self._keys, self._language = written, keys, language
        # Numbers are compared much faster than strings; no key is spoken as -1.
        self._numbers = {key: at for at, key in enumerate(dict.fromkeys(said))}
        self._said = np.array([self._numbers[key] for key in said], dtype=np.int32)
        self._first = np.array([ord(key[0]) for key in said], dtype=np.int32)

    def ranges(self) -> list[range]:
        import numpy as np

        count = len(self._said)
        # What is spoken before the first word that is spoken belongs to nobody.
        costs: NDArray[np.float64] = np.linspace(0.0, _GO_ON[False] * count, count + 1)
        begun = np.zeros((len(self._keys), count + 1), dtype=np.int32)
        for i in range(len(self._keys)):
            costs, begun[i] = self._with_word(i, costs)
        found, stop = [], count
        for i in reversed(range(len(self._keys))):
            start = int(begun[i, stop])
            found.append(range(start, stop))
            stop = start
        return found[::-1]

    def _with_word(
        self, i: int, before: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """The costs with one more word, and where it begins if it ends before j; j if nowhere."""
        import numpy as np

        key = self._keys[i]
        loose = _PLAIN.fullmatch(self._written[i]) is None
        begin = np.full(len(self._said), _BEGIN[loose])
        go_on = np.full(len(self._said), _GO_ON[loose])
        begin[self._first == ord(key[0])] *= _SAME_LETTER
        if loose and (expected := _expected(self._written[i], self._language)):
            numbers = [self._numbers.get(one, -1) for one in expected]
            begin = np.where(self._said == numbers[0], _EXPECTED, _BEGIN[False])
            go_on[np.isin(self._said, numbers)] *= _EXPECTED
        begin[self._said == self._numbers.get(key, -1)] = 0.0
        # Going on up to j costs sums[j]; the cheapest beginning is one less what was summed there.
        sums = np.concatenate([[0.0], np.cumsum(go_on)])
        beginning = before[:-1] + begin - sums[1:]
        cheapest = np.minimum.accumulate(beginning)
        is_new = np.concatenate([[True], beginning[1:] < cheapest[:-1]])
        starts = np.maximum.accumulate(np.where(is_new, np.arange(len(begin)), 0))
        spoken = np.concatenate([[np.inf], cheapest + sums[1:]])
        dropped = before + _DROP[loose]
        nowhere = np.arange(len(before))
        begun = np.where(spoken < dropped, np.concatenate([[0], starts]), nowhere)
        return np.minimum(spoken, dropped), begun.astype(np.int32)


def _expected(word: str, language: str) -> list[str]:
    """What a word would be spoken as if it stood alone."""
    said = speak(word, language) if language else ""
    return [_key(said[found.start : found.end]) for found in words(said)]


def _key(word: str) -> str:
    """A word without what changes between writing and speaking it; signs stay as they are."""
    return _NOT_READ.sub("", unicodedata.normalize("NFKC", word).casefold()) or word
