# ruff: noqa: INP001 - a script of its own, for whoever copies it
"""Passes Ghost's webhooks on to Intone: a published post is read aloud, an unpublished one no more.

    GHOST_SECRET=… INTONE_URL=https://speech.example INTONE_API_KEY=in_live_… \
        python3 ghost_webhook.py 8422

In Ghost, a custom integration has webhooks for "Post published", "Published post updated" and
"Post unpublished" to http://127.0.0.1:8422/, each with that secret.
"""

import hashlib
import hmac
import json
import os
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: Largest event that is read, in bytes.
LARGEST = 8 * 1024 * 1024


def is_ghosts(body: bytes, header: str, secret: str) -> bool:
    """Whether Ghost has signed this body: `sha256=<hex>, t=<milliseconds>`, over both of them."""
    parts = dict(part.strip().partition("=")[::2] for part in header.split(","))
    signed = hmac.new(secret.encode(), body + parts.get("t", "").encode(), hashlib.sha256)
    return hmac.compare_digest(signed.hexdigest().encode(), parts.get("sha256", "").encode())


def tell(event: dict[str, Any]) -> int:
    """Tell Intone of an event; returns the status of its answer."""
    post = event["post"]["current"]
    previous = event["post"].get("previous", {})
    number = post.get("id") or previous["id"]
    headers = {
        "Authorization": f"Bearer {os.environ['INTONE_API_KEY']}",
        "Content-Type": "application/json",
    }
    base = f"{os.environ['INTONE_URL'].rstrip('/')}/v1/audio/"
    if post.get("status") == "published" and post.get("visibility", "public") == "public":
        body = {
            "post_id": number,
            "post_title": post["title"],
            "post_url": post["url"],
            "language": os.environ.get("GHOST_LANGUAGE", "en"),
            "content": post["html"],
            "update": "if-changed",
        }
        method, url, sent = "POST", f"{base}generate", json.dumps(body).encode()
    else:
        method, url, sent = "DELETE", f"{base}{number}", None
    # Whoever starts this chooses the address.
    request = urllib.request.Request(url, sent, headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 502


class Receiver(BaseHTTPRequestHandler):
    """Answers Ghost with what Intone has answered, so that Ghost shows it beside the webhook."""

    def do_POST(self) -> None:
        """Pass an event on, if it is Ghost's."""
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length) if length <= LARGEST else b""
        header = self.headers.get("X-Ghost-Signature", "")
        if not is_ghosts(body, header, os.environ["GHOST_SECRET"]):
            self.send_error(401)
            return
        try:
            status = tell(json.loads(body))
        except (KeyError, TypeError, ValueError):
            status = 400
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


if __name__ == "__main__":
    if not os.environ.get("GHOST_SECRET"):
        sys.exit("Set GHOST_SECRET to the secret of the webhooks in Ghost.")
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
    print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)  # noqa: T201
    server.serve_forever()
