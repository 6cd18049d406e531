"""polybot-ctl, composed: one file a verb family, each with `register`."""

import typer

from polybot.cli import config, control, run, status

app = typer.Typer(
    name="polybot-ctl",
    help="The smallest bot you can trust with a wallet.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for family in (run, control, status, config):
    family.register(app)


@app.command(hidden=True)
def actor(name: str) -> None:
    """Become an actor, as supervisord asks for it."""
    from polybot.cli import launch

    launch.main([name])
