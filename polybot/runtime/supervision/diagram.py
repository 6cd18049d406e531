"""The README's picture and table, drawn from THE TABLE. `python -m polybot.runtime.supervision.diagram` prints them anew."""

from collections.abc import Iterator

from polybot.topology import ALWAYS_SAID, ALWAYS_SERVED, TABLE, Actor, server_of

BEGIN, END = "<!-- from the table -->", "<!-- end of the table -->"
_LOOKERS_ON = ("watch", "world")  # they hear, and steer nothing with it
_EVERYTHING = 20  # who hears more kinds than this hears everything


def markdown() -> str:
    """The README's picture: the block between the marks, marks included."""
    return "\n".join([BEGIN, *_picture(), "", *_rows(), END])


def _picture() -> Iterator[str]:
    """Dotted: says, on the bus, may be lost. Solid: asks, and is answered."""
    yield "```mermaid"
    yield "flowchart LR"
    for actor in TABLE:
        shape = f"[({actor.name})]" if actor.group == "money" else f"({actor.name})"
        yield f"    {actor.name}{shape}"
    for hearer in TABLE:
        if hearer.group in _LOOKERS_ON or _hears_everything(hearer):
            continue
        for speaker in TABLE:
            if speaker is not hearer and set(speaker.says) & set(hearer.hears):
                yield f"    {speaker.name} -.-> {hearer.name}"
    for asker in TABLE:
        for word in asker.asks:
            if word not in ALWAYS_SERVED:
                yield f"    {asker.name} -- {word.__name__} --> {server_of(word).name}"
    yield "```"


def _rows() -> Iterator[str]:
    yield "| actor | is for | says | hears | serves | asks |"
    yield "|---|---|---|---|---|---|"
    for actor in TABLE:
        hears = "everything" if _hears_everything(actor) else _names(actor.hears)
        said, served, asked = _names(actor.says), _names(actor.serves), _names(actor.asks)
        yield f"| `{actor.name}` | {actor.does} | {said} | {hears} | {served} | {asked} |"
    yield ""
    yield f"Everyone also says {_names(ALWAYS_SAID)} and serves {_names(ALWAYS_SERVED)}."


def _hears_everything(actor: Actor) -> bool:
    return len(actor.hears) > _EVERYTHING


def _names(words: tuple[type, ...]) -> str:
    return " ".join(f"`{word.__name__}`" for word in words)


if __name__ == "__main__":
    import sys

    sys.stdout.write(markdown() + "\n")
