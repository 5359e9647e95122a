"""`intone text`: the words as they will be spoken."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from intone.cli.common import Json, Language, print_json, runs


@runs
async def text(
    text: Annotated[str, typer.Argument(help="What to read; - reads standard input.")] = "-",
    language: Language = "en",
    html: Annotated[
        Path | None,
        typer.Option("--html", exists=True, dir_okay=False, help="Read this page instead."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a text as it will be spoken: numbers, dates, prices and addresses in words."""
    from intone.text.segments import split

    if html:
        from intone.text.html import read_html

        text = read_html(html.read_text("utf-8", "replace"), language).text
    elif text == "-":
        text = sys.stdin.read()
    segments = split(text, language)
    if not as_json:
        for segment in segments:
            print(segment.spoken)
        return
    print_json(
        {
            "language": language,
            "segments": [
                {
                    "text": segment.text,
                    "spoken": segment.spoken,
                    "start": segment.start,
                    "end": segment.end,
                    "pause_ms": segment.pause_ms,
                }
                for segment in segments
            ],
        }
    )
