"""FLOOR 3: polybot-ctl. One file a verb family; app.py composes them."""

import sys


def main() -> None:
    """`halt` moves the switch before anything heavy is imported: a typer command costs 250 ms to start, a halt 50."""
    argv = sys.argv[1:]
    if argv[:1] == ["halt"] and not {"-h", "--help"} & set(argv):
        from polybot.cli.commands import halt

        sys.exit(halt.main(argv[1:]))
    from polybot.cli.app import app

    app()
