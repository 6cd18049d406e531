"""risk: whether at all; the trading state."""

from polybot.core.risk import RiskCore
from polybot.runtime.actor import Wiring, run
from polybot.runtime.context import Context
from polybot.runtime.inbox import Inbox


def wire(context: Context, inbox: Inbox) -> Wiring:
    """Nothing but the bus, and the halt file: read every 100 ms, written by the loop when risk says so."""
    return Wiring(watches_halt=True)


def main() -> None:
    """Run until told to leave."""
    run("risk", RiskCore(), wire)


if __name__ == "__main__":
    main()
