"""The domains of sites: how one is written, and whose it is.

A domain belongs to one site alone, as readers' browsers name nothing but the domain. One of a
site's domains is its primary one.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

from intone.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from intone.storage.database import Transaction

__all__ = ["add", "claim", "normal_domain", "of_site", "remove"]

_LONGEST: Final = 253
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")

_CLAIM = """
INSERT INTO site_domains (domain, site_id, is_primary) VALUES (:domain, :site_id, :is_primary)
ON CONFLICT (domain) DO NOTHING
"""


def normal_domain(said: str) -> str:
    """A domain as it is kept: lower case, IDNA's ASCII, no scheme, no port, no path.

    `localhost` and IP addresses are domains too; an IPv6 address has no brackets.

    Raises:
        InvalidInputError: It is none.
    """
    from yarl import URL

    text = said.strip()
    if "://" not in text:
        is_bare_ipv6 = text.count(":") > 1 and not text.startswith("[")
        text = f"http://[{text}]" if is_bare_ipv6 else f"http://{text}"
    try:
        host = (URL(text).raw_host or "").lower().rstrip(".")
    except ValueError:  # an IDNA error is one as well
        host = ""
    try:
        return ipaddress.ip_address(host).compressed
    except ValueError:
        pass
    if len(host) > _LONGEST or not _DOMAIN.fullmatch(host):
        raise InvalidInputError(
            f"domain: {said[:80]!r} is not a domain; send one such as 'blog.example'."
        )
    return host


def of_site(tx: Transaction, site_id: str) -> tuple[str, ...]:
    """A site's domains, the primary one first; none where there is no such site."""
    rows = tx.all(
        "SELECT domain FROM site_domains WHERE site_id = :site_id ORDER BY is_primary DESC, domain",
        site_id=site_id,
    )
    return tuple(row["domain"] for row in rows)


def claim(tx: Transaction, site_id: str, domain: str, *, is_primary: bool) -> None:
    """Give a site a domain, which is written as `normal_domain` has it.

    Raises:
        InvalidInputError: It is some site's already.
    """
    if not tx.execute(_CLAIM, domain=domain, site_id=site_id, is_primary=int(is_primary)):
        raise InvalidInputError(f"domain: {domain!r} is another site's already.")


def add(tx: Transaction, site_id: str, domain: str) -> None:
    """Give a site one more domain; one that it has already stays.

    Raises:
        NotFoundError: There is no such site.
        InvalidInputError: It is no domain, or another site's.
    """
    domains, normal = of_site(tx, site_id), normal_domain(domain)
    if not domains:  # every site has one
        raise NotFoundError("There is no such site, or it was deleted.")
    if normal not in domains:
        claim(tx, site_id, normal, is_primary=False)


def remove(tx: Transaction, site_id: str, domain: str) -> None:
    """Take a domain from a site; where it was the primary one, the next one is.

    Raises:
        NotFoundError: There is no such site, or it does not have the domain.
        InvalidInputError: It is the site's only one.
    """
    domains, normal = of_site(tx, site_id), normal_domain(domain)
    if normal not in domains:
        raise NotFoundError(f"The site does not have the domain {normal!r}.")
    if len(domains) == 1:
        raise InvalidInputError("A site has at least one domain; add another one first.")
    tx.execute("DELETE FROM site_domains WHERE domain = :domain", domain=normal)
    if normal == domains[0]:
        tx.execute(
            "UPDATE site_domains SET is_primary = 1 WHERE domain = :domain", domain=domains[1]
        )
