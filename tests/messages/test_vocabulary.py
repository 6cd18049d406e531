"""The language: every struct is in the union, says what it is, and survives the wire."""

import ast
import importlib
import inspect
import math
import pkgutil
from collections.abc import Iterator
from types import ModuleType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

import messages
from messages import control, feeds, inner, trade
from messages.base import Event, Inner, Part, Reply, Request, Word
from messages.codec import BadBytes, decode_envelope, decode_word, encode, schema_hash, schema_text, union_members
from messages.envelope import (
    MODULES,
    AnyWord,
    Envelope,
    EventWord,
    InnerWord,
    ReplyWord,
    RequestWord,
    name_of,
    tag_of,
    topic_of,
)
from messages.inner.purposes import CancelPurpose, ReadPurpose
from messages.inner.timers import Timer

_NO_WORDS = ("messages.base", "messages.envelope")  # the kinds, and what words are wrapped in
FILES: tuple[ModuleType, ...] = tuple(
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(messages.__path__, "messages.")
    if found.name not in _NO_WORDS
)
WORDS = union_members(AnyWord)
TIMERS: tuple[type[Timer], ...] = get_args(inner.AnyTimer)
PURPOSES: tuple[type[ReadPurpose | CancelPurpose], ...] = (
    *get_args(inner.AnyReadPurpose),
    *get_args(inner.AnyCancelPurpose),
)
KINDS = (Timer, ReadPurpose, CancelPurpose)


def structs(module: ModuleType) -> Iterator[type[msgspec.Struct]]:
    for _, cls in inspect.getmembers(module, inspect.isclass):
        if issubclass(cls, msgspec.Struct) and cls.__module__ == module.__name__:
            yield cls


def an_example(hint: Any, depth: int = 0) -> Any:
    """A value of this type, filled to the brim: no field is left at its default."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return an_example(args[0], depth)
    if origin is Literal:
        return args[-1]
    if origin in (Union, UnionType):
        return an_example(next(a for a in args if a is not NoneType), depth)
    if origin is tuple:
        return (an_example(args[0], depth + 1),) * 2 if args[-1] is ... else tuple(an_example(a, depth) for a in args)
    if origin is list:
        return [an_example(args[0], depth)]
    if origin is dict:
        return {an_example(args[0], depth): an_example(args[1], depth)}
    if inspect.isclass(hint) and issubclass(hint, msgspec.Struct):
        return a_whole(hint)
    plain = {str: "text – ü", int: 2**62, float: 0.1 + 0.2, bool: True, bytes: b"\x00\xff"}
    return plain[hint]


def a_whole(struct: type[msgspec.Struct]) -> Any:
    """One of this kind, no field at its default."""
    hints = get_type_hints(struct, include_extras=True)
    return struct(**{name: an_example(hints[name]) for name in struct.__struct_fields__})


def an_envelope(body: AnyWord) -> Envelope:
    return Envelope(source="risk", boot=2, seq=3, at_ns=1795132800 * 10**9, cause="request:x", body=body)


@pytest.mark.parametrize("module", FILES, ids=lambda m: m.__name__)
def test_every_struct_is_in_the_union_or_a_part(module: ModuleType) -> None:
    for cls in structs(module):
        assert cls in WORDS or issubclass(cls, Part), f"{cls.__name__} is no word and no part"
        assert cls in (*TIMERS, *PURPOSES) or not issubclass(cls, KINDS) or cls in KINDS


@pytest.mark.parametrize("module", FILES, ids=lambda m: m.__name__)
def test_to_write_a_struct_is_to_register_it(module: ModuleType) -> None:
    """It can be imported from its package, and nothing else has to be kept."""
    package = inner if module.__name__.startswith("messages.inner") else messages
    for cls in structs(module):
        assert getattr(package, cls.__name__) is cls
    if not module.__name__.startswith("messages.inner."):
        assert module in MODULES or not list(structs(module)), f"the envelope's unions leave {module.__name__} out"


@pytest.mark.parametrize("module", FILES, ids=lambda m: m.__name__)
def test_every_struct_is_frozen_by_keyword_and_has_a_docstring(module: ModuleType) -> None:
    for cls in structs(module):
        assert cls.__struct_config__.frozen, cls
        assert (cls.__doc__ or "").strip(), cls
        with pytest.raises(TypeError):
            cls(1, 2, 3)


@pytest.mark.parametrize("word", WORDS, ids=tag_of)
def test_every_word_survives_the_wire(word: type[Word]) -> None:
    example = an_example(word)
    assert decode_word(encode(example)) == example
    envelope = an_envelope(example)
    data = encode(envelope)
    assert decode_envelope(data) == envelope
    assert encode(decode_envelope(data)) == data, "the same bytes again: replay compares them"


@pytest.mark.parametrize("kind", TIMERS, ids=tag_of)
def test_every_timer_survives_the_wire_and_is_told_from_every_other(kind: type[Timer]) -> None:
    timer = a_whole(kind)
    for word in (
        inner.WakeAt(timer=timer, at_ns=1),
        inner.WakeIn(timer=timer, after_s=0.5),
        inner.Tick(timer=timer, mono_s=1.0),
    ):
        assert decode_word(encode(word)) == word
    table = {a_whole(other): other for other in TIMERS}
    assert len(table) == len(TIMERS) and table[a_whole(kind)] is kind, "a timer is a key: kind and fields"


@pytest.mark.parametrize("kind", PURPOSES, ids=lambda kind: kind.__name__)
def test_every_purpose_survives_the_wire(kind: type[Any]) -> None:
    purpose = a_whole(kind)
    word = (
        inner.CancelOrders(purpose=purpose, order_ids=())
        if isinstance(purpose, CancelPurpose)
        else inner.ReadOpenOrders(purpose=purpose)
    )
    assert decode_word(encode(word)) == word


def test_what_a_question_was_for_is_not_what_another_kind_is_for() -> None:
    """A read that carries a cancel's purpose, and the other way round, are no words."""
    cancel = inner.CancelOrders(purpose=inner.ForLeaving(), order_ids=())
    read = inner.ReadOpenOrders(purpose=inner.ForProbe())
    for word, other in ((cancel, read.purpose), (read, cancel.purpose)):
        with pytest.raises(BadBytes):
            decode_word(encode(msgspec.structs.replace(word, purpose=other)))


