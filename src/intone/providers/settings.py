"""What an operator says of a provider: `[providers.NAME]` in `intone.toml`."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

__all__ = ["ProviderSettings", "TimeoutSettings"]

_Seconds = Annotated[float, Meta(gt=0, le=86_400)]
#: US dollars for a million characters.
_Price = Annotated[float, Meta(ge=0, le=1_000_000)]


class TimeoutSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a provider is waited for, in seconds; see `intone.providers.base.Timeouts`."""

    connect_s: _Seconds | None = None
    first_byte_s: _Seconds | None = None
    stall_s: _Seconds | None = None
    total_s: _Seconds | None = None


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider; as many of one type as wanted, each under a name of its own."""

    #: Which API it speaks, e.g. `openai` or `elevenlabs`; `espeak` is the engine inside.
    type: str
    #: Where it is, e.g. `http://127.0.0.1:8880/v1`; a vendor's own address by default.
    base_url: str | None = None
    api_key: str | None = None
    #: The second half of a credential that has two, e.g. Amazon's secret access key.
    api_secret: str | None = None
    #: The third part of a credential that is valid for a while, e.g. Amazon's session token.
    session_token: str | None = None
    #: A file with the credential, e.g. the JSON of a Google service account, in place of a key.
    credentials_file: str | None = None
    #: A vendor's region, e.g. `westeurope`.
    region: str | None = None
    #: Ids of the models to offer, the default first; by default those known of the type.
    models: list[str] | None = None
    #: By model id, US dollars for a million characters; `*` for all others.
    prices: dict[str, _Price] = msgspec.field(default_factory=dict)
    #: By a name that callers use, e.g. `alloy`, the provider's own voice id.
    voices: dict[str, str] = msgspec.field(default_factory=dict)
    #: The formats it can really deliver, where it knows fewer than others of its type.
    formats: list[str] | None = None
    #: Fields that every request to it carries, below those that the caller sends.
    options: dict[str, Any] = msgspec.field(default_factory=dict)
    #: Longest text of one request, in characters; longer ones are cut at sentences.
    max_characters: Annotated[int, Meta(ge=1)] | None = None
    #: How many requests of jobs it gets at once.
    concurrency: Annotated[int, Meta(ge=1, le=1000)] | None = None
    timeouts: TimeoutSettings = TimeoutSettings()

    def __post_init__(self) -> None:
        """Refuse an address that is none, or that has a credential in it: addresses are shown."""
        if self.base_url is None:
            return
        parts = urlsplit(self.base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("base_url must begin with http:// or https:// and name a server")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("base_url must be an address alone; a key belongs into api_key")

    def nanos_per_character(self, model: str) -> int | None:
        """What the operator says a model costs (see `Model`); None where nothing is said."""
        usd = self.prices.get(model, self.prices.get("*"))
        return None if usd is None else round(usd * 1000)

    def __repr__(self) -> str:
        """Without the credential: settings end up in logs and tracebacks."""
        return f"ProviderSettings(type={self.type!r}, base_url={self.base_url!r})"
