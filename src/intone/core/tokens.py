"""Access tokens of the operator's identity provider (OpenID Connect, JWT).

Follows RFC 8725 (best practices), RFC 9068 (JWT access tokens) and OpenID Connect
Discovery: algorithms are pinned and asymmetric, keys come from the issuer only, and
every claim that matters is required.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joserfc import jws
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError, UnsupportedAlgorithmError
from joserfc.jwt import JWTClaimsRegistry

from intone.core.jwks import KeySource, is_protected
from intone.errors import InvalidInputError, UnauthenticatedError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from joserfc.jwk import Key

__all__ = ["TokenIdentity", "TokenPolicy", "TokenVerifier"]

#: Every algorithm that can be allowed: signatures with a private key, never a shared secret.
_ASYMMETRIC = frozenset(
    {f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)}
    | {"EdDSA", "Ed25519"}
)
#: `typ` of tokens we read (RFC 9068 §2.1; `application/` may be left out, RFC 7515 §4.1.9).
_TYPES = frozenset({"jwt", "at+jwt"})
#: What the words of the scope claim mean here.
_SCOPES = {
    "speak": "speak",
    "manage": "manage",
    "intone:speak": "speak",
    "intone:manage": "manage",
}
#: What a token may do that says nothing about scopes.
_DEFAULT_SCOPES = frozenset({"speak"})
#: Longest token, in characters; longer ones do not fit into a header anyway.
_MAX_TOKEN = 16_384
#: Longest workspace name or subject taken from a token, in characters.
_MAX_NAME = 256
#: Most keys tried for a token that names none.
_MAX_TRIED = 4
#: Milliseconds a verified token is trusted without checking its signature again.
_TRUST_MS = 60_000
#: How many verified tokens are remembered at most.
_REMEMBERED = 10_000


@dataclass(frozen=True)
class TokenPolicy:
    """Which access tokens are accepted, and what they mean.

    Raises:
        InvalidInputError: An algorithm is not an asymmetric signature, an address is neither
            HTTPS nor on this machine, or there is no audience.
    """

    #: The issuer, exactly as tokens and the discovery document spell it.
    issuer: str
    #: A token must be meant for one of these.
    audience: tuple[str, ...]
    #: Claim with the workspace's name or id: a claim's name, or a dotted path into objects.
    workspace_claim: str = "workspace"
    #: Claim with the scopes, named likewise; None takes `scope`, or `scp` where that is missing.
    scope_claim: str | None = None
    #: Signature algorithms accepted.
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
    #: Seconds by which the clocks may differ.
    leeway_s: int = 30
    #: Where the keys are; None asks the issuer's discovery document.
    jwks_url: str | None = None

    def __post_init__(self) -> None:
        if not self.audience:
            raise InvalidInputError("Name at least one audience that access tokens are meant for.")
        if not self.algorithms or not _ASYMMETRIC.issuperset(self.algorithms):
            raise InvalidInputError(
                f"Token algorithms are any of {', '.join(sorted(_ASYMMETRIC))}."
            )
        if not all(is_protected(url) for url in (self.issuer, self.jwks_url) if url is not None):
            raise InvalidInputError(
                "The identity provider's address must begin with https://; plain http:// is for"
                " one on this machine."
            )


@dataclass(frozen=True)
class TokenIdentity:
    """Who an access token speaks for."""

    #: The token's `sub`.
    subject: str
    #: The workspace's name or id, as the token spells it.
    workspace: str
    #: Any of `speak` and `manage`.
    scopes: frozenset[str]
    #: Milliseconds since the epoch.
    expires_at: int


@dataclass(frozen=True, slots=True)
class _Verified:
    identity: TokenIdentity
    #: Monotonic seconds until which it is trusted.
    until: float
    #: The key set it was checked against.
    keys_version: int


class _PinnedRegistry(jws.JWSRegistry):
    """Only the policy's algorithms; header parameters we do not know are ignored (RFC 7515 §4)."""

    max_header_length = 4096

    def __init__(self, algorithms: tuple[str, ...]) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        # The library's own would warn on every token signed with `EdDSA` (RFC 9864 renames it).
        if not self.allowed or name not in self.allowed:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


