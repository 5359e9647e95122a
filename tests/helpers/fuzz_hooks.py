"""For schemathesis (SCHEMATHESIS_HOOKS): what the document cannot say of a body.

A schema knows that a voice is named by a text, but not which texts name one. So that generated
jobs come past that point, a voice or a style that fits the schema becomes one that exists.
"""

import schemathesis

VOICES = ("voice_en_us_001", "voice_en_gb_001", "voice_de_de_001", "voice_fr_fr_001")
STYLES = ("neutral", "calm", "serious", "whisper")
LONGEST_ID = 200


@schemathesis.hook
def map_body(context, body):
    voice = body.get("voice") if isinstance(body, dict) else None
    if not isinstance(voice, dict):
        return body
    profile, style = voice.get("profile_id"), voice.get("style")
    if isinstance(profile, str) and len(profile) <= LONGEST_ID and profile not in VOICES:
        voice["profile_id"] = VOICES[len(profile) % len(VOICES)]
    if isinstance(style, str) and style not in STYLES:
        voice["style"] = STYLES[len(style) % len(STYLES)]
    return body
