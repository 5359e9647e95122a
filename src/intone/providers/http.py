"""What all vendors have in common: pooled connections, failures by category, audio as it comes.

A vendor describes the call it wants made and how its answer is to be read; this makes it.
Nothing a vendor answers with in place of audio is ever shown or logged: it may quote the
request, or a key.
"""

from __future__ import annotations

from abc import abstractmethod
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast, get_args

import msgspec

from intone.errors import (
    ProviderAuthError,
    ProviderBusyError,
    ProviderError,
    ProviderInvalidResponseError,
    ProviderRejectedError,
    ProviderTimeoutError,
)
from intone.providers.base import AudioChunk, Capabilities, Gender, Provider, Timeouts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

    import aiohttp

    from intone.providers.base import Model, SpeechRequest
    from intone.providers.settings import ProviderSettings

__all__ = ["Call", "HttpProvider", "VendorProfile", "failure_by_status", "known_gender"]

T = TypeVar("T")

#: Seconds for which an unused connection is kept warm.
_KEEP_ALIVE_S = 75.0
#: Most bytes of a JSON answer that are read: a list of voices can be long.
_LARGEST_JSON = 16 << 20
#: Most bytes of an answer that is no audio which are read away to keep its connection.
_SMALL_ANSWER = 64 << 10
#: Longest that a vendor's Retry-After is believed, in seconds.
_LONGEST_RETRY_AFTER_S = 3600.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a vendor."""

    #: Below the provider's base URL, beginning with a slash.
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

    def __init__(self, name: str, settings: ProviderSettings, models: Sequence[Model]) -> None:
        profile = self.profile
        self.name = name
        self.title, self.website = profile.title, profile.website
        self.settings = settings
        self.models = models
        self.voice_aliases = settings.voices
        self.timeouts = _timeouts(settings)
        self.capabilities = Capabilities(
            max_characters=settings.max_characters or profile.max_characters,
            concurrency=settings.concurrency or profile.concurrency,
            rates=profile.rates,
            formats=profile.formats if settings.formats is None else tuple(settings.formats),
            passes_models=profile.passes_models and settings.models is None,
        )
        self.base_url = (settings.base_url or profile.base_url).rstrip("/")
        self.unavailable = None if self.has_credentials() else "missing_api_key"
        self._session: aiohttp.ClientSession | None = None

    def has_credentials(self) -> bool:
        """Whether the operator has given what the vendor asks for; by default an API key."""
        return bool(self.settings.api_key)

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

    def failure(self, status: int, body: bytes) -> ProviderError:  # noqa: ARG002 - vendors look into it
        """What an answer with this status and this (beginning of a) body means.

        The default goes by the status. The body is for telling cases apart and is never quoted.
        """
        return failure_by_status(status)

    def audio(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """The bytes of audio in a good answer, as they come; by default its body is the audio."""
        return response.content.iter_any()

    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[AudioChunk, None]:
        """Speak one text; see `Provider.synthesize`."""
        from intone.audio.decode import create_decoder

        call = self.speech_call(request, "pcm")
        decoder = None if call.form == "pcm" else create_decoder(call.form)
        rest = b""
        async with aclosing(self._speak(call)) as chunks:
            async for chunk in chunks:
                if decoder is not None:
                    if pcm := decoder.feed(chunk):
                        yield AudioChunk(pcm, decoder.sample_rate)
                    continue
                whole = rest + chunk if rest else chunk
                even = len(whole) & ~1
                rest = whole[even:]
                if even:
                    yield AudioChunk(whole[:even], call.sample_rate)
        if decoder is not None and (pcm := decoder.finish()):
            yield AudioChunk(pcm, decoder.sample_rate)

    async def stream(self, request: SpeechRequest, form: str) -> AsyncGenerator[bytes, None]:
        """Speak one text in a format the vendor has; see `Provider.stream`."""
        call = self.speech_call(request, form)
        assert call.form == form, f"{self.name} was to deliver {form}, not {call.form}"
        async with aclosing(self._speak(call)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def get_json(
        self, path: str, shape: type[T], query: Mapping[str, str] | None = None
    ) -> T:
        """Ask the vendor for JSON, e.g. for its voices, and get it in that shape.

        Raises:
            ProviderError: There was no such answer.
        """
        call = Call(path, method="GET", query=query or {}, headers={"Accept": "application/json"})
        async with self._answer(call) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _LARGEST_JSON:
                    raise ProviderInvalidResponseError
        try:
            return msgspec.json.decode(body, type=shape)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise ProviderInvalidResponseError(
                f"{self.name} answered with something other than was asked for."
            ) from None

    async def start(self) -> None:
        """Make ready to connect; the connections are made when there is something to say."""
        import aiohttp

        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
            # The router counts the seconds of a call; it alone knows who is waiting for what.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.timeouts.connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity", "User-Agent": "Intone"},
            auto_decompress=False,
            trust_env=True,
        )

    async def close(self) -> None:
        """Close all connections; safe to call twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _speak(self, call: Call) -> AsyncGenerator[bytes, None]:
        """The audio of a call, judged by how it begins."""
        async with self._answer(call) as response:
            has_begun = False
            async for chunk in self.audio(response):
                if not chunk:
                    continue
                if not has_begun:
                    self._judge(response, call.form, chunk)
                    has_begun = True
                yield chunk
            if not has_begun:
                raise ProviderInvalidResponseError(f"{self.name} answered with no audio at all.")

    def _judge(self, response: aiohttp.ClientResponse, form: str, head: bytes) -> None:
        """Refuse what is no audio: a page of an error, a message in JSON, noise."""
        from intone.audio.sniff import looks_like

        kind = response.content_type
        is_text = kind.startswith("text/") or kind in {"application/json", "application/xml"}
        if (is_text and not self.wraps_audio) or looks_like(form, head) is False:
            raise ProviderInvalidResponseError(
                f"{self.name} answered with something other than {form} audio."
            )

    #: Whether a good answer is text that `audio` takes the audio out of.
    wraps_audio: ClassVar[bool] = False

    @asynccontextmanager
    async def _answer(self, call: Call) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """A good answer to a call; leaving early cuts its connection.

        Raises:
            ProviderError: There was none, or it broke off.
        """
        import aiohttp

        if self._session is None:
            raise ProviderError(f"{self.name} is not connected.")
        try:
            async with self._session.request(
                call.method,
                self.base_url + call.path,
                params=call.query or None,
                data=call.body or None,
                headers={**self.auth_headers(), **call.headers},
                allow_redirects=False,
            ) as response:
                if response.status != 200:  # noqa: PLR2004 - OK
                    raise await self._refusal(response)
                yield response
        except (aiohttp.ServerTimeoutError, TimeoutError):
            raise ProviderTimeoutError(f"{self.name} did not answer in time.") from None
        except aiohttp.ClientPayloadError:
            raise ProviderError(f"{self.name} broke off in the middle of its answer.") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise ProviderError(f"{self.name} could not be reached.") from None

    async def _refusal(self, response: aiohttp.ClientResponse) -> ProviderError:
        body = await response.content.read(_SMALL_ANSWER)
        error = self.failure(response.status, body)
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


def _retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header; its other form, a date, is not worth a parser."""
    if value is None or not value.isascii() or not value.isdigit():
        return None
    return min(float(value[:6]), _LONGEST_RETRY_AFTER_S)


def _timeouts(settings: ProviderSettings) -> Timeouts:
    said = msgspec.structs.asdict(settings.timeouts)
    return Timeouts(**{name: value for name, value in said.items() if value is not None})