@pytest.mark.parametrize("word", WORDS, ids=tag_of)
def test_the_kind_of_a_word_is_its_transport(word: type[Word]) -> None:
    kinds = {Event: EventWord, Request: RequestWord, Reply: ReplyWord, Inner: InnerWord}
    assert [kind for kind, union in kinds.items() if word in union_members(union)] == [
        next(kind for kind in kinds if issubclass(word, kind))
    ]


@pytest.mark.parametrize("word", union_members(EventWord), ids=tag_of)
def test_a_topic_is_the_tag_a_slash_and_the_key(word: type[Event]) -> None:
    example = an_example(word)
    assert topic_of(example) == f"{word.__name__}/{example.key}"


def test_no_tag_is_the_beginning_of_another_topic() -> None:
    prefixes = [f"{tag_of(word)}/" for word in WORDS]
    assert not [(a, b) for a in prefixes for b in prefixes if a != b and b.startswith(a)]


def test_times_and_amounts_carry_their_unit() -> None:
    for word in WORDS:
        for name, hint in get_type_hints(word).items():
            if hint is float:
                assert not name.endswith(("_e6", "_ns")), f"{word.__name__}.{name}: counted quantities are integers"


def test_garbage_is_bad_bytes_and_nothing_else() -> None:
    for data in (b"", b"\xc1", b"\x81\xa4type\xa4Nope", b"\x91" * 100_000, b"\xa2\xff\xfe", encode({"type": "Halt"})):
        with pytest.raises(BadBytes):
            decode_word(data)
        with pytest.raises(BadBytes):
            decode_envelope(data)


def test_a_cut_envelope_is_bad_bytes_at_every_length() -> None:
    data = encode(an_envelope(an_example(trade.OrderIntent)))
    for size in range(len(data)):
        with pytest.raises(BadBytes):
            decode_envelope(data[:size])


def test_an_older_peer_may_leave_out_what_has_a_default() -> None:
    word = control.Done(id="x", ok=True)
    raw = msgspec.msgpack.decode(encode(word))
    del raw["reason"]
    assert decode_word(encode(raw)) == word


def test_floats_keep_every_bit_and_nan_is_representable() -> None:
    window = an_example(feeds.WindowObserved)
    exact = msgspec.structs.replace(window, strike=math.nextafter(64210.1, 0))
    assert decode_word(encode(exact)) == exact


@pytest.mark.parametrize("module", FILES, ids=lambda m: m.__name__)
def test_the_schema_hash_is_over_every_field_of_every_struct(module: ModuleType) -> None:
    """Also of the parts that words are made of: a peer with another Level would misread every Book."""
    lines = schema_text().splitlines()
    for cls in structs(module):
        (line,) = [line for line in lines if line.startswith(f"{cls.__name__}[")]
        assert [name for name, _ in ast.literal_eval(line.removeprefix(cls.__name__))] == list(cls.__struct_fields__)


def test_the_schema_hash_is_the_same_in_every_process() -> None:
    import subprocess
    import sys

    code = "import messages; print(messages.schema_hash())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == schema_hash()
    assert len(bytes.fromhex(schema_hash())) == 6


def test_a_cause_names_events_by_sequence_and_requests_by_id() -> None:
    event = an_envelope(control.RiskState(**_risk_state()))
    assert name_of(event) == "risk:2:RiskState/:3"
    assert name_of(an_envelope(control.Pause(id="p1", by="user", reason="r"))) == "request:p1"
    assert name_of(an_envelope(inner.Tick(timer=inner.SayLevels(), mono_s=1.0))) == "inner:Tick"


def _risk_state() -> dict[str, Any]:
    return {
        "state": "ACTIVE",
        "reason_code": "",
        "reason": "",
        "boot": 1,
        "refused": {},
        "approved": 0,
        "limits": (),
        "since_ns": 0,
    }
