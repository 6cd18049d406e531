"""allocator: decides how much each signal is worth, and asks risk for it."""

from polybot.core.allocator.core import AllocatorCore
from polybot.runtime.loop.loop import run


def main() -> None:
    """Run until told to leave. It touches nothing but the bus."""
    run("allocator", AllocatorCore())


if __name__ == "__main__":
    main()
