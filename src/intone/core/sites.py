"""Sites: a publisher's domains, with the voices that read there and how.

Which domains it has is in `intone.core.site_domains`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from intone.core import keys, post_rows, site_domains
from intone.core.ids import new_id
from intone.core.site_domains import normal_domain
from intone.errors import InvalidInputError, NotFoundError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.core.keys import NewKey
    from intone.queue.base import Queue
    from intone.storage.database import Row, Transaction

__all__ = [
    "Site",
    "Spoken",
    "create",
    "delete",
    "find",
    "find_by_domain",
    "find_by_id",
    "list_sites",
    "of_workspace",
    "rotate_key",
    "update",
]

#: What is done with code blocks and tables.
Spoken = Literal["skip", "announce"]

#: Characters.
_MAX_NAME, _MAX_TEXT, _MAX_URL = 100, 4000, 2048
_MAX_VOICES: Final = 50
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
#: More digits than any site's number has.
_LONGEST_NUMBER: Final = 18

_FIELDS = (
    "number, id, workspace_id, name, language, voice, voices, allow_download, code_blocks,"
    " data_tables, description, author, email, image_url, category, created_at"
)
_INSERT = """
INSERT INTO sites
  (id, workspace_id, name, language, voice, voices, allow_download, code_blocks, data_tables,
   description, author, email, image_url, category, created_at)
VALUES
  (:id, :workspace_id, :name, :language, :voice, :voices, :allow_download, :code_blocks,
   :data_tables, :description, :author, :email, :image_url, :category, :created_at)
"""
_UPDATE = """
UPDATE sites SET name = :name, language = :language, voice = :voice, voices = :voices,
  allow_download = :allow_download, code_blocks = :code_blocks, data_tables = :data_tables,
  description = :description, author = :author, email = :email, image_url = :image_url,
  category = :category
WHERE id = :id
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A site."""

    number: int
    id: str
    workspace_id: str
    name: str
    #: BCP 47 tag, of its podcast.
    language: str
    #: Slug of the voice that reads unless a post says.
    voice: str
    #: Slugs that readers may choose from.
    voices: tuple[str, ...]
    allow_download: bool
    code_blocks: Spoken
    data_tables: Spoken
    #: Of its podcast; None: nothing is said.
    description: str | None
    author: str | None
    email: str | None
    image_url: str | None
    category: str | None
    #: Milliseconds since the epoch.
    created_at: int
    #: Lower case, in IDNA's ASCII; the first is the primary one.
    domains: tuple[str, ...]

    @property
    def domain(self) -> str:
        """The primary domain."""
        return self.domains[0]

    def is_at(self, address: str) -> bool:
        """Whether an address, as a page's origin, is on one of its domains."""
        try:
            return normal_domain(address) in self.domains
        except InvalidInputError:
            return False


def create(
    tx: Transaction,
    workspace_id: str,
    *,
    domains: Sequence[str],
    voice: str,
    name: str | None = None,
    voices: Sequence[str] = (),
    language: str = "en",
    allow_download: bool = False,
) -> Site:
    """Make a site.

    Args:
        tx: The unit of work.
        workspace_id: Whose site.
        domains: Its domains, the primary one first; at least one.
        voice: Slug of the voice that reads unless a post says; the caller knows that it exists.
        name: What people call it; its primary domain by default.
        voices: Slugs that readers may choose from.
        language: BCP 47 tag of its podcast.
        allow_download: Whether readers may keep the audio.

    Raises:
        InvalidInputError: A value is out of bounds, or a domain is another site's.
    """
    normal = tuple(dict.fromkeys(normal_domain(domain) for domain in domains))
    if not normal:
        raise InvalidInputError("domain: a site has at least one domain.")
    site = Site(
        number=0,
        id=new_id(),
        workspace_id=workspace_id,
        name=(normal[0] if name is None else name).strip(),
        language=language,
        voice=voice,
        voices=tuple(dict.fromkeys(voices)),
        allow_download=allow_download,
        code_blocks="skip",
        data_tables="skip",
        description=None,
        author=None,
        email=None,
        image_url=None,
        category=None,
        created_at=now_ms(),
        domains=normal,
    )
    _check(site)
    tx.execute(_INSERT, **_columns(site), workspace_id=workspace_id, created_at=site.created_at)
    for domain in normal:
        site_domains.claim(tx, site.id, domain, is_primary=domain == normal[0])
    return find_by_id(tx, site.id)


def find(tx: Transaction, name: str, workspace_id: str | None = None) -> Site:
    """The site of that number, uuid or domain.

    Args:
        tx: The unit of work.
        name: Any of its names.
        workspace_id: Only if it is this workspace's.

    Raises:
        NotFoundError: There is none, or it is another workspace's.
    """
    name, row = name.strip(), None
    if name.isascii() and name.isdigit() and len(name) <= _LONGEST_NUMBER:
        row = tx.one(f"SELECT {_FIELDS} FROM sites WHERE number = :number", number=int(name))
    elif name.isprintable():  # PostgreSQL cannot be asked about a NUL
        row = tx.one(f"SELECT {_FIELDS} FROM sites WHERE id = :id", id=name.lower())
    site = _by_domain(tx, name) if row is None else _site(tx, row)
    if site is None or workspace_id not in {None, site.workspace_id}:
        raise NotFoundError(f"There is no site {name[:100]!r}; see `intone sites list`.")
    return site


def find_by_id(tx: Transaction, site_id: str) -> Site:
    """The site of that uuid.

    Raises:
        NotFoundError: There is none.
    """
    row = tx.one(f"SELECT {_FIELDS} FROM sites WHERE id = :id", id=site_id)
    if row is None:
        raise NotFoundError("There is no such site, or it was deleted.")
    return _site(tx, row)


