"""FLOOR 3: polybot-ctl. One file a verb family; plain.py answers short questions, app.py composes all else."""

import sys


def main() -> None:
    """`halt` moves the switch before anything heavy is imported; every other verb imports its own family's file alone."""
    argv = sys.argv[1:]
    if argv[:1] == ["halt"] and not {"-h", "--help"} & set(argv):
        from polybot.cli.commands import halt

        sys.exit(halt.main(argv[1:]))
    from polybot.cli import plain

    given = plain.arguments(argv)
    if given is not None:
        plain.answer(argv[0], given)
        return
    from polybot.cli import app

    app.composed(app.families_for(argv))()
