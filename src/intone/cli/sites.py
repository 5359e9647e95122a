"""`intone sites`: a publisher's domains, voices and keys, beside a running server too."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intone.cli import site_changes
from intone.cli.common import (
    DataDir,
    Json,
    Language,
    Workspace,
    in_database,
    moment,
    print_json,
    print_table,
    runs,
    settings,
)
from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.config import Settings
    from intone.core.keys import NewKey
    from intone.core.sites import Site
    from intone.storage.database import Transaction

app = typer.Typer(help="Sites: where posts are read aloud.", no_args_is_help=True)
domains = typer.Typer(help="The domains of a site.", no_args_is_help=True)
app.add_typer(domains, name="domains")

SiteName = Annotated[str, typer.Argument(help="Its number, id or a domain of it.")]
Name = Annotated[str | None, typer.Option("--name", "-n", help="What people call it.")]
Voice = Annotated[
    str | None, typer.Option("--voice", "-v", help="Reads unless a post says; see `voices list`.")
]
Voices = Annotated[
    str | None, typer.Option("--voices", help="That readers may choose from, with commas.")
]
PodcastLanguage = Annotated[
    str | None, typer.Option("--language", "-l", help="BCP 47 tag of its podcast.")
]
AllowDownload = Annotated[
    bool | None,
    typer.Option("--allow-download/--no-download", help="Whether readers may keep the audio."),
]


@app.command("create")
@runs
async def create(
    domain: Annotated[
        list[str], typer.Option("--domain", "-d", help="May be repeated; the first is primary.")
    ],
    workspace: Workspace = "default",
    name: Name = None,
    voice: Voice = None,
    voices: Voices = None,
    language: Language = "en",
    key: Annotated[
        bool, typer.Option("--key/--no-key", help="Whether it gets a key of its own.")
    ] = True,
    allow_download: AllowDownload = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a site and a key for it, which is shown this once."""
    chosen = settings(data_dir=data_dir)
    wanted: dict[str, Any] = {
        "domains": domain,
        "name": name,
        "language": language,
        "allow_download": bool(allow_download),
    }
    catalogue = site_changes.catalogue_of(chosen)
    site, new = await in_database(
        chosen,
        site_changes.create,
        workspace,
        catalogue,
        voice,
        _names(voices) or (),
        wanted,
        key=key,
    )
    if as_json:
        print_json({**_public(site), "key": None if new is None else new.secret})
        return
    if new is not None:
        print(new.secret)
        print("This is the site's key, shown this once; keep it somewhere safe.", file=sys.stderr)
    print(f"Site {site.number} reads {', '.join(site.domains)} in {site.voice}.", file=sys.stderr)
    print("On its pages, where the player shall be:", file=sys.stderr)
    print(_script(chosen), file=sys.stderr)


