"""What all vendors have in common: pooled connections, failures by category, audio as it comes.

A vendor describes the call it wants made and how its answer is to be read; this makes it.
Nothing a vendor answers with in place of audio is ever shown or logged: it may quote the
request, or a key.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from abc import abstractmethod
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast, get_args

import msgspec

from intone.audio.sniff import looks_like
from intone.errors import (
    InvalidInputError,
    ProviderAuthError,
    ProviderBusyError,
    ProviderError,
    ProviderInvalidResponseError,
    ProviderRejectedError,
    ProviderTimeoutError,
)
from intone.providers.base import AudioChunk, Capabilities, Gender, Model, Provider, Timeouts
from intone.providers.connections import Connections, failure_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence

    import aiohttp

    from intone.providers.base import SpeechRequest
    from intone.providers.settings import ProviderSettings

__all__ = [
    "Call",
    "HttpProvider",
    "VendorProfile",
    "failure_by_status",
    "known_gender",
    "locale_of",
]

T = TypeVar("T")

#: Most bytes of a JSON answer that are read: a list of voices can be long.
_LARGEST_JSON = 16 << 20
#: Most of a refusal's body that is looked at, in bytes, and longest that it is waited for.
_REFUSAL, _REFUSAL_S = 64 << 10, 2.0
#: Longest that a vendor's Retry-After is believed, in seconds.
_LONGEST_RETRY_AFTER_S = 3600.0
#: Language, perhaps a script, and region, of a name that goes on after them.
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{4})?-([A-Za-z]{2}|[0-9]{3})(?=-)")


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a vendor."""

    #: Below the provider's base URL, beginning with a slash; or a whole URL, of a call that
    #: carries its own credentials.
    path: str
    body: bytes = b""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    #: What the answer's audio is: `pcm` (mono s16le), `wav`, `mp3`, ….
    form: str = "mp3"
    #: Of PCM, in Hz.
    sample_rate: int = 24_000


@dataclass(frozen=True, slots=True)
class VendorProfile:
    """What is known of a type of provider, before its operator says more."""

    title: str
    website: str
    base_url: str
    #: What it delivers ready-made.
    formats: tuple[str, ...]
    max_characters: int
    rates: tuple[float, float] = (1.0, 1.0)
    passes_models: bool = False
    concurrency: int = 8


