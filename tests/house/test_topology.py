"""THE TABLE agrees with itself, with the language, and with the cores whose columns it has."""

import ast
from itertools import pairwise

import pytest

from messages import ApprovedOrder, Event, Request, Resend
from messages.codec import union_members
from messages.envelope import EventWord, RequestWord
from polybot.runtime.base.paths import ROOT
from polybot.topology import (
    ALWAYS_SAID,
    ALWAYS_SERVED,
    BY_NAME,
    CLASS_OF,
    FEEDS,
    PATH,
    TABLE,
    TOPICS,
    Actor,
    Recall,
    actors_of,
    says,
    server_of,
    speaker_of,
    speakers_of,
)

OUTSIDE = {"Halt", "Resume", "Pause", "CancelAll", "Query", "Redeem", "Snapshot"}  # asked by the command line


def test_every_heard_event_has_a_publisher_in_the_same_profile() -> None:
    for profile in ("demo", "paper", "live"):
        said = {word for actor in actors_of(profile) for word in says(actor)}
        for actor in actors_of(profile):
            assert set(actor.hears) <= said, (profile, actor.name)


def test_every_asked_request_has_one_server() -> None:
    for actor in TABLE:
        for word in actor.asks:
            if word not in ALWAYS_SERVED:
                assert [a.name for a in TABLE if word in a.serves] == [server_of(word).name]


def test_every_served_request_has_one_server_and_an_asker() -> None:
    asked = {word for actor in TABLE for word in actor.asks}
    for actor in TABLE:
        for word in actor.serves:
            assert server_of(word) is actor
            assert word in asked or word.__name__ in OUTSIDE, word


def test_only_risk_asks_for_approved_orders() -> None:
    assert [a.name for a in TABLE if ApprovedOrder in a.asks] == ["risk"]
    assert server_of(ApprovedOrder).name == "executor"


def test_every_event_and_request_of_the_language_stands_in_the_table() -> None:
    events = {w for w in union_members(EventWord) if issubclass(w, Event)}
    requests = {w for w in union_members(RequestWord) if issubclass(w, Request)}
    assert {t.word for t in TOPICS} == events == set(CLASS_OF)
    assert requests == {w for a in TABLE for w in a.serves} | set(ALWAYS_SERVED)


def test_every_event_has_a_speaker_and_levels_have_a_period() -> None:
    for topic in TOPICS:
        assert list(speakers_of(topic.word)), topic.word
        assert (topic.period_s is not None) == (topic.kind == "level"), topic.word


def test_money_has_one_voice() -> None:
    for word in ("OrderUpdate", "Fill", "Settlement", "Positions", "Account"):
        topic = next(t for t in TOPICS if t.word.__name__ == word)
        assert [a.name for a in speakers_of(topic.word)] == ["executor"]


def test_nothing_that_moves_money_travels_as_an_event_alone() -> None:
    for topic in TOPICS:
        if topic.word.__module__ == "messages.money":
            assert topic.kind in ("kept", "level"), topic.word


def test_names_are_unique_and_heartbeats_are_everyones() -> None:
    assert len(BY_NAME) == len(TABLE)
    assert all(set(ALWAYS_SAID) <= set(says(actor)) for actor in TABLE)


def test_the_local_venue_does_not_run_in_live() -> None:
    assert {a.name for a in TABLE} - {a.name for a in actors_of("live")} == {"venue"}


# --- the columns of what an actor's core lives on


CORES = [a for a in TABLE if a.has_core]


def named_in(actor: Actor) -> set[str]:
    """Every name that the files of this actor's core use; what it shares with others (polybot/core/market, …) is not its."""
    files = (ROOT / "polybot" / "core" / actor.name).rglob("*.py")
    return {node.id for path in files for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}


def test_only_the_venue_is_a_program_without_a_core() -> None:
    assert [a.name for a in TABLE if not a.has_core] == ["venue"]
    assert not (ROOT / "polybot" / "core" / "venue").exists()


@pytest.mark.parametrize("actor", CORES, ids=lambda a: a.name)
def test_a_core_that_persists_has_a_journal_and_no_other(actor: Actor) -> None:
    assert actor.journal == ("Persist" in named_in(actor))


@pytest.mark.parametrize("actor", CORES, ids=lambda a: a.name)
def test_a_core_that_hears_of_halts_watches_the_file_and_no_other(actor: Actor) -> None:
    assert actor.watches_halt == ("HaltSeen" in named_in(actor))


@pytest.mark.parametrize("actor", CORES, ids=lambda a: a.name)
def test_a_core_that_wants_something_back_is_given_it_and_no_other(actor: Actor) -> None:
    """By the journal, from what it said, or (the recorder) out of the index that it writes."""
    given = actor.journal or bool(actor.recalls.words) or "Store" in named_in(actor)
    assert given == ("Restored" in named_in(actor))
    assert not (actor.journal and actor.recalls.words)


@pytest.mark.parametrize("actor", CORES, ids=lambda a: a.name)
def test_what_is_recalled_was_said_by_the_same_actor_and_for_some_time(actor: Actor) -> None:
    for word in actor.recalls.words:
        assert word in actor.says or not issubclass(word, Event), word
        assert not issubclass(word, Event) or CLASS_OF[word] == "kept", word
        assert word.__name__ in named_in(actor)
    assert bool(actor.recalls.words) == (actor.recalls.back_s(1.0) > 0)


def test_how_far_back_is_world_time_and_at_high_speed_machine_time() -> None:
    recall = Recall((), world_s=900, machine_s=10.0)
    assert [recall.back_s(speed) for speed in (1.0, 90.0, 91.0)] == [900, 900, 910]


def test_the_path_of_money_is_walked_in_order() -> None:
    """Each decides by a word of its own that the next one hears, serves or is asked with; the last one's goes to the venue."""
    assert [a.name for a in PATH] == ["signal", "allocator", "risk", "executor"]
    for actor in PATH:
        word = actor.decides
        assert word is not None and word.__name__ in named_in(actor)
        assert word in actor.says or word in actor.asks or actor is PATH[-1]
    for before, after in pairwise(PATH):
        assert set(before.says) & set(after.hears) or before.decides in after.serves


def test_the_feeds_are_what_the_first_decision_goes_by() -> None:
    assert [a.name for a in FEEDS] == ["price_feed", "market_feed"]


def test_everybody_who_can_miss_something_may_ask_for_it_again() -> None:
    askers = {a.name for a in TABLE if Resend in a.asks}
    assert askers == {"signal", "allocator", "risk", "executor", "recorder"}


def test_an_event_of_several_speakers_has_no_one_speaker() -> None:
    several = next(t.word for t in TOPICS if len(list(speakers_of(t.word))) > 1)
    with pytest.raises(ValueError, match="unpack"):
        speaker_of(several)
