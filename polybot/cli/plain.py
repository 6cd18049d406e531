"""Questions that are asked again and again, read without typer: importing it, and the pydantic it reads options with, takes
longer than any answer.

Only a command line that holds nothing but the verb, its switches and its words is read here. Everything else (help, an option
that does not exist, a word too few or too many, a mistyped verb) is typer's, whose sentences and exit codes therefore stay.
"""

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple


class PlainVerb(NamedTuple):
    """family: the file of `commands/` whose function of the verb's name answers, by keyword. words: all of them needed.
    switches: option → keyword, False where it is not given.
    """

    family: str
    words: tuple[str, ...] = ()
    switches: tuple[tuple[str, str], ...] = (("--json", "as_json"),)


VERBS = {
    "status": PlainVerb("status"),
    "limits": PlainVerb("limits"),
    "windows": PlainVerb("windows"),
    "orders": PlainVerb("books"),
    "fills": PlainVerb("books"),
    "positions": PlainVerb("books"),
    "account": PlainVerb("books"),
    "statement": PlainVerb("books"),
    "why": PlainVerb("why", ("ident",), (("--json", "as_json"), ("--full", "full"))),
}


def arguments(argv: Sequence[str]) -> dict[str, Any] | None:
    """What the verb's function is to be called with; None where typer must read this command line."""
    verb = VERBS.get(argv[0]) if argv else None
    if verb is None:
        return None
    keywords = dict(verb.switches)
    given: dict[str, Any] = dict.fromkeys(keywords.values(), False)
    words = []
    for text in argv[1:]:
        if text in keywords:
            given[keywords[text]] = True
        elif text.startswith("-"):
            return None
        else:
            words.append(text)
    if len(words) != len(verb.words):
        return None
    return given | dict(zip(verb.words, words, strict=True))


def answer(name: str, given: dict[str, Any]) -> None:
    """Call the verb; leaves as typer would with 130 after Ctrl-C, with 1 when the reader of its words has left."""
    gc.disable()  # as launch.py does, and why
    module = import_module(f"polybot.cli.commands.{VERBS[name].family}")
    gc.enable()
    try:
        getattr(module, name)(**given)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing more to say, and nothing to complain of while leaving
        sys.exit(1)