class TokenVerifier:
    """Checks access tokens against the issuer's keys.

    Verified tokens are remembered, by hash, for up to a minute, never past their end, and
    not once the issuer's keys have changed.

    Args:
        policy: Which tokens are accepted.
        timeout_s: Seconds for each call to the identity provider.
        clock: Monotonic seconds, for lifetimes of keys and of remembered tokens.
    """

    def __init__(
        self,
        policy: TokenPolicy,
        *,
        timeout_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._keys = KeySource(policy.issuer, policy.jwks_url, timeout_s=timeout_s, clock=clock)
        self._registry = _PinnedRegistry(policy.algorithms)
        self._claims = JWTClaimsRegistry(
            leeway=policy.leeway_s,
            iss={"essential": True, "value": policy.issuer},
            aud={"essential": True, "values": list(policy.audience)},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._known: OrderedDict[bytes, _Verified] = OrderedDict()

    async def verify(self, token: str) -> TokenIdentity:
        """Find out who `token` speaks for.

        Raises:
            UnauthenticatedError: It is not a valid access token for this server, or names no
                workspace. The message says why and quotes nothing of the token.
            UnavailableError: The issuer's keys are needed and cannot be fetched.
        """
        if len(token) > _MAX_TOKEN or not token.isascii():
            raise UnauthenticatedError("The access token is malformed.")
        digest = hashlib.sha256(token.encode("ascii")).digest()
        known = self._known.get(digest)
        if (
            known is not None
            and self._clock() < known.until
            and known.keys_version == self._keys.version
        ):
            self._known.move_to_end(digest)
            return known.identity
        signed = self._parse(token)
        keys = await self._keys.find(lambda key: self._suits(key, signed.protected))
        version = self._keys.version
        if not any(self._is_signed_by(signed, key) for key in keys[:_MAX_TRIED]):
            raise UnauthenticatedError(
                "The access token is not signed with a key of the identity provider."
            )
        identity = self._identity(self._valid_claims(signed.payload))
        self._remember(digest, identity, version)
        return identity

    async def close(self) -> None:
        """Close the connections to the identity provider; safe to call twice."""
        await self._keys.close()

    def _parse(self, token: str) -> jws.CompactSignature:
        try:
            signed = jws.extract_compact(token.encode("ascii"), registry=self._registry)
            header = dict(signed.protected)  # raises where the JSON is something else
            # We understand no extension, so any critical one refuses the token (RFC 7515 §4.1.11);
            # `b64` is such an extension, and not for JWTs (RFC 7797 §7).
            if {"crit", "b64"}.intersection(header):
                raise UnauthenticatedError("The access token's header is not supported.")
            self._registry.check_header(header)
        except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
            raise UnauthenticatedError("The access token is malformed.") from None
        if header["alg"] not in self._policy.algorithms:
            raise UnauthenticatedError("The access token's signature algorithm is not accepted.")
        if header.get("typ", "JWT").lower().removeprefix("application/") not in _TYPES:
            raise UnauthenticatedError("This kind of token is not an access token.")
        return signed

    def _suits(self, key: Key, header: dict[str, Any]) -> bool:
        if "kid" in header and key.kid != header["kid"]:
            return False
        try:
            self._registry.get_alg(header["alg"]).check_key(key)
        except JoseError:
            return False
        return True

    def _is_signed_by(self, signed: jws.CompactSignature, key: Key) -> bool:
        try:
            return jws.validate_compact(signed, key, registry=self._registry)
        except (JoseError, ValueError):
            return False

    def _valid_claims(self, payload: bytes) -> dict[str, Any]:
        try:
            claims = json.loads(payload)
            if not isinstance(claims, dict):
                raise UnauthenticatedError("The access token is malformed.")
            self._claims.validate(claims)
        except ExpiredTokenError:
            raise UnauthenticatedError("The access token has expired; get a new one.") from None
        except ClaimError as error:
            raise UnauthenticatedError(
                f"The access token's {error.claim!r} claim is missing or not accepted here."
            ) from None
        except (ValueError, RecursionError):
            raise UnauthenticatedError("The access token is malformed.") from None
        return claims

    def _identity(self, claims: dict[str, Any]) -> TokenIdentity:
        workspace = _claim(claims, self._policy.workspace_claim)
        if not isinstance(workspace, str) or not 0 < len(workspace) <= _MAX_NAME:
            raise UnauthenticatedError(
                f"The access token names no workspace; its {self._policy.workspace_claim!r} claim"
                " must."
            )
        return TokenIdentity(
            subject=claims["sub"][:_MAX_NAME],
            workspace=workspace,
            scopes=self._scopes(claims),
            expires_at=int(claims["exp"]) * 1000,
        )

    def _scopes(self, claims: dict[str, Any]) -> frozenset[str]:
        names = (self._policy.scope_claim,) if self._policy.scope_claim else ("scope", "scp")
        granted = next((v for name in names if (v := _claim(claims, name)) is not None), None)
        if granted is None:
            return _DEFAULT_SCOPES
        words = granted.split() if isinstance(granted, str) else granted
        if not isinstance(words, list):
            return frozenset()
        return frozenset(_SCOPES[w] for w in words if isinstance(w, str) and w in _SCOPES)

    def _remember(self, digest: bytes, identity: TokenIdentity, version: int) -> None:
        trust_ms = min(_TRUST_MS, identity.expires_at - now_ms())
        self._known[digest] = _Verified(identity, self._clock() + trust_ms / 1000, version)
        self._known.move_to_end(digest)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _claim(claims: dict[str, Any], name: str) -> object:
    """The claim of that very name, or the one a dotted path leads to; None where there is none."""
    if name in claims:  # a name that is a URL has dots of its own
        return claims[name]
    value: object = claims
    for step in name.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value
