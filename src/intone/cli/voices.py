"""`intone voices`."""

from __future__ import annotations

from typing import Annotated

import typer

from intone.cli.common import Json, print_json, print_table, runs

app = typer.Typer(help="The voices this server speaks with.", no_args_is_help=True)


@app.command("list")
@runs
async def list_(
    language: Annotated[
        str | None, typer.Option("--language", "-l", help="Only these, e.g. en or en-GB.")
    ] = None,
    gender: Annotated[
        str | None, typer.Option("--gender", "-g", help="female, male or neutral.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List voices."""
    from intone.core.voices import VoiceCatalogue
    from intone.providers.registry import create_providers

    catalogue = VoiceCatalogue(create_providers(processes=1).values())
    found = catalogue.presets if language is None else catalogue.speaking(language)
    found = [voice for voice in found if gender in {None, voice.gender}]
    if as_json:
        print_json(
            [
                {
                    "id": voice.slug,
                    "number": voice.number,
                    "uuid": voice.uuid,
                    "name": voice.name,
                    "provider": voice.provider,
                    "provider_voice": voice.local_id,
                    "languages": list(voice.languages),
                    "gender": voice.gender,
                    "styles": list(voice.styles),
                    "description": voice.description,
                }
                for voice in found
            ]
        )
        return
    print_table(
        ("id", "name", "language", "gender", "description"),
        ((v.slug, v.name, v.languages[0], v.gender, v.description) for v in found),
    )
