"""From the body of `POST /v1/audio/generate` to what the core is asked to read aloud.

All that is wrong with a body is said at once, by field, in the words that clients of this API
know (its documentation names Laravel's validation).
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import Struct

from intone.api.posts.errors import InvalidFieldsError
from intone.api.posts.schemas import LONGEST_POST_ID, LONGEST_TITLE, LONGEST_URL
from intone.core.post_orders import LONGEST_TEXT, SHORTEST_TEXT, PostRequest
from intone.core.site_domains import normal_domain
from intone.core.voices import speaks
from intone.errors import InvalidInputError
from intone.text.controls import CONTROLS

if TYPE_CHECKING:
    from intone.core.post_orders import Update
    from intone.core.posts import Posts
    from intone.core.sites import Site
    from intone.core.voices import CatalogueVoice

__all__ = ["Fields", "Generate", "post_request", "read_fields", "read_language"]

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
#: What no text can be spoken with, and what stands in its place: offsets stay as they are.
_UNSPEAKABLE: Final = re.compile(rf"[{CONTROLS}\ud800-\udfff]")
#: What content can be made of that is not read, by the tag that shows it.
_SILENT: Final = {
    "images": re.compile(r"<(?:img|svg|picture|figure)\b", re.IGNORECASE),
    "tables": re.compile(r"<table\b", re.IGNORECASE),
    "code blocks": re.compile(r"<pre\b", re.IGNORECASE),
    "scripts": re.compile(r"<script\b", re.IGNORECASE),
}
#: An image as text.
_DATA: Final = re.compile(
    r"(?:data:[\w.+-]+/[\w.+-]+;base64,)?(?:[A-Za-z0-9+/]{60,}+\s*+)++[A-Za-z0-9+/]*+=*\s*"
)
#: Largest integer id of a voice.
_MOST_VOICES: Final = 2**53


class Generate(Struct, frozen=True):
    """A body as it came: types are looked at by `read_fields`, all of them."""

    post_id: Any = None
    content: Any = None
    post_title: Any = None
    post_url: Any = None
    language: Any = None
    voice_id: Any = None
    site: Any = None
    force: Any = None
    update: Any = None


class Fields(NamedTuple):
    """A body whose fields are of the right types and lengths."""

    post_id: str
    content: str
    post_title: str | None
    post_url: str | None
    language: str
    voice_id: int | None
    site: str | None
    update: Update


class _Reading:
    """Reads fields one by one, and gathers what is wrong with them."""

    def __init__(self) -> None:
        self.errors: dict[str, list[str]] = {}

    def refuse(self, name: str, sentence: str) -> None:
        """Note what is wrong with a field; `{}` stands for it."""
        words = f"The {name.replace('_', ' ')} field"
        self.errors.setdefault(name, []).append(sentence.format(words))

    def text(
        self, name: str, value: Any, longest: int | None = None, *, required: bool = False
    ) -> str | None:
        """A text without white space at its ends; None where there is none."""
        if isinstance(value, str):
            value = value.strip() or None
        if value is None:
            if required:
                self.refuse(name, "{} is required.")
            return None
        if not isinstance(value, str):
            self.refuse(name, "{} must be a string.")
            return None
        if longest is not None and len(value) > longest:
            self.refuse(name, f"{{}} must not be greater than {longest:,} characters.")
        elif longest is not None and not all(map(_is_printable, value)):
            self.refuse(name, "{} must hold printable characters alone.")
        return value


def _is_printable(character: str) -> bool:
    """As Unicode has it, and with every space and what joins letters or pictures together."""
    return character.isprintable() or unicodedata.category(character) in {"Zs", "Cf"}


def read_fields(body: Generate) -> Fields:
    """The fields of a body.

    Raises:
        InvalidFieldsError: Some are missing, of another type, or out of bounds.
    """
    reading = _Reading()
    post_id = reading.text("post_id", body.post_id, LONGEST_POST_ID, required=True)
    content = reading.text("content", body.content, required=True)
    if content is not None and len(content) < SHORTEST_TEXT:
        reading.refuse("content", f"{{}} must be at least {SHORTEST_TEXT} characters.")
    title = reading.text("post_title", body.post_title, LONGEST_TITLE)
    url = reading.text("post_url", body.post_url, LONGEST_URL)
    if url is not None and "post_url" not in reading.errors and _host(url) is None:
        reading.refuse("post_url", "{} must be a valid http or https URL.")
    language = reading.text("language", body.language)
    voice = body.voice_id
    if voice is not None and (not _is_integer(voice) or not 0 < voice < _MOST_VOICES):
        reading.refuse("voice_id", "{} must be an integer, the id of a voice.")
    site = None if body.site == "" else body.site
    if site is not None and not _is_integer(site) and not isinstance(site, str):
        reading.refuse("site", "{} must be the domain or the number of a site.")
    if body.force is not None and not isinstance(body.force, bool):
        reading.refuse("force", "{} must be true or false.")
    if body.update is not None and body.update != "if-changed":
        reading.refuse("update", "The selected update is invalid; send 'if-changed' or leave it.")
    if reading.errors:
        raise InvalidFieldsError(reading.errors)
    assert post_id is not None
    assert content is not None
    return Fields(
        post_id,
        content,
        title,
        url,
        read_language(language),
        voice,
        None if site is None else str(site),
        "always" if body.force else "if-changed" if body.update else "never",
    )


def read_language(said: str | None) -> str:
    """A language as posts have it: ISO 639-1 in lower case, `en` by default.

    Raises:
        InvalidFieldsError: It is no code of a language.
    """
    language = (said or "en").strip().lower()
    if not _LANGUAGE.fullmatch(language):
        sentence = "The language field must be an ISO 639-1 code, such as 'en'."
        raise InvalidFieldsError({"language": [sentence]})
    return language


async def post_request(posts: Posts, site: Site, fields: Fields) -> PostRequest:
    """What the core is asked to read aloud for a site.

    Raises:
        InvalidFieldsError: The address is not the site's, nobody speaks the language, the voice
            does not, or there is too little or too much to read.
    """
    errors: dict[str, list[str]] = {}
    if fields.post_url is not None and _host(fields.post_url) not in site.domains:
        errors["post_url"] = [
            f"The post url field must be on a domain of the site: {', '.join(site.domains)}."
        ]
    voice = await _voice(posts, site, fields, errors)
    text, stretches = await asyncio.to_thread(_readable, fields.content, fields.language, site)
    characters = len(" ".join(text.split()))
    if characters < SHORTEST_TEXT:
        errors["content"] = [_too_short(fields.content, characters)]
    elif not any(map(str.isalnum, text)):
        errors["content"] = ["The content field must hold words; there is nothing to read aloud."]
    elif len(text) > LONGEST_TEXT:
        sentence = (
            f"The content field must not be greater than {LONGEST_TEXT:,} characters when its"
            f" markup is left out; it has {len(text):,}."
        )
        errors["content"] = [sentence]
    if errors or voice is None:
        raise InvalidFieldsError(errors)
    return PostRequest(
        post_id=fields.post_id,
        language=fields.language,
        title=fields.post_title,
        url=fields.post_url,
        text=text,
        voice=voice,
        stretches=stretches,
        update=fields.update,
    )


async def _voice(
    posts: Posts, site: Site, fields: Fields, errors: dict[str, list[str]]
) -> CatalogueVoice | None:
    language = fields.language
    if not posts.speaks(language):
        errors["language"] = [f"The selected language is invalid: no voice speaks {language!r}."]
        return None
    if fields.voice_id is None:
        return await posts.voice_of(site, language)
    voice = await posts.voice_numbered(site.workspace_id, fields.voice_id)
    if voice is None:
        errors["voice_id"] = ["The selected voice id is invalid; GET /v1/voices lists those."]
    elif not speaks(voice.languages, language):
        spoken = voice.languages[0]
        sentence = f"The selected voice id is invalid: {voice.name} speaks {spoken}."
        errors["voice_id"] = [sentence]
    return voice


def _readable(
    content: str, language: str, site: Site
) -> tuple[str, tuple[tuple[int, int, str], ...]]:
    """What is read of a post, and what of it is in other languages."""
    from intone.text.html import Rules, looks_like_html, read_html

    if not looks_like_html(content):
        return ("" if _DATA.fullmatch(content) else _UNSPEAKABLE.sub(" ", content)), ()
    rules = Rules(code_blocks=site.code_blocks, data_tables=site.data_tables)
    found = read_html(content, language, rules)
    stretches = tuple((part.start, part.end, part.language) for part in found.stretches)
    return _UNSPEAKABLE.sub(" ", found.text), stretches


def _too_short(content: str, characters: int) -> str:
    sentence = (
        f"The content field must be at least {SHORTEST_TEXT} characters when its markup is left"
        f" out; it has {characters}."
    )
    silent = [name for name, shown in _SILENT.items() if shown.search(content)]
    if _DATA.fullmatch(content):
        silent = ["encoded files"]
    if not silent:
        return sentence
    named = " and ".join(filter(None, (", ".join(silent[:-1]), silent[-1])))
    return f"{sentence} {named.capitalize()} are not read aloud."


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _host(url: str) -> str | None:
    """The host of an address of the web, as domains are kept."""
    if not url.lower().startswith(("http://", "https://")) or " " in url:
        return None
    try:
        return normal_domain(url)
    except InvalidInputError:
        return None