def find_by_domain(tx: Transaction, domain: str, workspace_id: str | None = None) -> Site:
    """The site that has the domain, however it is written: as an address, for example.

    Args:
        tx: The unit of work.
        domain: The domain.
        workspace_id: Only if it is this workspace's.

    Raises:
        NotFoundError: No site has it, or another workspace's.
    """
    site = _by_domain(tx, domain)
    if site is None or workspace_id not in {None, site.workspace_id}:
        raise NotFoundError(f"No site here has the domain {domain[:100]!r}.")
    return site


def of_workspace(tx: Transaction, workspace_id: str, most: int) -> list[Site]:
    """At most so many sites of a workspace, oldest first."""
    rows = tx.all(
        f"SELECT {_FIELDS} FROM sites WHERE workspace_id = :workspace_id"
        " ORDER BY number LIMIT :most",
        workspace_id=workspace_id,
        most=most,
    )
    return [_site(tx, row) for row in rows]


def list_sites(tx: Transaction, workspace_id: str | None = None) -> list[Site]:
    """The sites of a workspace, or all there are, oldest first."""
    if workspace_id is not None:
        return of_workspace(tx, workspace_id, 2**31)
    return [_site(tx, row) for row in tx.all(f"SELECT {_FIELDS} FROM sites ORDER BY number")]


def update(tx: Transaction, site_id: str, **changes: Any) -> Site:
    """Change a site.

    Args:
        tx: The unit of work.
        site_id: Which.
        changes: Any attributes of `Site` but its ids, domains and times.

    Raises:
        NotFoundError: There is no such site.
        InvalidInputError: A value is out of bounds.
    """
    site = replace(find_by_id(tx, site_id), **changes)
    _check(site)
    tx.execute(_UPDATE, **_columns(site))
    return find_by_id(tx, site_id)


def rotate_key(tx: Transaction, site: Site) -> NewKey:
    """Revoke every key of the site at once and make one; also where it has none yet."""
    _end_keys(tx, site.id)
    name = f"site {site.domain}"[:_MAX_NAME]
    return keys.create(tx, site.workspace_id, name, ("speak",), site_id=site.id)


def delete(tx: Transaction, queue: Queue, site_id: str) -> None:
    """Delete a site with its posts, their audio and figures, and end its keys.

    Raises:
        NotFoundError: There is no such site.
    """
    site = find_by_id(tx, site_id)
    post_rows.delete_all(tx, queue, site.workspace_id, site_id)
    _end_keys(tx, site_id)
    tx.execute("DELETE FROM sites WHERE id = :id", id=site_id)  # and its domains, by cascade


def _by_domain(tx: Transaction, domain: str) -> Site | None:
    try:
        normal = normal_domain(domain)
    except InvalidInputError:
        return None
    row = tx.one(
        f"SELECT {_FIELDS} FROM sites"
        " WHERE id = (SELECT site_id FROM site_domains WHERE domain = :domain)",
        domain=normal,
    )
    return None if row is None else _site(tx, row)


def _end_keys(tx: Transaction, site_id: str) -> None:
    tx.execute(
        "UPDATE keys SET revoked_at = :now WHERE site_id = :site_id AND revoked_at IS NULL",
        now=now_ms(),
        site_id=site_id,
    )


def _check(site: Site) -> None:
    """Refuse values that are out of bounds."""
    if not 1 <= len(site.name) <= _MAX_NAME or not site.name.isprintable():
        raise InvalidInputError(f"name: 1 to {_MAX_NAME} printable characters.")
    if not _LANGUAGE.fullmatch(site.language):
        raise InvalidInputError("language: a BCP 47 tag such as 'en' or 'en-GB'.")
    if len(site.voices) > _MAX_VOICES:
        raise InvalidInputError(f"voices: at most {_MAX_VOICES}.")
    for field in ("code_blocks", "data_tables"):
        if getattr(site, field) not in get_args(Spoken):
            raise InvalidInputError(f"{field}: one of {', '.join(get_args(Spoken))}.")
    for field in ("description", "author", "category"):
        if len(getattr(site, field) or "") > _MAX_TEXT:
            raise InvalidInputError(f"{field}: at most {_MAX_TEXT:,} characters.")
    if site.email is not None and not _EMAIL.fullmatch(site.email):
        raise InvalidInputError("email: an address such as 'editor@blog.example'.")
    image = site.image_url
    if image is not None and (not _is_web(image) or len(image) > _MAX_URL):
        raise InvalidInputError("image_url: an http or https address.")


def _is_web(url: str) -> bool:
    return url.startswith(("http://", "https://")) and url.isprintable() and " " not in url


def _columns(site: Site) -> dict[str, Any]:
    """What is written of a site when it is made and when it is changed."""
    return {
        "id": site.id,
        "name": site.name,
        "language": site.language,
        "voice": site.voice,
        "voices": " ".join(site.voices),
        "allow_download": int(site.allow_download),
        "code_blocks": site.code_blocks,
        "data_tables": site.data_tables,
        "description": site.description,
        "author": site.author,
        "email": site.email,
        "image_url": site.image_url,
        "category": site.category,
    }


def _site(tx: Transaction, row: Row) -> Site:
    return Site(
        number=row["number"],
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        language=row["language"],
        voice=row["voice"],
        voices=tuple(row["voices"].split()),
        allow_download=bool(row["allow_download"]),
        code_blocks=row["code_blocks"],
        data_tables=row["data_tables"],
        description=row["description"],
        author=row["author"],
        email=row["email"],
        image_url=row["image_url"],
        category=row["category"],
        created_at=row["created_at"],
        domains=site_domains.of_site(tx, row["id"]),
    )
