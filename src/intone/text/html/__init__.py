"""HTML to what a good reader would read aloud of it, and nothing else."""

from __future__ import annotations

from intone.text.html.markup import looks_like_html
from intone.text.html.reading import Rules, read_html
from intone.text.html.script import Readable, Stretch

__all__ = ["Readable", "Rules", "Stretch", "looks_like_html", "read_html"]
