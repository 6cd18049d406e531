"""The executor: alone with the key, the journal and the venue. Its core hears each word and hands it to who understands it.

core               hearing and saying
service            what it is asked: sign, journal, gate, POST; snapshots; what is told again
account_publisher  Account and Positions, when they have changed
kill_switch        the halt file, a disk that refuses, SIGTERM
oracle_relay       PolyBolt's prints on their way through
books/             double entry: entries, their fold, order states, settlement, streaks, the words told of them
orders/            may an order go, is it well formed, what became of it, when it is asked after
reconciling/       our books against the venue's: differences, outcomes, redemptions
stopping/          cancel everything and prove it; leave in order
"""

from polybot.core.executor.core import ExecutorCore

__all__ = ["ExecutorCore"]
