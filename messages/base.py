"""The four kinds of word. The kind decides the transport, never the code that speaks.

Event    noun or past tense   PUB/SUB: may be lost, see the topic's class in the table
Request  a wish               DEALER → ROUTER: answered by a Reply, or by `NoReply` after its deadline (*unknown*, not *no*)
Reply    the answer, same id
Inner    never crosses the bus: what a core says to its own loop, and hears from it

A `Part` is no word: it stands inside one.
"""

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
