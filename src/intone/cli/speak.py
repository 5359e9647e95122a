"""`intone say`: speak into a file, with no server."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intone.cli.common import runs
from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intone.core.jobs import Order
    from intone.core.recordings import Recording
    from intone.providers.base import PresetVoice, Provider

_FORMATS = {".mp3": "mp3", ".wav": "wav", ".pcm": "pcm"}


@runs
async def say(
    text: Annotated[str, typer.Argument(help="What to say; - reads standard input.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A file that ends in .mp3, .wav or .pcm.")
    ],
    voice: Annotated[
        str | None, typer.Option("--voice", "-v", help="See `intone voices list`.")
    ] = None,
    language: Annotated[
        str, typer.Option("--language", "-l", help="Chooses a voice where none is named.")
    ] = "en-US",
    style: Annotated[str, typer.Option("--style", help="One of the voice's styles.")] = "neutral",
    rate: Annotated[float, typer.Option("--rate", min=0.5, max=2.0, help="Speed.")] = 1.0,
    sample_rate: Annotated[
        int, typer.Option("--sample-rate", min=8000, max=48000, help="In Hz.")
    ] = 24_000,
) -> None:
    """Speak a text into an audio file."""
    from intone.core.jobs import Order
    from intone.core.voices import VoiceCatalogue
    from intone.providers.registry import create_providers, running

    text = sys.stdin.read() if text == "-" else text
    if not text.strip():
        raise InvalidInputError("There is nothing to say.")
    audio_format = _FORMATS.get(output.suffix.lower())
    if audio_format is None:
        raise InvalidInputError("The output file's name must end in .mp3, .wav or .pcm.")
    providers = create_providers()
    catalogue = VoiceCatalogue(providers.values())
    if voice is None:
        speaking = catalogue.speaking(language)
        if not speaking:
            raise InvalidInputError(f"No voice speaks {language!r}; see `intone voices list`.")
        chosen = speaking[0]
    else:
        chosen = catalogue.by_slug(voice)
    if style not in chosen.styles:
        raise InvalidInputError(
            f"{chosen.name} speaks in these styles: {', '.join(chosen.styles)}."
        )
    order = Order(
        text=text,
        voice=chosen.slug,
        language=chosen.languages[0],
        retention_hours=0,
        style=style,
        rate=rate,
        format=audio_format,
        sample_rate=sample_rate,
    )
    async with running(providers):
        recording = await _record(order, chosen, providers, output)
    print(
        f"{output}: {recording.duration_ms / 1000:.1f} s of {chosen.name}"
        f" ({chosen.languages[0]}), {recording.bytes:,} bytes.",
        file=sys.stderr,
    )


async def _record(
    order: Order, voice: PresetVoice, providers: Mapping[str, Provider], output: Path
) -> Recording:
    from rich.progress import Progress

    from intone.core.routing import Router
    from intone.core.synthesis import Script, Synthesizer
    from intone.core.take import Take

    with (
        tempfile.TemporaryDirectory() as folder,
        Progress(transient=True, disable=not sys.stderr.isatty()) as progress,
    ):
        async with Take(Path(folder) / "take.pcm", order) as take:
            bar = progress.add_task("Speaking", total=len(order.text))
            async for passage in Synthesizer(providers, Router()).speak(Script.of(order, voice)):
                await take.add(passage)
                progress.update(bar, completed=passage.segment.end)
            await take.finish()
            with output.open("wb") as file:
                async for piece in take.encoded():
                    file.write(piece)
            return take.recording(str(output))
