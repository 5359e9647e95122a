"""Small JSON calls to services the operator runs, bounded in time and size."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

__all__ = ["JsonClient", "OutboundError"]

T = TypeVar("T")

#: How much is read from the network at once, in bytes.
_READ = 65_536
_OK = 200


class OutboundError(Exception):
    """The other service gave no usable answer; the text says why and quotes nothing it sent."""


class JsonClient:
    """Asks for JSON and gets it in the shape that was asked for, or an `OutboundError`.

    Redirects are not followed: an address is the operator's decision, not the answerer's.

    Args:
        timeout_s: Seconds for one call, from connecting to the last byte.
        max_bytes: Largest answer read, in bytes after decompression.
    """

    def __init__(self, *, timeout_s: float, max_bytes: int) -> None:
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str, shape: type[T]) -> T:
        """Fetch `url` and return its JSON as a `shape`, a type that msgspec understands.

        Raises:
            OutboundError: There was no answer with status 200 and JSON of that shape.
        """
        return await self._call("GET", url, shape, None, {})

    async def post(self, url: str, body: object, shape: type[T], headers: Mapping[str, str]) -> T:
        """Send `body` as JSON to `url`; otherwise as `get`."""
        sent = {"Content-Type": "application/json", **headers}
        return await self._call("POST", url, shape, msgspec.json.encode(body), sent)

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _call(
        self,
        method: str,
        url: str,
        shape: type[T],
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> T:
        import aiohttp  # late: a server that asks nobody need not load it

        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "application/json"},
            )
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                if response.status != _OK:
                    raise OutboundError(f"it answered with status {response.status}")
                answer = await self._read(response)
        except TimeoutError:
            raise OutboundError(f"it did not answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise OutboundError(f"the call failed ({type(error).__name__})") from None
        with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
            return msgspec.json.decode(answer, type=shape)
        raise OutboundError("its answer is not the JSON that was expected")

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        answer = bytearray()
        while part := await response.content.read(_READ):
            answer += part
            if len(answer) > self._max_bytes:
                raise OutboundError(f"its answer is larger than {self._max_bytes} bytes")
        return bytes(answer)
