"""`bin/polybot actor NAME`: what supervisord starts. Asks whether the actor may run, then becomes it.

What an import makes, stays: the collector would look through all of it again and again for garbage, which takes a tenth of a
start. So it rests until the actor is imported.
"""

import gc
import importlib
import sys


def main(argv: list[str]) -> None:
    """Does not return while the actor lives. 0: this profile needs no such program."""
    gc.disable()
    from polybot.cli.session import actor_entry

    name = argv[0] if argv else ""
    actor_entry.admit_or_exit(name)
    sys.argv = [f"actors.{name}", *argv[1:]]
    program = importlib.import_module(f"actors.{name}")
    gc.enable()
    program.main()


if __name__ == "__main__":
    main(sys.argv[1:])
