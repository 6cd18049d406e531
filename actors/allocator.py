"""allocator: how much."""

from polybot.core.allocator import AllocatorCore
from polybot.runtime.actor import run


def main() -> None:
    """Run until told to leave. It touches nothing but the bus."""
    run("allocator", AllocatorCore())


if __name__ == "__main__":
    main()
