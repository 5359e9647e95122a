"""eSpeak NG in this process, by ctypes. Only engine processes import this.

The library keeps its state in global variables, so a process has one engine and one
request at a time.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import espeakng_loader
import msgspec

from intone.errors import ProviderError, ProviderRejectedError
from intone.providers.base import WordMark
from intone.providers.engines.espeak_voices import EspeakSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.providers.engines.host import Emit

__all__ = ["Espeak"]

_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
#: Milliseconds of audio in one callback.
_BUFFER_MS = 100
_POSITION_CHARACTER = 1
#: UTF-8 text with a pause after its end, as there is between sentences. The flags for SSML (0x10)
#: and for phonemes in `[[…]]` (0x100) stay off: text is only ever text.
_SYNTH_FLAGS = 0x1 | 0x1000
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
#: Words a minute at normal speed, and the bounds between which the library itself keeps time;
#: from 450 on it squeezes the finished audio.
_NORMAL_WPM, _MIN_WPM, _MAX_WPM = 175, 80, 449
#: Control characters are nothing to read, and the library takes commands after U+0001.
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")
del _CONTROLS[ord("\n")], _CONTROLS[ord("\t")]

#: The types of events: the end of a list of them, and the beginning of a word.
_NO_MORE, _WORD = 0, 1


class _Event(ctypes.Structure):
    """`espeak_EVENT` of the library's `speak_lib.h`."""

    _fields_: ClassVar = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # in characters, from 1
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # in whole milliseconds
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """The eSpeak NG library.

    Raises:
        ProviderError: The library cannot be opened.
    """

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        # The library keeps paths in short buffers; from here on its data is at a short one.
        os.chdir(Path(espeakng_loader.get_data_path()).parent)
        self._library.espeak_Info.restype = ctypes.c_char_p
        #: Of all audio, in Hz.
        self.sample_rate: int = self._library.espeak_Initialize(
            _OUTPUT_SYNCHRONOUS, _BUFFER_MS, b".", _INITIALIZE_DONT_EXIT
        )
        if self.sample_rate <= 0:
            raise ProviderError("eSpeak NG cannot read its data.")
        self._callback = _Callback(self._on_audio)  # the library keeps no reference
        self._library.espeak_SetSynthCallback(self._callback)
        self._emit: Emit = _nobody
        self._words: list[WordMark] = []
        self._error: BaseException | None = None

    @property
    def version(self) -> str:
        """The library's version, e.g. `1.52.0`."""
        version: bytes = self._library.espeak_Info(None)
        return version.decode()

    def speak(
        self,
        text: str,
        voice: dict[str, Any],
        rate: float,
        emit: Emit,
    ) -> None:
        """Speak a text; see `host.Engine`.

        Args:
            text: What to say; markup in it is read like any text.
            voice: The fields of an `EspeakSettings`.
            rate: Speed multiplier, 0.5–2.0.
            emit: Takes the audio; returns whether more is wanted.

        Raises:
            ProviderRejectedError: There is no such voice.
            ProviderError: The library failed.
        """
        self._select(msgspec.convert(voice, EspeakSettings), rate)
        data = text.translate(_CONTROLS).encode()
        self._emit, self._words, self._error = emit, [], None
        try:
            status = self._library.espeak_Synth(
                data, len(data) + 1, 0, _POSITION_CHARACTER, 0, _SYNTH_FLAGS, None, None
            )
        finally:
            self._emit = _nobody
        if self._error is not None:
            raise self._error
        if status != 0:
            raise ProviderError(f"eSpeak NG failed with status {status}.")

    def _select(self, settings: EspeakSettings, rate: float) -> None:
        if self._library.espeak_SetVoiceByName(settings.voice.encode()) != 0:
            raise ProviderRejectedError(f"eSpeak NG has no voice {settings.voice!r}.")
        for parameter, value in (
            (_RATE, _words_per_minute(settings, rate)),
            (_VOLUME, settings.volume),
            (_PITCH, settings.pitch),
            (_RANGE, settings.range),
        ):
            self._library.espeak_SetParameter(parameter, value, 0)

    def _on_audio(self, samples: Any, count: int, events: Any) -> int:
        """Hand samples on; 0 asks the library for more, 1 stops it."""
        # What is raised here would be printed and forgotten by ctypes.
        try:
            self._note_words(events)
            if not samples or count <= 0:
                return 0
            words, self._words = self._words, []
            pcm = ctypes.string_at(samples, 2 * count)
            return 0 if self._emit(pcm, self.sample_rate, words) else 1
        except BaseException as error:  # noqa: BLE001 - raised again by `speak`
            self._error = error
            return 1

    def _note_words(self, events: Any) -> None:
        """Take the words out of the library's list of events, which a null pointer may stand for.

        An event's sample is exact, where its milliseconds are cut to whole ones.
        """
        if not events:
            return
        for at in itertools.count():
            event = events[at]
            if event.type == _NO_MORE:
                return
            if event.type == _WORD:
                start = event.text_position - 1
                at_ms = event.sample * 1000 / self.sample_rate
                self._words.append(WordMark(start, start + event.length, at_ms))


def _words_per_minute(settings: EspeakSettings, rate: float) -> int:
    """The library's speed at which speech is as much faster as it was asked to be.

    Pauses and short sounds do not shrink in proportion, by language, so that two measured points
    (half and double speed) guide it; between them the line is straight in logarithms.
    """
    octaves = math.log2(settings.speed * rate)
    octave = settings.double if octaves > 0 else settings.half
    wpm = _NORMAL_WPM * math.pow(octave / _NORMAL_WPM, abs(octaves))
    return max(_MIN_WPM, min(_MAX_WPM, round(wpm)))


def _nobody(_pcm: bytes, _sample_rate: int, _words: Sequence[WordMark] = (), /) -> bool:
    return False
