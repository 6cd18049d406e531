"""The executor: alone with the key, the journal and the venue. One idea a file:

state      what is known, as plain structs        ledger       double entry, and the fee
fold       what an entry makes of it              streaks      wins in a row
events     the words for it                       settling     what a window came to, in money
orders     what is known of an order              levels       Account and Positions
facts      the venue's words as entries           telling      when they are said
admission  may an approved order go out?          serving      sign, journal, gate, POST; what others ask
writing    on disk first                          probing      from POST to a final order
windows    outcomes                               reconcile    our books against the venue's
core       hearing and saying                     halting      cancel everything, and prove it
catching_up  what market_feed said while we were away
dead_man   the heartbeat without which nothing rests     venue_state  what the venue takes at present
budget     its token buckets                             wellformed   amounts as the venue reads them
explaining cash without a trade of ours                  switching    halt file, broken disk    leaving  SIGTERM
"""

from polybot.core.executor.core import ExecutorCore

__all__ = ["ExecutorCore"]
