"""A real OpenID Connect provider on 127.0.0.1, small enough to break on purpose."""

from __future__ import annotations

import asyncio
import functools
import time
from collections import Counter
from typing import Any, Self

from aiohttp import web
from joserfc import jws, jwt
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

ALGORITHMS = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP", "Ed25519": "OKP"}
#: Faults that are one wrong answer: status and body.
BROKEN = {
    "error": (500, b""),
    "garbage": (200, b"<html>maintenance</html>"),
    "deep": (200, b'{"keys": [], "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
}


@functools.cache
def make_key(kind: str, kid: str) -> Key:
    """A private key of type `RSA`, `EC` or `OKP`; the same one for the same name."""
    parameters = {"kid": kid, "use": "sig"}
    match kind:
        case "RSA":
            return RSAKey.generate_key(2048, parameters)
        case "EC":
            return ECKey.generate_key("P-256", parameters)
        case _:
            return OKPKey.generate_key("Ed25519", parameters)


class Registry(jws.JWSRegistry):
    """Signs with anything, `none` and retired names included, without a word."""

    def __init__(self) -> None:
        super().__init__(strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]

    def check_header(self, header: dict[str, Any]) -> None:
        pass


class IdentityProvider:
    """Discovery, keys and tokens. `fault` breaks every answer until it is None again."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {"one": make_key("RSA", "one")}
        #: Entries of the key set beside the public halves of `keys`.
        self.published: list[Any] = []
        #: How often each path was asked for.
        self.fetches: Counter[str] = Counter()
        #: None, `error`, `slow`, `garbage`, `deep`, `huge`, `redirect`, `wrong_issuer`.
        self.fault: str | None = None
        #: Where discovery says the keys are, if not here.
        self.keys_at: str | None = None
        #: Set to let answers go that `slow` holds back.
        self.released = asyncio.Event()
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key_fetches(self) -> int:
        return self.fetches["/keys"]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        self.released.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Claims of a good token; a change to None leaves the claim out."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": "https://intone.example",
            "sub": "alice",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "workspace": "acme",
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self,
        kid: str = "one",
        *,
        alg: str = "RS256",
        header: dict[str, Any] | None = None,
        key: Key | None = None,
        **changes: Any,
    ) -> str:
        """A signed token; `header` and further arguments change its header and claims."""
        full = {"alg": alg, "typ": "at+jwt", "kid": kid, **(header or {})}
        full = {name: value for name, value in full.items() if value is not None}
        return jwt.encode(
            full,
            self.claims(**changes),
            key or self.keys.get(kid) or OctKey.generate_key(256),
            registry=Registry(),
            default_type=None,
        )

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.fetches[request.path] += 1
        if self.fault == "slow":
            await self.released.wait()
        elif self.fault == "redirect" and not request.path.startswith("/moved"):
            raise web.HTTPFound(f"http://localhost:{self.port}/moved{request.path}")
        elif self.fault in BROKEN:
            status, body = BROKEN[self.fault]
            return web.Response(status=status, body=body, content_type="application/json")
        padding = "x" * 2_000_000 if self.fault == "huge" else ""
        if request.path.endswith("/.well-known/openid-configuration"):
            return web.json_response({**self._discovery(), "more": padding})
        if request.path.endswith("/keys"):
            public = [key.as_dict(private=False) for key in self.keys.values()]
            return web.json_response({"keys": self.published + public, "more": padding})
        return web.Response(status=404)

    def _discovery(self) -> dict[str, str]:
        issuer = self.issuer + "/other" if self.fault == "wrong_issuer" else self.issuer
        return {"issuer": issuer, "jwks_uri": (self.keys_at or self.issuer) + "/keys"}
