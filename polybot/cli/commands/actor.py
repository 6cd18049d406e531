"""`actor NAME`, hidden: becomes an actor, as supervisord asks for it."""

import typer


def actor(name: str) -> None:
    """Become an actor, as supervisord asks for it."""
    from polybot.cli import launch

    launch.main([name])


def register(app: typer.Typer) -> None:
    """Compose."""
    app.command(hidden=True)(actor)
