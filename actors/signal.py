"""signal: one prediction a window and strategy. Start as `python -m actors.signal`: run as a file, its folder would hide the
standard library's `signal`."""

from polybot.core.signals import SignalCore
from polybot.runtime.actor import run


def main() -> None:
    """Run until told to leave. It touches nothing but the bus."""
    run("signal", SignalCore())


if __name__ == "__main__":
    main()
