"""Real speech for tests of the audio room: eSpeak NG's library called directly, not our provider."""

import ctypes
import functools

import espeakng_loader

__all__ = ["ARTICLE", "speak"]

ARTICLE = (
    "The quick brown fox jumps over the lazy dog. Pack my box with five dozen liquor jugs; "
    "she sells sea shells, and this recording should last for a good while, I hope. Ha!"
)

_SYNCHRONOUS = 2
_UTF8 = 1
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@functools.cache
def _library() -> tuple[ctypes.CDLL, int]:
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeakng_loader.get_data_path().encode()
    return library, library.espeak_Initialize(_SYNCHRONOUS, 0, data, 0)


@functools.cache
def speak(text: str = ARTICLE, voice: str = "en-us") -> tuple[int, bytes]:
    """Speak a text; returns the sample rate and mono s16le PCM."""
    library, sample_rate = _library()
    pieces: list[bytes] = []

    @_CALLBACK
    def collect(samples, count, _events):
        if samples and count:
            pieces.append(ctypes.string_at(samples, count * 2))
        return 0

    library.espeak_SetSynthCallback(collect)
    assert library.espeak_SetVoiceByName(voice.encode()) == 0
    encoded = text.encode()
    assert library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None) == 0
    return sample_rate, b"".join(pieces)
