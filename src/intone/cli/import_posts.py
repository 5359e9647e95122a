"""`intone import`: keeps the audio of a site's posts up to date with its feed or sitemap."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from intone.cli.common import DataDir, Json, print_table, runs, settings
from intone.errors import IntoneError, RateLimitedError, UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import ClientSession

    from intone.core.importing import Article, Importer, Plan, Result

#: How often a request that came too fast is sent again.
_TRIES = 5
#: Longest that a server's Retry-After is waited for, in seconds.
_LONGEST_WAIT_S = 90.0
_TOO_MANY = 429
_UNAUTHORIZED = 401
#: By what the server says that it has begun to render (seed 000).
_QUEUED = "Audio generation queued"
#: What becomes of posts, in the order in which it is summed up.
_OUTCOMES = ("new", "changed", "unchanged", "skipped", "failed")


@dataclass(frozen=True, slots=True)
class _Job:
    """Where posts go, and how it is told."""

    site: str
    server: str
    key: str
    as_json: bool


@runs
async def import_posts(
    url: Annotated[str, typer.Argument(help="An RSS, Atom or JSON feed, or a sitemap.")],
    site: Annotated[str, typer.Option("--site", "-s", help="The site's domain or number.")],
    language: Annotated[
        str | None,
        typer.Option(
            "--language", "-l", help="ISO 639-1, of all posts; default: as the list or page says."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only so many posts, the newest.")
    ] = None,
    watch: Annotated[
        float | None,
        typer.Option("--watch", min=1, metavar="MINUTES", help="Look again so often, for ever."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list the posts that would be looked at.")
    ] = False,
    server: Annotated[
        str | None,
        typer.Option("--server", help="Its address. [env: INTONE_BASE_URL]"),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", envvar="INTONE_API_KEY", help="A key of the site."),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Read a site's feed or sitemap and have its posts read aloud; those that changed, anew.

    What was done is remembered in the data folder, so that a later run asks only for what changed.
    The exit code is 1 where a post failed.
    """
    from intone.cli.account import server_url
    from intone.config import listed
    from intone.core.egress import Egress
    from intone.core.importing import Importer, Memory, memory_path
    from intone.core.web_reader import WebReader

    if not key and not dry_run:
        raise UnauthenticatedError("Give a key of the site: --key, or INTONE_API_KEY.")
    chosen = settings(data_dir=data_dir)
    job = _Job(site, server_url(server), key or "", as_json)
    path = memory_path(chosen.data_dir, job.server, site, url, language or "")
    reader = WebReader(url, Egress(listed(chosen.egress_allow), allow_http=True))
    while True:
        memory = Memory() if dry_run else Memory.load(path)
        try:
            async with reader:
                importer = Importer(reader, memory, language=language)
                plan = await importer.plan(url, limit=limit)
                if dry_run:
                    _print_plan(plan, as_json=as_json)
                    return
                try:
                    failures = await _run(job, importer, plan)
                finally:  # what was sent before an interruption was sent
                    memory.save(path)
        except IntoneError as error:
            if watch is None or isinstance(error, UnauthenticatedError):
                raise
            print(f"intone: {error.message}", file=sys.stderr)
        else:
            if watch is None:
                raise SystemExit(1 if failures else 0)
        await asyncio.sleep(watch * 60)


async def _run(job: _Job, importer: Importer, plan: Plan) -> int:
    """Send what has changed and print what became of it; returns how many failed."""
    import aiohttp
    import msgspec
    from rich.progress import Progress

    def as_json(body: object) -> str:  # json.dumps would make other alphabets three times as long
        return msgspec.json.encode(body).decode()

    results: list[Result] = []
    is_quiet = job.as_json or not sys.stderr.isatty()
    async with aiohttp.ClientSession(json_serialize=as_json) as http:

        async def send(article: Article) -> bool:
            return await _send(http, job, article)

        with Progress(transient=True, disable=is_quiet) as progress:
            bar = progress.add_task("Reading", total=len(plan.entries))
            async for result in importer.run(plan, send):
                results.append(result)
                progress.update(bar, advance=1, description=_cell(result.title or "Reading"))
    _print_results(results, plan, as_json=job.as_json)
    return sum(result.outcome == "failed" for result in results)


async def _send(http: ClientSession, job: _Job, article: Article) -> bool:
    """Send a post to the server; whether it has queued it.

    Raises:
        UnauthenticatedError: The key is not accepted.
        IntoneError: The post is not, or the server cannot be reached.
    """
    from intone.cli.account import ask

    said = {
        "post_id": article.post_id,
        "post_title": article.title,
        "post_url": article.url,
        "language": article.language,
        "content": article.content,
        "site": job.site,
        "update": "if-changed",
    }
    body = {name: value for name, value in said.items() if value is not None}
    for _ in range(_TRIES):
        reply = await ask(
            http, "POST", f"{job.server}/v1/audio/generate", credential=job.key, body=body
        )
        if reply.status != _TOO_MANY:
            break
        await asyncio.sleep(min(reply.retry_after or 1.0, _LONGEST_WAIT_S))
    if reply.status == _TOO_MANY:
        raise RateLimitedError("The server takes no more requests for now.")
    if reply.status >= 400:  # noqa: PLR2004 - HTTP
        refused = reply.status == _UNAUTHORIZED
        sentence = _sentence(reply.body) or f"The server answered {reply.status}."
        raise UnauthenticatedError(sentence) if refused else IntoneError(sentence)
    return reply.body.get("message") == _QUEUED


def _sentence(refusal: dict[str, object]) -> str:
    """What a server has said of a post that it does not take."""
    errors = refusal.get("errors")
    if isinstance(errors, dict):
        for told in errors.values():
            if isinstance(told, list) and told:
                return _printable(str(told[0]))
    return _printable(str(refusal.get("message") or ""))


def _print_plan(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        found = [
            {
                "post_id": entry.id,
                "title": entry.title,
                "url": entry.url,
                "language": entry.language,
                "characters": None if entry.content is None else len(entry.content),
            }
            for entry in plan.entries
        ]
        print(json.dumps({"posts": found, "failed": [asdict(one) for one in plan.failed]}))
        return
    print_table(
        ("title", "content", "post"),
        (
            (
                _cell(entry.title or ""),
                "its page" if entry.content is None else f"{len(entry.content):,} characters",
                _cell(entry.id),
            )
            for entry in plan.entries
        ),
    )
    for one in plan.failed:
        print(f"intone: {_printable(one.post_id)}: {one.reason}", file=sys.stderr)


def _print_results(results: Sequence[Result], plan: Plan, *, as_json: bool) -> None:
    counted = Counter[str](result.outcome for result in results)
    if as_json:
        counts = {outcome: counted[outcome] for outcome in _OUTCOMES}
        print(json.dumps({**counts, "posts": [asdict(one) for one in results]}), flush=True)
        return
    if plan.is_unchanged:
        print("The list is as it was.", flush=True)
        return
    told = [one for one in results if one.outcome != "unchanged"]
    if told:
        print_table(
            ("outcome", "title", "post", "reason"),
            (
                (one.outcome, _cell(one.title or ""), _cell(one.post_id), _cell(one.reason or ""))
                for one in told
            ),
        )
    print(", ".join(f"{counted[outcome]} {outcome}" for outcome in _OUTCOMES), flush=True)


def _printable(text: str) -> str:
    """What came from elsewhere, without what a terminal would obey."""
    return "".join(c for c in text[:200] if c.isprintable())


def _cell(text: str) -> str:
    """The same for a table, which would take brackets for styles."""
    from rich.markup import escape

    return escape(_printable(text))
