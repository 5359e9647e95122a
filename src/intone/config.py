"""Every setting, once: read from flags, `INTONE_*` variables and `intone.toml`, in that order."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from intone.errors import InvalidInputError
from intone.providers.settings import ProviderSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Settings", "listed", "load_settings"]

_PREFIX = "INTONE_"
#: Settings that are tables; in a variable's name two underscores lead into them.
_TABLES = {"providers", "models", "routes"}

_Count = Annotated[int, Meta(ge=0)]
#: A day at most: what waits longer has been forgotten.
_Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An operator's route: which of several models speaks."""

    #: `provider/model` names.
    models: Annotated[list[str], Meta(min_length=1)]
    #: What goes first: as listed, the cheapest, or the one that was quickest of late.
    by: Literal["order", "price", "latency"] = "order"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this server runs. Each field is also `INTONE_<NAME>` and a key of `intone.toml`."""

    #: Where everything is kept.
    data_dir: Path = Path("intone-data")
    #: Address to listen on; the default is reachable from this machine alone.
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8420
    #: Where clients reach this server, for links in webhooks and answers; by default where they
    #: have asked, and in webhooks the address it listens on.
    public_url: str | None = None
    #: postgresql://… instead of a SQLite file in the data folder.
    database_url: str | None = None
    #: Whether `serve` also renders; without, start `intone worker` beside it.
    worker: bool = True
    #: How many jobs one process renders at once; 0: twice the number of cores.
    worker_concurrency: _Count = 0
    #: Whether the engine inside speaks; without it this server only passes on what vendors speak.
    engine: bool = True
    #: Processes of the local engine; 0: one a core.
    engine_processes: _Count = 0
    #: A plans.toml of your own.
    plans_file: Path | None = None
    #: The first key of a new data folder, instead of a random one.
    bootstrap_key: str | None = None

    #: Largest request body, in bytes.
    max_body_bytes: Annotated[int, Meta(ge=1)] = 1024 * 1024
    #: Seconds within which a request's body must have arrived.
    body_timeout_s: _Seconds = 30.0
    #: Largest file that can be uploaded, in bytes.
    max_upload_bytes: Annotated[int, Meta(ge=1)] = 50 * 1024 * 1024
    #: Hours that an uploaded file is kept.
    upload_hours: Annotated[float, Meta(gt=0, le=8760)] = 24.0
    #: Seconds between two sweeps of what has expired.
    retention_sweep_s: _Seconds = 60.0
    #: Hours a finished job is kept, instead of what its plan says.
    retention_hours: Annotated[float, Meta(ge=0, le=1_000_000)] | None = None

    #: Whether text that is answered from what was spoken before is charged as well.
    charge_reused: bool = True

    #: Whether a request to clone a voice must say who has agreed to it.
    cloning_require_consent: bool = True

    #: Networks in CIDR form, separated by commas, that what clients name as an address may lie in
    #: although it is not of the public internet, e.g. 10.20.0.0/16.
    egress_allow: str = ""
    #: Whether webhooks may also be http, which anybody on the way can read.
    webhooks_allow_http: bool = False

    #: Hours for which the address of audio in a webhook works.
    webhooks_url_hours: Annotated[float, Meta(gt=0, le=8760)] = 24.0
    #: An identity provider whose access tokens are accepted (its issuer URL).
    oidc_issuer: str | None = None
    #: What its tokens' `aud` must name; several are separated by commas.
    oidc_audience: str | None = None
    #: The claim that names the workspace.
    oidc_workspace_claim: str = "workspace"
    #: Signature algorithms accepted, separated by commas.
    oidc_algorithms: str = "RS256,PS256,ES256,ES384,EdDSA,Ed25519"
    #: Where its keys are, if its discovery document does not say.
    oidc_jwks_url: str | None = None

    #: A file of blocked phrases, one a line.
    policy_blocklist: Path | None = None
    #: An OpenAI-compatible moderation endpoint that every text is shown to.
    policy_moderation_url: str | None = None
    policy_moderation_key: str | None = None
    #: Let texts pass when the moderation endpoint cannot be reached.
    policy_fail_open: bool = False

    #: Who speaks, by name: `[providers.NAME]`, or `INTONE_PROVIDERS__NAME__TYPE` and so on.
    providers: dict[str, ProviderSettings] = msgspec.field(default_factory=dict)
    #: By the name a caller may use for a model, e.g. `tts-1`, the `provider/model` it means.
    models: dict[str, str] = msgspec.field(default_factory=dict)
    #: By a name such as `auto/fast`, models to choose from at each request.
    routes: dict[str, Route] = msgspec.field(default_factory=dict)

    #: Show the menus of voices and models to anybody: some clients ask without their key.
    public_voices: bool = False
    #: Have `/v1/status` also tell how providers' breakers stand.
    status_breakers: bool = False

    #: debug, info, warning or error.
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    #: json or console.
    log_format: Literal["json", "console"] = "console"

    def __repr__(self) -> str:
        """Without what it holds of keys and passwords: settings end up in logs and tracebacks."""
        return f"Settings(data_dir={str(self.data_dir)!r}, host={self.host!r}, port={self.port})"

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'intone.db').absolute()}"


def load_settings(
    flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Put the settings together.

    Args:
        flags: What the command line says; None values are not said.
        environment: Where `INTONE_*` variables are read from.

    Raises:
        InvalidInputError: A setting is unknown or has a value it cannot have.
    """
    said = {name: value for name, value in (flags or {}).items() if value is not None}
    variables = _from_environment(environment)
    data_dir = Path(said.get("data_dir") or variables.get("data_dir") or Settings().data_dir)
    merged = _merged(_from_file(data_dir / "intone.toml"), variables) | said
    try:
        return msgspec.convert(
            {name: str(v) if isinstance(v, Path) else v for name, v in merged.items()},
            Settings,
            strict=False,
            dec_hook=_decode,
        )
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"A setting cannot be used: {_named(error, merged)}.") from None


