"""Sites with posts, and another process that counts: `listeners.py URL SITE COUNT`."""

from __future__ import annotations

import asyncio
import sys
import uuid

from intone.core.analytics import Analytics
from intone.core.post_events import PostEvent
from intone.storage.open import open_database


def make_site(tx, workspace_id):
    """A site; returns its id."""
    site_id = str(uuid.uuid4())
    tx.execute(
        "INSERT INTO sites (id, workspace_id, name, language, voice, voices, allow_download,"
        " code_blocks, data_tables, created_at)"
        " VALUES (:id, :workspace_id, 'A site', 'en', 'v', 'v', 1, 'skip', 'skip', 1)",
        id=site_id,
        workspace_id=workspace_id,
    )
    return site_id


def make_post(tx, site_id, post_id="article-1", language="en", title="A title"):
    """A post; returns its number."""
    return tx.one(
        "INSERT INTO posts (site_id, workspace_id, post_id, language, title, url, voice, sha256,"
        " created_at, updated_at)"
        " SELECT id, workspace_id, :post_id, :language, :title, 'https://blog.example/1', 'v',"
        " :sha256, 1, 1 FROM sites WHERE id = :site_id RETURNING number",
        site_id=site_id,
        post_id=post_id,
        language=language,
        title=title,
        sha256=b"\0" * 32,
    )["number"]


def delete_post(tx, number):
    tx.execute("DELETE FROM posts WHERE number = :number", number=number)


def event(name="play", **changes):
    return PostEvent(**{"post_id": "article-1", "name": name} | changes)


async def counts(database, *names, post_id="article-1"):
    """What is written down of a post, over all days."""
    row = await database.read(
        lambda tx: tx.one(
            f"SELECT {', '.join(f'CAST(SUM(d.{name}) AS BIGINT) AS {name}' for name in names)}"
            " FROM post_days d JOIN posts p ON p.number = d.post_number WHERE p.post_id = :post_id",
            post_id=post_id,
        )
    )
    return tuple(row[name] or 0 for name in names)


async def main(url, site_id, count):
    database = open_database(url)
    await database.start()
    analytics = Analytics(database)
    for _ in range(count):
        await analytics.count(site_id, [event(heard_s=0.5)])
        await analytics.flush()
    await analytics.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
