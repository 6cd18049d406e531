"""FLOOR 0: the language. Every word that crosses the bus, and every word a core hears or says. msgspec only.

A new word is a struct in one of these modules (or of `messages.inner`'s), and nothing else: the unions of the envelope and
the names that can be imported from here follow from it.
"""

# ruff: noqa: F403  whatever the modules define is the language; a list of it here would have to be kept
from messages.base import *
from messages.codec import *
from messages.control import *
from messages.envelope import *
from messages.feeds import *
from messages.money import *
from messages.trade import *
