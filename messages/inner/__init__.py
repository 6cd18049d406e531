"""Between a core and its own loop: time, timers, disk, and the outside world as requests with recorded answers.

A core *says* WakeAt, WakeIn, Persist, SignOrder, effects, Store; it *hears* Started, Restored, Tick, NoReply and results.
Whatever comes from outside the core comes as one of these, so a recording of them replays the core exactly.
"""

# ruff: noqa: F403  as in `messages`: to write a struct in one of these modules is to register it
from messages.inner.account_reads import *
from messages.inner.archive import *
from messages.inner.feed_reads import *
from messages.inner.loop import *
from messages.inner.order_lane import *
from messages.inner.processes import *
from messages.inner.purposes import *
from messages.inner.redeeming import *
from messages.inner.timers import *
