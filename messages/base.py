"""The four kinds of word. The kind decides the transport, never the code that speaks.

Event    noun or past tense   PUB/SUB: may be lost, see the topic's class in the table
Request  a wish               DEALER → ROUTER: answered by a Reply, or by `NoReply` after its deadline (*unknown*, not *no*)
Reply    the answer, same id
Inner    never crosses the bus: what a core says to its own loop, and hears from it

A `Part` is no word: it stands inside one.
"""

import operator
from functools import reduce
from types import ModuleType
from typing import Any

import msgspec


class Word(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Anything a core can hear or say. Encoded as a msgpack map whose `type` is the class name."""


class Event(Word, frozen=True, kw_only=True):
    """Something that was. Its ZeroMQ topic is the tag, a slash and `key`."""

    @property
    def key(self) -> str:
        """What the topic is about (a symbol, a slug, an account); "" where there is only one."""
        return ""


class Request(Word, frozen=True, kw_only=True):
    """A wish. `id` names it for ever: a repeat with the same id gets the first answer."""

    id: str


class Reply(Word, frozen=True, kw_only=True):
    """The answer to the request of the same `id`."""

    id: str


class Inner(Word, frozen=True, kw_only=True):
    """What a core says to its own loop, or hears from it; never crosses the bus."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a word; it is never said alone."""


def union_of(kind: type[msgspec.Struct], *modules: ModuleType) -> Any:
    """`A | B | …` of all structs of this kind in these modules, as written: to write a struct there is to register it.

    Whoever calls it tells the type checker that the union is the kind itself, which is what it is used as.
    """
    found = dict.fromkeys(each for module in modules for each in vars(module).values() if _is_a(kind, each))
    return reduce(operator.or_, found)


def _is_a(kind: type, each: object) -> bool:
    return isinstance(each, type) and issubclass(each, kind) and each is not kind
