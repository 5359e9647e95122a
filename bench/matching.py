"""Voice matching: how near it comes to a target, whether words survive, and how fast it is.

Targets are voices of other engines, which apt installs: Flite's, and Festival's where it is there
(festival, festvox-kdlpc16k, festvox-italp16k, festvox-czech-dita, festvox-suopuhe-lj). Each
speaks its own language, and so does the built-in voice that is matched to it. What is judged is a
text that the samples do not hold. `bench/ears.py` listens, in an environment of its own.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.matching_texts import SAMPLES, UNSEEN
from bench.peers import MissingError, installed
from bench.report import Row, at_least, at_most, tell
from intone.providers.base import SpeechRequest
from intone.providers.cloning import ResolvedClone
from intone.providers.engines.matching_provider import MatchingProvider
from intone.providers.matching.candidates import reference_text
from intone.providers.registry import create_providers

if TYPE_CHECKING:
    from intone.providers.base import Provider

__all__ = ["measure"]

_REQUIREMENTS = Path(__file__).with_name("ears-requirements.txt")
_FEWEST = 8
_RATE = 16_000
_LISTEN_S = 600.0
#: Times that the same text is spoken; the quickest counts, as the machine may be busy.
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class _Pair:
    """A built-in voice and a target to match it to."""

    source: str
    target: str
    language: str = "en"

    @property
    def name(self) -> str:
        return f"{self.source} → {self.target}"


#: Flite's voices twice, from a voice of either sex.
_PAIRS = [
    _Pair("en-us.emma", "slt"),
    _Pair("en-us.james", "slt"),
    _Pair("en-us.james", "rms"),
    _Pair("en-us.ruth", "rms"),
    _Pair("en-us.henry", "awb"),
    _Pair("en-us.grace", "awb"),
    _Pair("en-us.caleb", "kal16"),
    _Pair("en-us.henry", "kal16"),
    _Pair("en-us.mason", "ked_diphone"),
    _Pair("it-it.giulia", "lp_diphone", "it"),
    _Pair("cs-cz.tereza", "czech_dita", "cs"),
    _Pair("fi-fi.aino", "suo_fi_lj_diphone", "fi"),
]
_FESTIVAL_ENCODINGS = {"en": "ascii", "it": "latin-1", "cs": "iso-8859-2", "fi": "latin-1"}


async def measure(folder: Path) -> list[Row]:
    """Clone every target, speak with the clones, and listen."""
    try:
        ears = installed("ears", _REQUIREMENTS) / "python"
        pairs = _speakable()
    except MissingError as error:
        tell(f"matching: skipped: {error}")
        return [Row("matching", "voice matching", None, "", note=str(error))]
    for target, language in {(pair.target, pair.language) for pair in pairs}:
        _target_says(target, language, SAMPLES[language], folder / f"{target}.wav")
    engine = create_providers(processes=1)["espeak"]
    await engine.start()
    try:
        clones = {pair.name: await _cloned(engine, pair, folder) for pair in pairs}
        for pair in pairs:
            await _say(engine, UNSEEN[pair.language], pair.source, _before(folder, pair))
    finally:
        await engine.close()
    realtime = await _speak(pairs, clones, folder)
    return _rows(pairs, _listened(ears, pairs, folder), realtime)


def _speakable() -> list[_Pair]:
    if not shutil.which("flite"):
        raise MissingError("targets were not heard: there is no flite (apt-get install flite)")
    there = {"slt", "rms", "awb", "kal16"}
    if shutil.which("text2wave"):
        asked = ("festival", "-b", "(print (voice.list))")
        listed = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        there |= set(listed.strip().strip("()").split())
    pairs = [pair for pair in _PAIRS if pair.target in there]
    assert len(pairs) >= _FEWEST
    return pairs


def _target_says(target: str, language: str, text: str, path: Path) -> None:
    if "_" in target:
        command = ["text2wave", "-o", str(path), "-eval", f"(voice_{target})"]
        subprocess.run(command, input=text.encode(_FESTIVAL_ENCODINGS[language]), check=True)
    else:
        subprocess.run(["flite", "-voice", target, "-t", text, "-o", str(path)], check=True)


async def _cloned(engine: Provider, pair: _Pair, folder: Path) -> ResolvedClone:
    """Learn a target from its sample, with that base."""
    import soundfile

    from intone.providers.matching.fit import Candidate, fit

    base = folder / "base.wav"
    await _say(engine, reference_text(pair.language), pair.source, base)
    candidate = Candidate(pair.source, soundfile.read(base, dtype="int16")[0], _RATE)
    sample, rate = soundfile.read(folder / f"{pair.target}.wav", dtype="int16")
    began = time.monotonic()
    voice = fit([sample], rate, [candidate])
    tell(f"matching: {pair.name} learnt in {time.monotonic() - began:.1f} s")
    path = folder / f"{pair.source}-{pair.target}.model"
    path.write_bytes(voice.model.to_bytes())
    return ResolvedClone(voice.base_local_id, path)


async def _speak(pairs: list[_Pair], clones: dict[str, ResolvedClone], folder: Path) -> float:
    """Say the unseen texts with the clones; how many times faster than they play."""
    provider = MatchingProvider(clones.__getitem__, processes=1)
    await provider.start()
    fastest = []
    try:
        for pair in pairs:
            ratios = []
            for _ in range(_ROUNDS):
                began = time.monotonic()
                text, path = UNSEEN[pair.language], _after(folder, pair)
                seconds = await _say(provider, text, pair.name, path)
                ratios.append(seconds / (time.monotonic() - began))
            fastest.append(max(ratios))
    finally:
        await provider.close()
    return statistics.median(fastest)


async def _say(provider: Provider, text: str, voice: str, path: Path) -> float:
    """Speak into a file; its length in seconds."""
    import numpy as np
    import soundfile

    request = SpeechRequest(text, voice, "", sample_rate=_RATE)
    pcm = b"".join([chunk.pcm async for chunk in provider.synthesize(request)])
    soundfile.write(path, np.frombuffer(pcm, "<i2"), _RATE)
    return len(pcm) / 2 / _RATE


def _before(folder: Path, pair: _Pair) -> Path:
    return folder / f"{pair.source}.wav"


def _after(folder: Path, pair: _Pair) -> Path:
    return folder / f"{pair.source}-{pair.target}.wav"


@dataclass(frozen=True, slots=True)
class _Heard:
    """What became of one pair."""

    before: float
    after: float
    #: Whether the target is nearer than every other target.
    is_nearest: bool
    #: Word error rates; None in languages that the recogniser does not know.
    words_before: float | None
    words_after: float | None


def _listened(ears: Path, pairs: list[_Pair], folder: Path) -> list[_Heard]:
    import numpy as np

    english = UNSEEN["en"]
    recordings = {pair.target: folder / f"{pair.target}.wav" for pair in pairs}
    for pair in pairs:
        recordings[f"before {pair.name}"] = _before(folder, pair)
        recordings[f"after {pair.name}"] = _after(folder, pair)
    spoken = [
        f"{when} {p.name}" for p in pairs if p.language == "en" for when in ("before", "after")
    ]
    question = {
        "voices": {name: str(path) for name, path in recordings.items()},
        "words": {name: [str(recordings[name]), english] for name in spoken},
        "vocabulary": f"{english} {SAMPLES['en']}",
    }
    answer = json.loads(
        subprocess.run(
            [str(ears), str(Path(__file__).with_name("ears.py"))],
            input=json.dumps(question).encode(),
            stdout=subprocess.PIPE,
            check=True,
            timeout=_LISTEN_S,
        ).stdout
    )
    voices = {name: np.array(voice) for name, voice in answer["voices"].items()}
    targets = {pair.target for pair in pairs}
    heard = []
    for pair in pairs:
        after = {target: float(voices[f"after {pair.name}"] @ voices[target]) for target in targets}
        one = _Heard(
            before=float(voices[f"before {pair.name}"] @ voices[pair.target]),
            after=after[pair.target],
            is_nearest=max(after, key=after.__getitem__) == pair.target,
            words_before=answer["words"].get(f"before {pair.name}"),
            words_after=answer["words"].get(f"after {pair.name}"),
        )
        tell(f"matching: {pair.name}: likeness {one.before:.2f} before, {one.after:.2f} after")
        heard.append(one)
    return heard


def _rows(pairs: list[_Pair], heard: list[_Heard], realtime: float) -> list[Row]:
    after = [one.after for one in heard]
    errors = [
        (one.words_before, one.words_after)
        for one in heard
        if one.words_before is not None and one.words_after is not None
    ]
    before_errors, after_errors = (statistics.mean(column) for column in zip(*errors, strict=True))
    targets = len({pair.target for pair in pairs})
    return [
        Row(
            "matching",
            "likeness to the target, cosine of speaker encodings, mean",
            statistics.mean(after),
            "",
            at_least(0.75),
            f"{len(pairs)} pairs, {targets} targets; worst {min(after):.2f}, best {max(after):.2f}",
        ),
        Row(
            "matching",
            "the same of the unmatched voices",
            statistics.mean(one.before for one in heard),
            "",
            at_most(0.60),
        ),
        Row(
            "matching",
            "pairs whose target is the nearest of all",
            sum(one.is_nearest for one in heard) / len(heard),
            "",
            at_least(7 / 8),
            f"{sum(one.is_nearest for one in heard)} of {len(heard)}",
        ),
        Row(
            "matching",
            "words misheard, by those of the unmatched voices",
            after_errors / before_errors,
            "×",
            at_most(1.3),
            f"{after_errors:.0%} / {before_errors:.0%}, closed vocabulary, {len(errors)} pairs",
        ),
        Row("matching", "speed on one core, speech included", realtime, "× realtime", at_least(5)),
    ]
