"""For schemathesis (SCHEMATHESIS_HOOKS): what the document cannot say of a body.

A schema knows that a voice is named by a text, but not which texts name one. So that generated
requests come past that point, a voice, a style or a model that fits the schema becomes one that
exists, and a key's name one that people can read.
"""

import schemathesis
from hypothesis import strategies

from helpers import media

VOICES = ("voice_en_us_001", "voice_en_gb_001", "voice_de_de_001", "voice_fr_fr_001")
STYLES = ("neutral", "calm", "serious", "whisper")
LONGEST_ID = 200


MODELS = ("espeak/default", "tts-1", "gpt-4o-mini-tts")
NAMES = ("alloy", "en-us.emma", "de-de.anna")


# A file's schema says that it is bytes, and not of which kind.
schemathesis.openapi.format("binary", strategies.just(media.wav(1200, rate=8000, bits=8)))


@schemathesis.hook
def map_body(context, body):
    if not isinstance(body, dict):
        return body
    if "input" in body and "model" in body:
        speech(body)
    elif isinstance(body.get("voice"), dict):
        job(body["voice"])
    elif isinstance(name := body.get("name"), str) and 1 <= len(name) <= 100:
        body["name"] = f"key {len(name)}"
    return body


@schemathesis.hook
def map_query(context, query):
    if query and isinstance(model := query.get("model"), str):
        query["model"] = of(MODELS, model)
    return query


def job(voice):
    profile, style = voice.get("profile_id"), voice.get("style")
    if isinstance(profile, str) and len(profile) <= LONGEST_ID and profile not in VOICES:
        voice["profile_id"] = of(VOICES, profile)
    if isinstance(style, str) and style not in STYLES:
        voice["style"] = of(STYLES, style)


def speech(body):
    body["model"] = model(body["model"])
    if "voice" in body:
        body["voice"] = spoken_by(body["voice"])
    if isinstance(body["input"], str) and body["input"]:
        body["input"] += "."  # blanks alone cannot be spoken


def model(value):
    if isinstance(value, list):
        return [model(one) for one in value]
    if isinstance(value, dict):
        wanted = {**value, "model": model(value.get("model"))}
        return {**wanted, "voice": spoken_by(wanted["voice"])} if "voice" in wanted else wanted
    return of(MODELS, value) if isinstance(value, str) and 1 <= len(value) <= LONGEST_ID else value


def spoken_by(value):
    if isinstance(value, dict) and "id" in value:
        return {**value, "id": spoken_by(value["id"])}
    return of(NAMES, value) if isinstance(value, str) and 1 <= len(value) <= LONGEST_ID else value


def of(choices, value):
    return value if value in choices else choices[len(value) % len(choices)]