class HttpProvider(Provider):
    """A vendor reached by HTTP.

    Args:
        name: Its unique name on this server.
        settings: What the operator says of it.
        models: Its models, the default first.
    """

    profile: ClassVar[VendorProfile]
    #: Whether a good answer is text that `audio` takes the audio out of.
    wraps_audio: ClassVar[bool] = False

    def __init__(self, name: str, settings: ProviderSettings, models: Sequence[Model]) -> None:
        profile = self.profile
        self.name = name
        self.title, self.website = profile.title, profile.website
        self.settings = settings
        self.models = models
        self.voice_aliases = settings.voices
        self.timeouts = _timeouts(settings)
        self.base_url = (settings.base_url or profile.base_url).rstrip("/")
        self.capabilities = Capabilities(
            max_characters=settings.max_characters or profile.max_characters,
            concurrency=settings.concurrency or profile.concurrency,
            rates=profile.rates,
            formats=_formats(name, settings, profile),
            passes_models=profile.passes_models and settings.models is None,
        )
        self.unavailable = None if self.has_credentials() else "missing_api_key"
        self._connections: Connections | None = None

    def has_credentials(self) -> bool:
        """Whether the operator has given what the vendor asks for; by default an API key."""
        return bool(self.settings.api_key)

    def find_model(self, model_id: str) -> Model | None:
        """The model of that id; one that is not listed where unlisted ones are passed on."""
        listed = super().find_model(model_id)
        if listed is None and self.capabilities.passes_models:
            return self.unlisted_model(model_id)
        return listed

    def unlisted_model(self, model_id: str) -> Model:
        """A model of which nothing is known but what the operator says it costs, if anything."""
        return Model(model_id, model_id, self.settings.nanos_per_character(model_id) or 0)

    @abstractmethod
    def speech_call(self, request: SpeechRequest, form: str) -> Call:
        """The call that speaks a text.

        Args:
            request: What to speak.
            form: The format wanted, one of `Capabilities.formats`, or `pcm` for whatever comes
                nearest to it; the call says what will really come.

        Raises:
            ProviderRejectedError: The vendor cannot do what is asked.
        """

    def auth_headers(self) -> Mapping[str, str]:
        """What opens the vendor's door, for every call; a bearer token by default."""
        key = self.settings.api_key
        return {"Authorization": f"Bearer {key}"} if key else {}

    async def authorize(self, call: Call) -> Mapping[str, str]:  # noqa: ARG002 - signing needs it
        """What opens the vendor's door for this call; by default the same for every call.

        For vendors whose calls are signed, or whose tokens have to be fetched.

        Raises:
            ProviderError: A token could not be fetched.
        """
        return self.auth_headers()

    def failure(self, status: int, body: bytes) -> ProviderError:  # noqa: ARG002 - vendors look into it
        """What an answer with this status and this (beginning of a) body means.

        The default goes by the status. The body is for telling cases apart and is never quoted.
        """
        return failure_by_status(status)

    def refusal(self, response: aiohttp.ClientResponse, body: bytes) -> ProviderError:
        """What a refusal means, where a header says more than `failure` is told."""
        return self.failure(response.status, body)

    def audio(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """The bytes of audio in a good answer, as they come; by default its body is the audio."""
        return response.content.iter_any()

    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[AudioChunk, None]:
        """Speak one text; see `Provider.synthesize`."""
        from intone.audio.decode import create_decoder
        from intone.audio.formats import FrameAligner

        call = self.speech_call(request, "pcm")
        decoder = None if call.form == "pcm" else create_decoder(call.form)
        feed = FrameAligner().feed if decoder is None else decoder.feed
        async with aclosing(self._speak(call)) as chunks:
            async for chunk in chunks:
                if pcm := feed(chunk):
                    yield AudioChunk(pcm, decoder.sample_rate if decoder else call.sample_rate)
        if decoder is not None and (pcm := decoder.finish()):
            yield AudioChunk(pcm, decoder.sample_rate)

    def stream(self, request: SpeechRequest, form: str) -> AsyncGenerator[bytes, None]:
        """Speak one text in a format the vendor has; see `Provider.stream`."""
        call = self.speech_call(request, form)
        assert call.form == form, f"{self.name} was to deliver {form}, not {call.form}"
        return self._speak(call)

    async def get_json(
        self, path: str, shape: type[T], query: Mapping[str, str] | None = None
    ) -> T:
        """Ask the vendor for JSON, e.g. for its voices, and get it in that shape.

        Raises:
            ProviderError: There was no such answer.
        """
        accept = {"Accept": "application/json"}
        return await self.read_json(
            Call(path, method="GET", query=query or {}, headers=accept), shape
        )

    async def read_json(self, call: Call, shape: type[T]) -> T:
        """Make a call that is answered with JSON, and get it in that shape.

        Raises:
            ProviderError: There was no such answer.
        """
        try:
            async with asyncio.timeout(self.timeouts.first_byte_s):
                body = await self._whole(call)
            return msgspec.json.decode(body, type=shape)
        except TimeoutError:
            raise ProviderTimeoutError(f"{self.name} did not answer in time.") from None
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise ProviderInvalidResponseError(
                f"{self.name} answered with something other than was asked for."
            ) from None

    async def start(self) -> None:
        """Make ready to connect; the connections are made when there is something to say."""
        self._connections = Connections(self.name, connect_s=self.timeouts.connect_s)

    async def close(self) -> None:
        """Close all connections; safe to call twice."""
        if self._connections is not None:
            await self._connections.close()
            self._connections = None

    async def _speak(self, call: Call) -> AsyncGenerator[bytes, None]:
        """The audio of a call, judged by how it begins; closing it cuts the connection."""
        response = await self._ask(call)
        with self._reading(response):
            pieces = aiter(self.audio(response))
            yield await self._beginning(response, call.form, pieces)
            async for piece in pieces:
                if piece:
                    yield piece

    async def _beginning(
        self, response: aiohttp.ClientResponse, form: str, pieces: AsyncIterator[bytes]
    ) -> bytes:
        """As much of the audio as tells it from a page, a message in JSON, or noise."""
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        is_text = kind.startswith("text/") or kind.endswith(("json", "xml"))
        head, looks = b"", None
        if self.wraps_audio or not is_text:
            async for piece in pieces:
                head += piece
                looks = looks_like(form, head)
                if looks is not None:
                    break
        if not looks:
            raise ProviderInvalidResponseError(
                f"{self.name} answered with something other than {form} audio."
            )
        return head

    async def _whole(self, call: Call) -> bytes:
        body = bytearray()
        response = await self._ask(call)
        with self._reading(response):
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > _LARGEST_JSON:
                    raise ProviderInvalidResponseError(f"{self.name} answered with far too much.")
        return bytes(body)

    async def _ask(self, call: Call) -> aiohttp.ClientResponse:
        """A good answer to a call, to be read within `_reading`.

        Raises:
            ProviderError: There is none.
        """
        if self._connections is None:
            raise ProviderError(f"{self.name} is not connected.")
        is_own = call.path.startswith("/")
        response = await self._connections.request(
            call.method,
            self.base_url + call.path if is_own else call.path,
            headers={**(await self.authorize(call) if is_own else {}), **call.headers},
            query=call.query,
            body=call.body,
        )
        if response.status != 200:  # noqa: PLR2004 - OK
            with self._reading(response):
                raise await self._refusal(response)
        return response

    @contextmanager
    def _reading(self, response: aiohttp.ClientResponse) -> Iterator[None]:
        """While an answer is read; leaving early cuts its connection.

        Raises:
            ProviderError: It breaks off.
        """
        import aiohttp

        try:
            yield
        except (aiohttp.ClientError, OSError) as error:
            raise failure_of(self.name, error, has_begun=True) from None
        finally:
            response.close()

    async def _refusal(self, response: aiohttp.ClientResponse) -> ProviderError:
        """What an answer other than 200 means; its status says so where no body comes."""
        import aiohttp

        body = b""
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with asyncio.timeout(_REFUSAL_S):
                async for piece in response.content.iter_any():
                    body += piece
                    if len(body) >= _REFUSAL:
                        break
        error = self.refusal(response, body)
        error.retry_after = _retry_after(response.headers.get("Retry-After"))
        return error


def failure_by_status(status: int) -> ProviderError:
    """What HTTP means by a status, in our categories."""
    match status:
        case 401 | 403:
            return ProviderAuthError()
        case 402 | 429:
            return ProviderBusyError()
        case 408 | 504:
            return ProviderTimeoutError()
        case _ if 400 <= status < 500:  # noqa: PLR2004 - the range of client errors
            return ProviderRejectedError()
        case _ if status >= 500:  # noqa: PLR2004 - the range of server errors
            return ProviderError()
        case _:
            return ProviderInvalidResponseError()


def known_gender(label: str | None) -> Gender | None:
    """The gender that a vendor's label means, if it is one we know."""
    found = (label or "").strip().lower()
    return cast("Gender", found) if found in get_args(Gender) else None


def locale_of(voice: str) -> str:
    """The BCP 47 tag that a voice's name begins with, e.g. `en-US` of `en-US-JennyNeural`."""
    found = _LOCALE.match(voice)
    return found[0] if found else ""


def _retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header; its other form, a date, is not worth a parser."""
    if value is None or not value.isascii() or not value.isdigit():
        return None
    return min(float(value[:6]), _LONGEST_RETRY_AFTER_S)


def _formats(name: str, settings: ProviderSettings, profile: VendorProfile) -> tuple[str, ...]:
    """What it delivers: what its type can, or those of it that the operator names."""
    if settings.formats is None:
        return profile.formats
    if not settings.formats or not set(settings.formats) <= set(profile.formats):
        raise InvalidInputError(
            f"The provider {name!r} delivers some of these formats: {', '.join(profile.formats)}."
        )
    return tuple(settings.formats)


def _timeouts(settings: ProviderSettings) -> Timeouts:
    said = msgspec.structs.asdict(settings.timeouts)
    return Timeouts(**{name: value for name, value in said.items() if value is not None})
