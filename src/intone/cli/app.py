"""The `intone` command. Commands import what they need when they run, so help is quick."""

from __future__ import annotations

from typing import Annotated

import typer

from intone import __version__
from intone.cli import (
    backup,
    demo,
    doctor,
    import_posts,
    keys,
    login,
    providers,
    serve,
    sites,
    speak,
    text,
    voices,
    webhooks,
    workspaces,
)

__all__ = ["app", "main"]

app = typer.Typer(
    name="intone",
    help=(
        "One self-hosted speech server behind every text-to-speech API.\n\n"
        'Try it: `intone say "Hello, world." -o hello.mp3`, then `intone serve`.'
    ),
    no_args_is_help=True,
    rich_markup_mode=None,  # importing Rich would double the time that --help takes
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"intone {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


app.command("serve", short_help="Start the server.")(serve.serve)
app.command("worker", short_help="Render the jobs that a server has accepted.")(serve.worker)
app.command("demo", short_help="Speak an article through every API.")(demo.demo)
app.command("say", short_help="Speak a text into an audio file.")(speak.say)
app.command("text", short_help="Print a text as it will be spoken.")(text.text)
app.add_typer(voices.app, name="voices", short_help="List the voices.")
app.add_typer(providers.app, name="providers", short_help="Who speaks: engines and vendors.")
app.add_typer(keys.app, name="keys", short_help="Make, limit, rotate and revoke API keys.")
app.add_typer(workspaces.app, name="workspaces", short_help="Tenants, plans and balances.")
app.add_typer(sites.app, name="sites", short_help="Where posts are read aloud.")
app.add_typer(webhooks.app, name="webhooks", short_help="Events of a workspace, and a receiver.")
app.command("login", short_help="Log in to a server with a browser.")(login.login)
app.command("logout", short_help="End the session of the last login.")(login.logout)
app.command("whoami", short_help="Say who the server takes you for.")(login.whoami)
app.command("import", short_help="Have a feed's or a sitemap's posts read aloud.")(
    import_posts.import_posts
)
app.command("doctor", short_help="Check this machine and the settings.")(doctor.doctor)
app.command("backup", short_help="Copy everything, beside a running server.")(backup.backup)


def main() -> None:
    """Run the command line."""
    app()
