"""risk: decides whether anything is traded at all, and keeps the trading state."""

from polybot.core.risk import RiskCore
from polybot.runtime.loop.loop import run


def main() -> None:
    """Run the actor until it is told to leave. It touches nothing but the bus and the halt file."""
    run("risk", RiskCore())


if __name__ == "__main__":
    main()
