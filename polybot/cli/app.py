"""polybot-ctl, composed: one file a verb family, each with `register`.

Whoever gives a verb waits for the imports of its family and for no other's. Whoever gives none (the help, a shell that
completes) or one that does not exist is answered by the whole.
"""

from collections.abc import Iterable, Sequence
from importlib import import_module

import typer

FAMILIES: dict[str, tuple[str, ...]] = {
    "run": ("run", "up", "down"),
    "control": ("halt", "resume", "pause"),
    "status": ("status",),
    "limits": ("limits",),
    "doctor": ("doctor",),
    "logs": ("logs",),
    "tail": ("tail",),
    "windows": ("windows",),
    "books": ("orders", "fills", "positions", "account", "statement"),
    "redeem": ("redeem",),
    "report": ("report",),
    "export": ("export",),
    "why": ("why",),
    "replay": ("replay",),
    "strategies": ("strategies",),
    "config": ("config",),
    "venue": ("venue",),
    "data": ("data",),
}
"""File of `commands/` → the verbs it registers, both in the order of the help."""

_NEEDS = {verb: (family,) for family, verbs in FAMILIES.items() for verb in verbs} | {"actor": ()}


def families_for(argv: Sequence[str]) -> tuple[str, ...]:
    """The families that this command line needs: its verb's, or all of them where it begins with no verb of ours."""
    return _NEEDS.get(argv[0] if argv else "", tuple(FAMILIES))


def composed(families: Iterable[str] = tuple(FAMILIES)) -> typer.Typer:
    """A command line of these families, and of `actor`, which the help does not name."""
    app = typer.Typer(
        name="polybot-ctl",
        help="The smallest bot you can trust with a wallet.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_no_option)
    for family in families:
        import_module(f"polybot.cli.commands.{family}").register(app)
    app.command(hidden=True)(actor)
    return app


def actor(name: str) -> None:
    """Become the actor of this name, as supervisord asks for it."""
    from polybot.cli import launch

    launch.main([name])


def _no_option() -> None:  # typer takes the verb away from an app with a single one, unless the app has a callback
    ...
