"""`intone text`: the words as they will be spoken."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from intone.cli.common import Json, Language, print_json, runs


@runs
async def text(
    text: Annotated[str, typer.Argument(help="What to read; - reads standard input.")],
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Print a text as it will be spoken: numbers, dates, prices and addresses in words."""
    from intone.text.segments import split

    segments = split(sys.stdin.read() if text == "-" else text, language)
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
