"""The wrapper every word crosses the bus in, and the union that makes decoding typed."""

from typing import TYPE_CHECKING

import msgspec

from messages import control, feeds, inner, money, trade
from messages.base import Event, Inner, Reply, Request, Word, union_of
from messages.inner.timers import Timer

MODULES = (feeds, trade, money, control, inner)

if TYPE_CHECKING:  # the kind, which every member is; msgspec decodes by the union itself
    EventWord = Event
    RequestWord = Request
    ReplyWord = Reply
    InnerWord = Inner
    AnyWord = Word
else:
    EventWord = union_of(Event, *MODULES)
    RequestWord = union_of(Request, *MODULES)
    ReplyWord = union_of(Reply, *MODULES)
    InnerWord = union_of(Inner, *MODULES)
    AnyWord = EventWord | RequestWord | ReplyWord | InnerWord


class Envelope(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The wrapper of every word on the bus and in the flight recorder.

    source  the actor that says it; "actor.source" where it comes from inside that actor's own house
    boot    strictly increasing over the actor's restarts, fences
    seq     per source and full topic string, from 1; requests and replies carry 0
    at_ns   world time it was said
    cause   what was being handled: "source:boot:topic:seq", "request:id", "inner:Tag" or ""
    """

    source: str
    boot: int
    seq: int
    at_ns: int
    cause: str
    body: AnyWord


def topic_of(word: Event) -> str:
    """Full topic string. The slash matters: subscriptions are prefixes, and `Book` must not hear `BookX`."""
    return f"{type(word).__name__}/{word.key}"


def name_of(envelope: Envelope) -> str:
    """How a `cause` names this envelope."""
    match envelope.body:
        case Event():
            return f"{envelope.source}:{envelope.boot}:{topic_of(envelope.body)}:{envelope.seq}"
        case Request() | Reply():
            return f"request:{envelope.body.id}"
        case _:
            return f"inner:{type(envelope.body).__name__}"


def tag_of(word: Word | Timer | type[Word]) -> str:
    """The class name, which is the tag on the wire."""
    return (word if isinstance(word, type) else type(word)).__name__
