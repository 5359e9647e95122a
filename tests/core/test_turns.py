"""Texts with several voices: each stretch is spoken by its own, and kept under its own."""

import dataclasses
from itertools import pairwise

import msgspec
import pytest

from helpers.rendering import find, run_next
from helpers.work import count, order, submitted
from intone.core import segment_rows
from intone.core.jobs import Switch
from intone.core.recordings import words_blob
from intone.core.routing import Router
from intone.core.script import Script
from intone.core.spool import SpooledLine
from intone.core.synthesis import Synthesizer
from intone.core.voices import VoiceCatalogue
from intone.errors import UnavailableError

FIRST = "The letter began without any greeting."
GERMAN = "Es war ein kalter Morgen, und niemand sprach."
LAST = "Then it went on in English."
TEXT = f"{FIRST} {GERMAN}\n\n{LAST}"
VOICE = "voice_en_us_001"


@pytest.fixture
def other(provider):
    """Slug of a German voice."""
    return next(v.slug for v in provider.voices() if v.languages[0].startswith("de"))


def switches(other, text=TEXT, german=GERMAN, last=LAST):
    return (
        Switch(text.index(german), "de", other),
        Switch(text.index(last), "en-US", VOICE),
    )


def heard_by(provider):
    """What is asked of the provider from now on, as voice and language."""
    asked, speak = [], provider.synthesize

    async def synthesize(request):
        asked.append((request.voice, request.language, request.text))
        async for chunk in speak(request):
            yield chunk

    provider.synthesize = synthesize
    return asked


async def rendered(database, queue, renderer, workspace_id, text=TEXT, **changes):
    job_id = await submitted(database, queue, workspace_id, text, **changes)
    await run_next(queue, renderer)
    job = await find(database, workspace_id, job_id)
    assert job.state == "ready", job
    return job


async def lines(blobs, job):
    blob = words_blob(job.recording.blob)
    raw = b"".join([p async for p in blobs.read_range(blob, 0, 1 << 30)])
    return [
        msgspec.json.decode(line, type=SpooledLine).line(job.order.text)
        for line in raw.splitlines()
    ]


@pytest.mark.parametrize("changes", [{}, {"format": "mp3", "reuse": True}])
async def test_each_stretch_is_spoken_by_its_voice_in_its_language_at_its_place(
    database, queue, blobs, renderer, provider, workspace_id, other, changes
):
    asked = heard_by(provider)
    changes = {"switches": switches(other), **changes}
    job = await rendered(database, queue, renderer, workspace_id, **changes)
    languages = {text: language for _, language, text in asked}
    assert languages == {FIRST: "en-US", GERMAN: "de", LAST: "en-US"}
    assert len({voice for voice, _, _ in asked}) == 2
    told = await lines(blobs, job)
    assert [line.text for line in told] == [FIRST, GERMAN, LAST]
    for line in told:
        assert TEXT[line.start : line.end].strip() == line.text
        assert TEXT[line.words[0].start : line.words[0].end] == line.text.split()[0]
    gaps = [after.from_ms - before.to_ms for before, after in pairwise(told)]
    assert gaps == pytest.approx([300, 700], abs=15), "pauses are not those of the text"


async def test_a_switch_amid_a_sentence_makes_no_pause_of_a_sentence(
    database, queue, blobs, renderer, workspace_id, other
):
    text = "They call it Gemütlichkeit and nothing else."
    start = text.index("Gem")
    turns = (Switch(start, "de", other), Switch(text.index(" and"), "en-US", VOICE))
    job = await rendered(database, queue, renderer, workspace_id, text, switches=turns)
    told = await lines(blobs, job)
    assert [line.text for line in told] == ["They call it", "Gemütlichkeit", "and nothing else."]
    assert told[1].from_ms - told[0].to_ms <= 1


async def test_a_change_of_one_stretch_leaves_the_others_as_they_are(
    database, queue, renderer, provider, workspace_id, other
):
    await rendered(database, queue, renderer, workspace_id, reuse=True, switches=switches(other))
    provider.spoken = 0
    german = "Es war ein warmer Abend."
    text = TEXT.replace(GERMAN, german)
    job = await rendered(
        database,
        queue,
        renderer,
        workspace_id,
        text,
        reuse=True,
        switches=switches(other, text, german),
    )
    assert (job.segments, provider.spoken) == ((3, 2), 1)
    plain = await rendered(database, queue, renderer, workspace_id, FIRST, reuse=True)
    assert plain.segments == (1, 1), "what others speak is in the key"


async def test_erasing_a_voice_erases_what_it_spoke_amid_others(
    database, queue, blobs, renderer, workspace_id, other
):
    await rendered(database, queue, renderer, workspace_id, reuse=True, switches=switches(other))
    await database.write(segment_rows.erase_voice, workspace_id, other)
    assert await count(database, "segments") == 2


async def test_stretches_hold_every_character_once(provider, other):
    voices = {slug: VoiceCatalogue([provider]).by_slug(slug) for slug in (VOICE, other)}
    script = Script.of(order(TEXT, switches=switches(other)), voices[VOICE], None, voices)
    stretches = list(script.stretches())
    assert "".join(stretch.script.text for stretch in stretches) == TEXT
    assert [stretch.pause_ms for stretch in stretches] == [300, 700, 0]


async def test_a_voice_whose_provider_is_missing_stops_the_whole_text(provider, other):
    voices = {slug: VoiceCatalogue([provider]).by_slug(slug) for slug in (VOICE, other)}
    voices[other] = dataclasses.replace(voices[other], provider="elsewhere")
    script = Script.of(order(TEXT, switches=switches(other)), voices[VOICE], None, voices)
    with pytest.raises(UnavailableError):
        await anext(Synthesizer({"espeak": provider}, Router()).speak(script))
    assert not provider.spoken
