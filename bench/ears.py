"""Listens to recordings: run by the environment of `ears-requirements.txt`, not by Intone's.

On stdin comes JSON, `{"voices": {name: path}, "words": {name: [path, text]}, "vocabulary": text}`;
the answer on stdout is `{"voices": {name: embedding}, "words": {name: word error rate}}`.

The speaker encoder is resemblyzer's: its weights, its preparation of the audio. The network,
three LSTM layers, is computed with NumPy, so that nobody has to install gigabytes of PyTorch.
The recogniser is PocketSphinx with its English acoustic model and a closed vocabulary in which any
word may follow any other, so that neither guesses from context nor words unknown to it count.
"""

from __future__ import annotations

import importlib.machinery
import json
import math
import pickle
import re
import struct
import sys
import tempfile
import types
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np

#: Frames of one look at a voice, and looks a second, as resemblyzer has them.
_LOOK, _LOOKS_PER_S = 160, 1.3
_RATE, _HOP, _WIDTH, _LAYERS = 16_000, 160, 256, 3


class SpeakerEncoder:
    """Turns a recording into 256 numbers that say who speaks."""

    def __init__(self) -> None:
        spec = importlib.machinery.PathFinder.find_spec("resemblyzer")
        # The package itself would import PyTorch; only its preparation of audio is wanted.
        package = types.ModuleType("resemblyzer")
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["resemblyzer"] = package
        from resemblyzer import audio

        self._audio = audio
        self._weights = _read_weights(Path(package.__path__[0]) / "pretrained.pt")

    def embed(self, pcm: np.ndarray, sample_rate: int) -> np.ndarray:
        """The voice of a recording, of length 1."""
        wave = self._audio.preprocess_wav(pcm.astype(np.float32) / 32768, sample_rate)
        wave = np.pad(wave, (0, max(0, _LOOK * _HOP - len(wave))))
        mel = self._audio.wav_to_mel_spectrogram(wave)
        step = round(_RATE / _LOOKS_PER_S / _HOP)
        rows = np.array([mel[at : at + _LOOK] for at in range(0, len(mel) - _LOOK + 1, step)])
        for layer in range(_LAYERS):
            rows = self._layer(rows, layer)
        raw = rows[:, -1] @ self._weights["linear.weight"].T + self._weights["linear.bias"]
        looks = np.maximum(raw, 0)
        looks /= np.linalg.norm(looks, axis=1, keepdims=True)
        mean = looks.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def _layer(self, rows: np.ndarray, layer: int) -> np.ndarray:
        inward, across, *biases = (
            self._weights[f"lstm.{name}_l{layer}"]
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        driven = rows @ inward.T + sum(biases)
        hidden = memory = np.zeros((len(rows), _WIDTH), np.float32)
        out = []
        for at in range(rows.shape[1]):
            enter, forget, new, leave = np.split(driven[:, at] + hidden @ across.T, 4, axis=1)
            memory = _sigmoid(forget) * memory + _sigmoid(enter) * np.tanh(new)
            hidden = _sigmoid(leave) * np.tanh(memory)
            out.append(hidden)
        return np.stack(out, axis=1)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(x / 2))


class _Unpickler(pickle.Unpickler):
    """Reads PyTorch's old format and builds nothing but numbers from it."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if name == "_rebuild_tensor_v2":
            return lambda key, offset, size, *_rest: (key, offset, size)
        return lambda *_arguments, **_more: None

    def persistent_load(self, pid: tuple) -> object:
        return pid[2]


def _read_weights(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        for _ in range(3):  # a magic number, a version, the machine's sizes
            _Unpickler(file).load()
        state = _Unpickler(file).load()["model_state"]
        stores = {}
        for key in _Unpickler(file).load():
            (count,) = struct.unpack("<q", file.read(8))
            stores[key] = np.frombuffer(file.read(4 * count), "<f4")
    return {
        name: stores[key][offset : offset + math.prod(size)].reshape(size)
        for name, (key, offset, size) in state.items()
        if name.startswith(("lstm", "linear"))
    }


class Recogniser:
    """Writes down what is said, in words of a vocabulary."""

    def __init__(self, vocabulary: str, folder: Path) -> None:
        import pocketsphinx

        words = sorted(set(_words(vocabulary)))
        lexicon = Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict"
        lines = [line.partition(" ") for line in lexicon.read_text().splitlines()]
        known = [line for line in lines if line[0].partition("(")[0] in words]
        (folder / "words.dict").write_text("".join(f"{w} {p}\n" for w, _, p in known))
        entries = ["<s>", "</s>", *words]
        weight = f"{-math.log10(len(entries)):.4f}"
        (folder / "words.lm").write_text(
            f"\\data\\\nngram 1={len(entries)}\n\n\\1-grams:\n"
            + "".join(f"{weight} {word} 0\n" for word in entries)
            + "\n\\end\\\n"
        )
        self._decoder = pocketsphinx.Decoder(
            loglevel="FATAL",
            samprate=_RATE,
            lm=str(folder / "words.lm"),
            dict=str(folder / "words.dict"),
        )

    def error_rate(self, pcm: np.ndarray, text: str) -> float:
        """Words wrong, missing or too many, by the words there are."""
        self._decoder.start_utt()
        self._decoder.process_raw(pcm.tobytes(), full_utt=True)
        self._decoder.end_utt()
        heard = self._decoder.hyp().hypstr.split() if self._decoder.hyp() else []
        said = _words(text)
        row = list(range(len(heard) + 1))
        for number, word in enumerate(said, 1):
            above, row = row, [number]
            for at, other in enumerate(heard):
                row.append(min(above[at + 1] + 1, row[at] + 1, above[at] + (word != other)))
        return row[-1] / len(said)


def _words(text: str) -> list[str]:
    return re.sub(r"[^a-z' ]", "", text.lower()).split()


def _read(path: str) -> tuple[np.ndarray, int]:
    import soundfile

    return soundfile.read(path, dtype="int16")


def _at_16k(path: str) -> np.ndarray:
    import librosa

    pcm, rate = _read(path)
    wave = librosa.resample(pcm.astype(np.float32) / 32768, orig_sr=rate, target_sr=_RATE)
    return np.clip(wave * 32767, -32768, 32767).astype(np.int16)


def main() -> None:
    """Answer one question."""
    warnings.simplefilter("ignore")
    asked = json.load(sys.stdin)
    encoder = SpeakerEncoder()
    voices = {name: encoder.embed(*_read(path)).tolist() for name, path in asked["voices"].items()}
    with tempfile.TemporaryDirectory() as folder:
        ears = Recogniser(asked["vocabulary"], Path(folder))
        words = {
            name: ears.error_rate(_at_16k(path), text)
            for name, (path, text) in asked["words"].items()
        }
    json.dump({"voices": voices, "words": words}, sys.stdout)


if __name__ == "__main__":
    main()
