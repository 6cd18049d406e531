"""THE TABLE agrees with itself and with the language."""

from messages import ApprovedOrder, Event, Request
from messages.codec import union_members
from messages.envelope import EventWord, RequestWord
from polybot.topology import (
    ALWAYS_SAID,
    ALWAYS_SERVED,
    BY_NAME,
    CLASS_OF,
    TABLE,
    TOPICS,
    actors_of,
    says,
    server_of,
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
