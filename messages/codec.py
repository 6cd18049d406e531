"""msgpack in and out, typed; and the schema's fingerprint, exchanged when peers meet."""

import hashlib
from functools import cache
from types import UnionType
from typing import get_args, get_type_hints

import msgspec

from messages.base import Word
from messages.envelope import AnyWord, Envelope

# BadBytes  whatever arrived is not a word of ours: weather when from outside, count and drop


class BadBytes(ValueError):
    """Bytes that do not decode. Covers all that msgspec raises on garbage, deep nesting and bad UTF-8."""


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_envelopes = msgspec.msgpack.Decoder(Envelope)
_words = msgspec.msgpack.Decoder(AnyWord)

encode = _encoder.encode


def decode_envelope(data: bytes) -> Envelope:
    """The envelope that `data` holds; raises BadBytes when it holds none."""
    try:
        return _envelopes.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as exc:
        raise BadBytes(str(exc)) from exc


def decode_word(data: bytes) -> AnyWord:
    """The word that `data` holds, without an envelope; raises BadBytes when it holds none."""
    try:
        word: AnyWord = _words.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as exc:
        raise BadBytes(str(exc)) from exc
    return word


def union_members(union: UnionType) -> tuple[type[Word], ...]:
    """The struct classes of a (nested) union, in the order written."""
    return get_args(union)


@cache
def schema_hash() -> str:
    """Twelve hex digits over every word's name, fields and types: two builds that differ here must not talk."""
    text = []
    for word in union_members(AnyWord):
        hints = get_type_hints(word)
        text.append(word.__name__ + repr([(f, str(hints[f])) for f in word.__struct_fields__]))
    return hashlib.sha256("\n".join(text).encode()).hexdigest()[:12]