@app.command("list")
@runs
async def list_(
    workspace: Annotated[
        str | None, typer.Option("--workspace", "-w", help="Only this workspace's.")
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List sites."""
    found = await in_database(settings(data_dir=data_dir), _list, workspace)
    if as_json:
        print_json([_public(site) for site in found])
        return
    print_table(
        ("number", "name", "domains", "voice", "language", "created"),
        (
            (
                site.number,
                site.name,
                ", ".join(site.domains),
                site.voice,
                site.language,
                moment(site.created_at),
            )
            for site in found
        ),
    )


@app.command("show")
@runs
async def show(site: SiteName, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show a site and what its pages hold."""
    from intone.core import sites

    chosen = settings(data_dir=data_dir)
    found = await in_database(chosen, sites.find, site)
    if as_json:
        print_json(_public(found))
        return
    print_table(
        ("what", "is"),
        ((name.replace("_", " "), _plain(value)) for name, value in _public(found).items()),
    )
    print(_script(chosen))


@app.command("update")
@runs
async def update(
    site: SiteName,
    name: Name = None,
    voice: Voice = None,
    voices: Voices = None,
    language: PodcastLanguage = None,
    code_blocks: Annotated[
        str | None, typer.Option("--code-blocks", help="What to do with them: skip, announce.")
    ] = None,
    data_tables: Annotated[
        str | None, typer.Option("--data-tables", help="What to do with them: skip, announce.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="Of its podcast.")] = None,
    author: Annotated[str | None, typer.Option(help="Of its podcast.")] = None,
    email: Annotated[str | None, typer.Option(help="Of its podcast's owner.")] = None,
    image_url: Annotated[
        str | None, typer.Option("--image-url", help="Its podcast's cover: square, a JPEG or PNG.")
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="Of its podcast, by Apple's list, e.g. Technology.")
    ] = None,
    allow_download: AllowDownload = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Change a site; what is not named stays as it is, and an empty text takes one away."""
    named: dict[str, Any] = {
        "name": name,
        "language": language,
        "allow_download": allow_download,
        "code_blocks": code_blocks,
        "data_tables": data_tables,
    }
    changes = {field: value for field, value in named.items() if value is not None}
    podcast = {
        "description": description,
        "author": author,
        "email": email,
        "image_url": image_url,
        "category": category,
    }
    changes |= {field: value or None for field, value in podcast.items() if value is not None}
    if not changes and voice is None and voices is None:
        raise InvalidInputError("Say what to change; see `intone sites update --help`.")
    chosen = settings(data_dir=data_dir)
    catalogue = site_changes.catalogue_of(chosen)
    changed = await in_database(
        chosen, site_changes.update, site, catalogue, voice, _names(voices), changes
    )
    _show_changed(changed, as_json=as_json)


@domains.command("add")
@runs
async def add(
    site: SiteName,
    domain: Annotated[str, typer.Argument(help="Such as www.blog.example.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Give a site one more domain."""
    changed = await in_database(settings(data_dir=data_dir), site_changes.add_domain, site, domain)
    _show_changed(changed, as_json=as_json)


@domains.command("remove")
@runs
async def remove(
    site: SiteName,
    domain: Annotated[str, typer.Argument(help="One of its domains, not the only one.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Take a domain from a site."""
    changed = await in_database(
        settings(data_dir=data_dir), site_changes.remove_domain, site, domain
    )
    _show_changed(changed, as_json=as_json)


@app.command("rotate-key")
@runs
async def rotate_key(site: SiteName, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Revoke every key of a site and make one; running servers refuse the old within a second."""
    from intone.core import sites

    def work(tx: Transaction) -> NewKey:
        return sites.rotate_key(tx, sites.find(tx, site))

    new = await in_database(settings(data_dir=data_dir), work)
    if as_json:
        print_json({"id": new.key.id, "key": new.secret, "prefix": new.key.prefix})
        return
    print(new.secret)
    print("This is the site's only key now, shown this once.", file=sys.stderr)


@app.command("delete")
@runs
async def delete(
    site: SiteName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Delete a site with its posts, their audio and figures, and end its keys."""
    from intone.core import sites
    from intone.queue.open import open_queue
    from intone.storage.open import open_database

    chosen = settings(data_dir=data_dir)
    found = await in_database(chosen, sites.find, site)
    if not yes:
        typer.confirm(f"Delete {found.name} with all of its posts?", abort=True)
    database = open_database(chosen.database)
    await database.start()
    queue = open_queue(database)
    await queue.start()
    try:
        await database.write(sites.delete, queue, found.id)
    finally:
        await queue.close()
        await database.close()
    if as_json:
        print_json({"deleted": found.id})
    else:
        print(f"Deleted {found.name}.")


def _list(tx: Transaction, workspace: str | None) -> list[Site]:
    from intone.core import sites, workspaces

    return sites.list_sites(tx, None if workspace is None else workspaces.find(tx, workspace).id)


def _names(said: str | None) -> Sequence[str] | None:
    from intone.config import listed

    return None if said is None else listed(said)


def _script(chosen: Settings) -> str:
    url = chosen.public_url or f"http://{chosen.host}:{chosen.port}"
    return (
        f'<script src="{url.rstrip("/")}/player.js" async></script>\n'
        '<div data-intone-player data-post-id="article-001"></div>'
    )


def _show_changed(site: Site, *, as_json: bool) -> None:
    if as_json:
        print_json(_public(site))
    else:
        print(f"Site {site.number}: {site.name}, {', '.join(site.domains)}, {site.voice}.")


def _plain(value: Any) -> str | None:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value is None else str(value)


def _public(site: Site) -> dict[str, Any]:
    return {
        "id": site.id,
        "number": site.number,
        "workspace_id": site.workspace_id,
        "name": site.name,
        "domains": list(site.domains),
        "voice": site.voice,
        "voices": list(site.voices),
        "language": site.language,
        "allow_download": site.allow_download,
        "code_blocks": site.code_blocks,
        "data_tables": site.data_tables,
        "description": site.description,
        "author": site.author,
        "email": site.email,
        "image_url": site.image_url,
        "category": site.category,
        "created_at": moment(site.created_at),
    }
