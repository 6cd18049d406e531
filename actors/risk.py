"""risk: whether at all; the trading state."""

from polybot.core.risk import RiskCore
from polybot.runtime.loop.loop import run


def main() -> None:
    """Run until told to leave. It touches nothing but the bus and the halt file."""
    run("risk", RiskCore())


if __name__ == "__main__":
    main()
