"""msgpack in and out, typed; and the schema's fingerprint, exchanged when peers meet."""

import hashlib
from functools import cache
from typing import Any, get_args, get_type_hints

import msgspec

from messages.base import Part, Word, union_of
from messages.envelope import MODULES, AnyWord, Envelope

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


def union_members(union: Any) -> tuple[type[Word], ...]:
    """The struct classes of a union of words, in the order written."""
    return get_args(union)


def schema_text() -> str:
    """Every word and every part of one, a line each: its name, and its fields with their types."""
    lines = []
    for struct in (*get_args(AnyWord), *get_args(union_of(Part, *MODULES))):
        hints = get_type_hints(struct)
        lines.append(struct.__name__ + repr([(f, str(hints[f])) for f in struct.__struct_fields__]))
    return "\n".join(lines)


@cache
def schema_hash() -> str:
    """Twelve hex digits over `schema_text`: two builds that differ here must not talk."""
    return hashlib.sha256(schema_text().encode()).hexdigest()[:12]
