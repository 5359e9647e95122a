"""Azure Speech's adapter against a server with its wire format."""

from xml.etree import ElementTree as ET

import pytest

from helpers.vendors import KEY, connected, failure_of, pcm_of, speech, streamed
from intone.errors import ProviderAuthError, ProviderBusyError, ProviderRejectedError
from intone.providers.base import ListedVoice
from loopback.azure import LANGUAGE, MSTTS, SSML, AzureServer
from loopback.vendor import Answer

VOICE = AzureServer.voice


@pytest.fixture
async def server():
    async with AzureServer() as running:
        yield running


@pytest.fixture
async def provider(server):
    async with connected("azure", server, region="westeurope") as opened:
        yield opened


async def sent(server, provider, request):
    """The document that a request became."""
    await streamed(provider, request, "mp3")
    return ET.fromstring(server.requests[-1].body)


async def test_the_request_on_the_wire_is_the_documented_one(server, provider):
    await streamed(provider, speech(VOICE, "Hello & goodbye."), "mp3")
    (request,) = server.requests
    assert (request.method, request.path_qs) == ("POST", "/cognitiveservices/v1")
    assert request.headers["Ocp-Apim-Subscription-Key"] == KEY
    assert request.headers["Content-Type"] == "application/ssml+xml"
    assert request.headers["X-Microsoft-OutputFormat"] == "audio-24khz-96kbitrate-mono-mp3"
    assert request.headers["User-Agent"] == "Intone"
    assert "Authorization" not in request.headers
    assert request.body == (
        b'<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis"'
        b' xmlns:mstts="https://www.w3.org/2001/mstts" xml:lang="en-US">'
        b'<voice name="en-US-AvaMultilingualNeural">Hello &amp; goodbye.</voice></speak>'
    )


@pytest.mark.parametrize(
    ("form", "output"),
    [("opus", "ogg-24khz-16bit-mono-opus"), ("pcm", "raw-24khz-16bit-mono-pcm")],
)
async def test_each_format_has_its_name(server, provider, form, output):
    await streamed(provider, speech(VOICE), form)
    assert server.requests[-1].headers["X-Microsoft-OutputFormat"] == output


async def test_synthesis_takes_the_raw_samples(server, provider):
    await pcm_of(provider, speech(VOICE))
    assert server.requests[-1].headers["X-Microsoft-OutputFormat"] == "raw-24khz-16bit-mono-pcm"


async def test_options_style_and_speed_become_markup(server, provider):
    options = {"styledegree": 1.5, "role": "Girl", "pitch": "+5%", "effect": "eq_car", "other": []}
    request = speech(VOICE, "Hi.", style="cheerful", rate=1.25, options=options)
    (voice,) = document = await sent(server, provider, request)
    assert document.tag == f"{SSML}speak"
    assert (voice.tag, voice.attrib) == (f"{SSML}voice", {"name": VOICE, "effect": "eq_car"})
    (expression,) = voice
    assert expression.tag == f"{MSTTS}express-as"
    assert expression.attrib == {"style": "cheerful", "styledegree": "1.5", "role": "Girl"}
    (prosody,) = expression
    assert (prosody.tag, prosody.attrib) == (f"{SSML}prosody", {"pitch": "+5%", "rate": "1.25"})
    assert prosody.text == "Hi."


async def test_an_option_is_text_in_the_markup_and_nothing_else(server, provider):
    style = 'sad"/><voice name="other'
    document = await sent(server, provider, speech(VOICE, options={"style": style}))
    assert document[0][0].attrib == {"style": style}
    odd = speech(VOICE, options={"style": ["sad"]})
    assert type(await failure_of(streamed(provider, odd, "mp3"))) is ProviderRejectedError


async def test_the_operators_options_stand_below_the_callers(server):
    said = {"style": "sad", "pitch": "low"}
    async with connected("azure", server, region="x", options=said) as provider:
        document = await sent(server, provider, speech(VOICE, options={"style": "angry"}))
    assert document[0][0].attrib == {"style": "angry"}
    assert document[0][0][0].attrib == {"pitch": "low"}


@pytest.mark.parametrize(
    ("language", "voice", "spoken"),
    [
        ("", "de-DE-KatjaNeural", "de-DE"),
        ("", "sr-Latn-RS-SophieNeural", "sr-Latn-RS"),
        ("", "my-own-voice", "en-US"),
        ("fr-FR", "en-US-AvaMultilingualNeural", "fr-FR"),
    ],
)
def test_the_language_is_the_callers_or_else_the_voices(provider, language, voice, spoken):
    call = provider.speech_call(speech(voice, language=language), "mp3")
    assert ET.fromstring(call.body).attrib[LANGUAGE] == spoken


async def test_characters_that_xml_forbids_are_left_out(server, provider):
    text = "a\x00b\x08c\x1bd\ud800e\ufffef\uffffg\th\ni\x7fj\u2028k🎉"
    document = await sent(server, provider, speech(VOICE, text))
    assert "".join(document.itertext()) == "abcdefg\th\ni\x7fj\u2028k🎉"


async def test_a_used_up_free_tier_is_no_wrong_key(server, provider):
    out = {"code": "403", "message": "Out of call volume quota for the free tier."}
    server.on("POST", server.speech_path, Answer.json({"error": out}, 403))
    error = await failure_of(streamed(provider, speech(VOICE), "mp3"))
    assert type(error) is ProviderBusyError
    server.on("POST", server.speech_path, server.refusal(403))
    error = await failure_of(streamed(provider, speech(VOICE), "mp3"))
    assert type(error) is ProviderAuthError


async def test_voices_come_from_the_regions_own_list(server, provider):
    server.voices = [
        {
            "Name": "Microsoft Server Speech Text to Speech Voice (zh-CN, YunxiNeural)",
            "DisplayName": "Yunxi",
            "LocalName": "云希",
            "ShortName": "zh-CN-YunxiNeural",
            "Gender": "Male",
            "Locale": "zh-CN",
            "LocaleName": "Chinese (Mandarin, Simplified)",
            "StyleList": ["cheerful", "sad"],
            "SampleRateHertz": "24000",
            "VoiceType": "Neural",
            "Status": "GA",
            "RolePlayList": ["Narrator"],
            "WordsPerMinute": "293",
        },
        {
            "ShortName": VOICE,
            "Gender": "Female",
            "Locale": "en-US",
            "SecondaryLocaleList": ["de-DE", "en-US"],
        },
    ]
    assert await provider.list_voices() == [
        ListedVoice(
            *("zh-CN-YunxiNeural", "Yunxi", ("zh-CN",), "male"),
            {"type": "Neural", "styles": "cheerful, sad"},
        ),
        ListedVoice(VOICE, VOICE, ("en-US", "de-DE"), "female"),
    ]
    (request,) = server.requests
    assert (request.method, request.path_qs) == ("GET", "/cognitiveservices/voices/list")
