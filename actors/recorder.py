"""recorder: everything said, kept in its index, state/ledger.sqlite; rows of windows also as text. Nothing waits for it."""

import sys

from messages.inner import Store
from polybot.core.recorder.core import RecorderCore
from polybot.runtime.base import log
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Inbox
from polybot.runtime.loop.loop import run
from polybot.runtime.loop.wiring import Wiring
from polybot.runtime.store.index_db import IndexDb, IndexUnusable
from polybot.runtime.store.window_log import Trail


def wire(context: Context, inbox: Inbox) -> Wiring:
    """The store, performed by the loop; what it held is heard right after Started."""
    try:
        index = IndexDb(context.paths.index)
    except IndexUnusable as exc:
        log.event("index_refused", error=str(exc))
        sys.exit(78)
    if index.moved_aside:
        log.event("index_damaged", moved_to=index.moved_aside, then="begun anew; everything is asked for again")
    inbox.put(index.restored())
    trail = Trail(context.paths.logs / "windows.jsonl")

    def store(word: Store) -> None:
        index.store(word)
        if word.table == "windows":
            trail.append(word.row)

    return Wiring(sync={Store: store}, every=index.commit, every_s=0.05)


def main() -> None:
    """Run the actor until it is told to leave."""
    run("recorder", RecorderCore(), wire)


if __name__ == "__main__":
    main()
