"""A site's podcast: its ready posts as an RSS 2.0 feed with Apple's and Podcasting 2.0's tags.

After the RSS 2.0 specification (https://www.rssboard.org/rss-specification), Apple's "Podcast RSS
feed requirements" (https://help.apple.com/itc/podcasts_connect/#/itcb54353390) and the podcast
namespace (https://podcasting2.org/docs/podcast-namespace). Why no library writes it stands in
docs/decisions/0016-feed.md.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final
from xml.etree import ElementTree as ET

__all__ = ["Episode", "Podcast", "Transcript", "feed_guid", "feed_xml", "http_date"]

#: What `podcast:guid` is derived in, by its specification.
_GUID_NAMESPACE: Final = uuid.UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")
_NAMESPACES: Final = {
    "xmlns:atom": "http://www.w3.org/2005/Atom",
    "xmlns:itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "xmlns:podcast": "https://podcastindex.org/namespace/1.0",
}
#: What XML 1.0 cannot hold, not even escaped (§2.2), lone surrogates with it.
_UNWRITABLE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Apple takes at most this of a description, in bytes.
_LONGEST_DESCRIPTION: Final = 4_000


@dataclass(frozen=True, slots=True)
class Transcript:
    """Where the words of an episode are written down with their times."""

    url: str
    #: Its media type, e.g. `text/vtt`.
    media_type: str


@dataclass(frozen=True, slots=True)
class Episode:
    """A post that was read aloud. Times are milliseconds since the epoch."""

    #: Names the post, whatever is rendered of it; players tell episodes by it.
    guid: str
    title: str
    description: str
    #: BCP 47 or ISO 639-1 tag of what is spoken.
    language: str
    #: The article's page, if it is known.
    link: str | None
    published_at: int
    audio_url: str
    #: Exactly, of the file at `audio_url`.
    audio_bytes: int
    media_type: str
    duration_ms: int
    transcripts: tuple[Transcript, ...]


@dataclass(frozen=True, slots=True)
class Podcast:
    """A feed with its episodes, newest first."""

    title: str
    #: Where the feed itself is.
    feed_url: str
    #: The publisher's site.
    link: str
    description: str
    #: BCP 47 or ISO 639-1 tag.
    language: str
    author: str
    email: str | None
    image_url: str | None
    #: One of Apple's, e.g. `Technology`, or one below it: `Society & Culture > Documentary`.
    category: str | None
    #: Milliseconds since the epoch.
    changed_at: int
    episodes: tuple[Episode, ...]


def feed_guid(feed_url: str) -> str:
    """The `podcast:guid` of a feed at this address: a UUID v5 of it without scheme and slash."""
    return str(uuid.uuid5(_GUID_NAMESPACE, feed_url.partition("://")[2].rstrip("/")))


def http_date(at_ms: int) -> str:
    """A stored time as HTTP and RSS write it (RFC 9110 §5.6.7), which is RFC 822's form as well."""
    return format_datetime(datetime.fromtimestamp(at_ms // 1000, UTC), usegmt=True)


def feed_xml(podcast: Podcast) -> bytes:
    """The feed as an XML document in UTF-8; the same podcast always gives the same bytes."""
    rss = ET.Element("rss", {"version": "2.0", **_NAMESPACES})
    channel = ET.SubElement(rss, "channel")
    _describe(channel, podcast)
    for episode in podcast.episodes:
        _add_episode(channel, podcast, episode)
    return bytes(ET.tostring(rss, encoding="utf-8", xml_declaration=True))


def _describe(channel: ET.Element, podcast: Podcast) -> None:
    description = _shortened(podcast.description)
    _add(channel, "title", podcast.title)
    _add(channel, "link", podcast.link)
    _add(channel, "description", description)
    _add(channel, "language", podcast.language)
    _add(channel, "generator", "Intone")
    _add(channel, "lastBuildDate", http_date(podcast.changed_at))
    _add(
        channel,
        "atom:link",
        href=podcast.feed_url,
        rel="self",
        type="application/rss+xml",
    )
    _add(channel, "itunes:author", podcast.author)
    _add(channel, "itunes:summary", description)
    _add(channel, "itunes:type", "episodic")
    _add(channel, "itunes:explicit", "false")
    if podcast.email is not None:
        owner = _add(channel, "itunes:owner")
        _add(owner, "itunes:name", podcast.author)
        _add(owner, "itunes:email", podcast.email)
    if podcast.image_url is not None:
        _add(channel, "itunes:image", href=podcast.image_url)
        image = _add(channel, "image")
        _add(image, "url", podcast.image_url)
        _add(image, "title", podcast.title)  # of an image, RSS wants the channel's own two
        _add(image, "link", podcast.link)
    if podcast.category is not None:
        within = channel
        for name in podcast.category.split(" > "):
            within = _add(within, "itunes:category", text=name.strip())
    _add(channel, "podcast:guid", feed_guid(podcast.feed_url))
    _add(channel, "podcast:medium", "podcast")
    owner_of_it = {} if podcast.email is None else {"owner": podcast.email}
    _add(channel, "podcast:locked", "yes", **owner_of_it)


def _add_episode(channel: ET.Element, podcast: Podcast, episode: Episode) -> None:
    item = _add(channel, "item")
    description = _shortened(episode.description)
    _add(item, "title", episode.title)
    _add(item, "guid", episode.guid, isPermaLink="false")
    _add(item, "pubDate", http_date(episode.published_at))
    if episode.link is not None:
        _add(item, "link", episode.link)
    _add(item, "description", description)
    _add(
        item,
        "enclosure",
        url=episode.audio_url,
        length=str(episode.audio_bytes),
        type=episode.media_type,
    )
    _add(item, "itunes:author", podcast.author)
    _add(item, "itunes:summary", description)
    _add(item, "itunes:duration", str(max(round(episode.duration_ms / 1000), 1)))
    _add(item, "itunes:explicit", "false")
    _add(item, "itunes:episodeType", "full")
    for transcript in episode.transcripts:
        _add(
            item,
            "podcast:transcript",
            url=transcript.url,
            type=transcript.media_type,
            language=episode.language,
            rel="captions",
        )


def _add(parent: ET.Element, tag: str, content: str | None = None, **attributes: str) -> ET.Element:
    """A child; its prefix is taken as it is written, since the root declares them all."""
    written = {name: _UNWRITABLE.sub("", value) for name, value in attributes.items()}
    child = ET.SubElement(parent, tag, written)
    if content is not None:
        child.text = _UNWRITABLE.sub("", content)
    return child


def _shortened(description: str) -> str:
    """As much of it as Apple takes, in whole characters."""
    return description.encode("utf-8", "ignore")[:_LONGEST_DESCRIPTION].decode("utf-8", "ignore")