def listed(value: str) -> tuple[str, ...]:
    """The items of a list that is written with commas."""
    return tuple(item.strip() for item in value.split(",") if item.strip())


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    known = {field.name for field in msgspec.structs.fields(Settings)}
    found: dict[str, Any] = {}
    for variable, value in sorted(environment.items()):
        name, *path = variable.removeprefix(_PREFIX).lower().split("__")
        # Unknown variables are left alone: tests and deployments keep some of their own.
        if not variable.startswith(_PREFIX) or name not in known or value == "":
            continue
        if name in _TABLES:
            _put(found, (name, *path), value)
        elif not path:
            found[name] = value
    return found


def _put(tables: dict[str, Any], path: Sequence[str], value: str) -> None:
    """Set a value in nested tables; one that is JSON's list or object is what it says."""
    *folders, last = path
    variable = _PREFIX + "__".join(path).upper()
    for folder in folders:
        tables = tables.setdefault(folder, {})
        if not isinstance(tables, dict):
            raise InvalidInputError(f"{variable} is a part of another variable that is no object.")
    try:
        tables[last] = json.loads(value) if value[0] in "[{" else value
    except ValueError as error:
        raise InvalidInputError(f"{variable} is not valid JSON: {error}.") from None


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Both, tables within tables; where both say something, the upper one counts."""
    merged = {**below, **above}
    for name in below.keys() & above.keys():
        if isinstance(below[name], dict) and isinstance(above[name], dict):
            merged[name] = _merged(below[name], above[name])
    return merged


def _from_file(path: Path) -> dict[str, Any]:
    try:
        lines = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}.") from error
    if "data_dir" in lines:
        raise InvalidInputError(f"{path} lies in the data folder, so it cannot set data_dir.")
    return {name: value for name, value in lines.items() if value != ""}


def _named(error: msgspec.ValidationError, merged: Mapping[str, Any]) -> str:
    """What is wrong, with the name of the provider or route, which msgspec leaves out."""
    for table, kind in (("providers", ProviderSettings), ("routes", Route)):
        said = merged.get(table)
        for name, value in said.items() if isinstance(said, dict) else ():
            try:
                msgspec.convert(value, kind, strict=False)
            except msgspec.ValidationError as wrong:
                what, at, path = str(wrong).partition(" - at `$")
                return f"{what} - at `{table}.{name}{path if at else '`'}"
    return str(error)


def _decode(kind: type, value: Any) -> Any:
    """Make what msgspec has no rule for: paths, and nothing else."""
    return kind(value)
