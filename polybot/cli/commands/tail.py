"""`tail`: every message on the bus, decoded, with gaps shown. A plain SUB: it slows nobody; restarts are new boots to it."""

import difflib
import os
import sys
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from messages import Envelope, Event, tag_of, topic_of
from polybot.cli.render import tables
from polybot.cli.support.common import leave
from polybot.runtime.base.paths import Paths
from polybot.runtime.loop.bus import Subscriber
from polybot.topology import CLASS_OF, TABLE, TOPICS

COLOURS = {"kept": "bold cyan", "level": "blue", "shed": "dim"}


def words_of(topics: list[str]) -> tuple[type[Event], ...] | None:
    """The words that topics (case does not matter, `Book/slug…` also) name; None = all. Leaves (2) where none is so called."""
    by_name = {tag_of(t.word).lower(): t.word for t in TOPICS}
    found = []
    for topic in topics:
        name = topic.partition("/")[0].lower()
        if name not in by_name:
            near = difflib.get_close_matches(name, by_name, 1)
            known = ", ".join(tag_of(t.word) for t in TOPICS)
            hint = f": did you mean {tag_of(by_name[near[0]])}?" if near else f"; there are {known}"
            leave(2, f'no topic "{topic}"{hint}')
        found.append(by_name[name])
    return tuple(found) or None


class Gaps:
    """Sequences per source and topic: what is missing, and who has started anew."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[int, int]] = {}
        self._boots: dict[str, int] = {}

    def notice(self, envelope: Envelope, topic: str) -> list[str]:
        """Sentences to show before this message: its speaker started anew, or some before it were missed."""
        said = []
        boot = self._boots.get(envelope.source)
        if boot is not None and envelope.boot > boot:
            said.append(f"{envelope.source} started anew: boot {boot} → {envelope.boot}")
        self._boots[envelope.source] = max(envelope.boot, boot or 0)
        last = self._last.get((envelope.source, topic))
        self._last[envelope.source, topic] = (envelope.boot, envelope.seq)
        if last is not None and last[0] == envelope.boot and envelope.seq > last[1] + 1:
            said.append(f"{envelope.seq - last[1] - 1} of {topic} from {envelope.source} missed")
        return said


def matches(topic: str, wanted: list[str]) -> bool:
    """Is a full topic string under one of the topics asked for?"""
    whole = topic.lower()
    return not wanted or any(
        whole.startswith(w.lower()) if "/" in w else whole.partition("/")[0] == w.lower() for w in wanted
    )


def describe(envelope: Envelope) -> str:
    """The body's fields in one line, without what stands elsewhere."""
    facts = msgspec.to_builtins(envelope.body)
    facts.pop("type", None)
    return " ".join(f"{name}={_value(name, value)}" for name, value in facts.items() if value not in ("", None, [], {}))


def _value(name: str, value: object) -> str:
    if name.endswith("_ns") and isinstance(value, int) and not name.startswith("mono"):
        return tables.hms(value)
    if isinstance(value, dict | list):
        text = msgspec.json.encode(value).decode()
        return text if len(text) <= 160 else text[:157] + "…"
    if isinstance(value, str) and " " in value:
        return f'"{value}"'
    return f"{value:g}" if isinstance(value, float) else str(value)


def as_json_line(envelope: Envelope, topic: str) -> str:
    """The envelope as one line of JSON, without the line's end."""
    facts = {
        "v": 1,
        "source": envelope.source,
        "boot": envelope.boot,
        "seq": envelope.seq,
        "at_ns": envelope.at_ns,
        "cause": envelope.cause,
        "topic": topic,
        "body": envelope.body,
    }
    return msgspec.json.encode(facts).decode()


def tail(
    topics: Annotated[
        list[str] | None, typer.Argument(metavar="[TOPIC]...", help="Book, Fill, Prediction/…; all.")
    ] = None,
    actor: Annotated[str, typer.Option("--actor", help="Only what this actor says.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    count: Annotated[int, typer.Option("-n", "--count", help="Leave after so many messages; 0 = never.")] = 0,
) -> None:
    """Every message on the bus as it is said. Ctrl-C leaves."""
    wanted = topics or []
    actors = [a.name for a in TABLE]
    if actor and actor not in actors:
        near = difflib.get_close_matches(actor, actors, 1)
        leave(2, f'no actor "{actor}"' + (f": did you mean {near[0]}?" if near else f"; there are {', '.join(actors)}"))
    ears = Subscriber(Paths.of().sockets, [actor] if actor else actors, words_of(wanted))
    try:
        _follow(ears, wanted, as_json, count)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has left: nothing more to say, nothing to flush
    finally:
        ears.close()


def _follow(ears: Subscriber, wanted: list[str], as_json: bool, count: int) -> None:
    gaps, console, shown = Gaps(), Console(highlight=False, soft_wrap=True), 0
    foreign: list[str] = []
    while not count or shown < count:
        envelope = ears.recv(500)
        for text in sorted(ears.foreign_schemas):
            if text not in foreign:
                foreign.append(text)
                sys.stderr.write(f"{text}, ours is another: not shown\n")
        if envelope is None or not isinstance(envelope.body, Event):
            continue
        topic = topic_of(envelope.body)
        if not matches(topic, wanted):
            continue
        shown += 1
        for sentence in gaps.notice(envelope, topic):
            _warn(console, sentence, as_json)
        if as_json:
            sys.stdout.write(as_json_line(envelope, topic) + "\n")
            sys.stdout.flush()
        else:
            console.print(_coloured(envelope, topic), soft_wrap=True)


def _warn(console: Console, sentence: str, as_json: bool) -> None:
    if as_json:
        sys.stderr.write(f"{sentence}\n")
    else:
        console.print(Text(f"--- {sentence}", style="bold yellow"))


def _coloured(envelope: Envelope, topic: str) -> Text:
    assert isinstance(envelope.body, Event)
    line = Text(f"{tables.hms(envelope.at_ns)} ", style="")
    line.append(f"{envelope.source}:{envelope.boot} ", style="green")
    line.append(f"{topic}#{envelope.seq} ", style=COLOURS[CLASS_OF[type(envelope.body)]])
    line.append(describe(envelope))
    return line


def register(app: typer.Typer) -> None:
    """Add `tail` to the command line."""
    app.command()(tail)
