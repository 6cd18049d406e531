"""risk: decides whether anything is traded at all, and keeps the trading state."""

from polybot.core.risk import RiskCore
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Inbox
from polybot.runtime.loop.loop import Wiring, run


def wire(context: Context, inbox: Inbox) -> Wiring:
    """Nothing but the bus, and the halt file: read every 100 ms, written by the loop when risk says so."""
    return Wiring(watches_halt=True)


def main() -> None:
    """Run the actor until it is told to leave."""
    run("risk", RiskCore(), wire)


if __name__ == "__main__":
    main()
