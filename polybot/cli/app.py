"""polybot-ctl, composed: one file a verb family, each with `register`."""

import typer

from polybot.cli.commands import (
    books,
    config,
    control,
    data,
    doctor,
    export,
    limits,
    logs,
    redeem,
    replay,
    report,
    run,
    status,
    strategies,
    tail,
    venue,
    why,
)

app = typer.Typer(
    name="polybot-ctl",
    help="The smallest bot you can trust with a wallet.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for family in (
    run,
    control,
    status,
    limits,
    doctor,
    logs,
    tail,
    books,
    redeem,
    report,
    export,
    why,
    replay,
    strategies,
    config,
):
    family.register(app)
app.add_typer(venue.app, name="venue")
app.add_typer(data.app, name="data")


@app.command(hidden=True)
def actor(name: str) -> None:
    """Become the actor of this name, as supervisord asks for it."""
    from polybot.cli import launch

    launch.main([name])
