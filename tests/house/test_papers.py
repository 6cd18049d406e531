"""What the papers name is there: files and folders in code type, the parts of a decision's page, one row a word."""

import re
from functools import cache
from pathlib import Path

import pytest

from polybot.runtime.base.paths import ROOT

PAGES = sorted(
    str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")) if path.is_file()
)
DECISIONS = [page for page in PAGES if re.match(r"docs/adr/\d{4}-", page)]
PARTS = ("Context", "Choice", "Refused", "What would change our mind", "A figure")
NAMED = re.compile(r"`(?:\./)?((?:[\w.-]+/)*[\w-]+\.(?:py|toml|md|conf|lock|yml))`|`((?:[\w.-]+/)+)`")
ELSEWHERE = ("CHANGELOG.md", "docs/venue-facts.md")  # these name what was, and what is in other repositories
# An older bot's, and the reader's own.
NOT_OURS = {"main.py", "three.py", "mine.py", "three_ticks.py", "live.toml"}
STATE = {"state", "journal", "flight", "logs", "archive", "report", "run", "venue"}  # rooms of a state folder
PLACES = ("", "polybot", "polybot/core", "polybot/core/executor", "polybot/core/executor/reconciling")


@cache
def ours() -> frozenset[str]:
    """Every file and folder of the tree, but for caches, state and hidden folders."""
    found = set()
    for top in ROOT.iterdir():
        if top.name in ("state", "state-venue") or (top.name.startswith(".") and top.name not in (".ci", ".github")):
            continue
        found |= {top.name}
        if top.is_dir():
            found |= {str(p.relative_to(ROOT)) for p in top.rglob("*") if "__pycache__" not in p.parts}
    return frozenset(found)


def lost(text: str, there: frozenset[str]) -> list[str]:
    """Files and folders that a page names and that are nowhere. A bare file's name may be any file's."""
    names = {next(filter(None, match)).rstrip("/") for match in NAMED.findall(text)}
    bare = {path.rpartition("/")[2] for path in there}
    return sorted(
        name
        for name in names - NOT_OURS - STATE
        if not any(str(Path(place, name)) in there for place in PLACES)
        and not ("/" not in name and name in bare)
        and not name.startswith(("state/", "~"))
        and "NAME" not in name
    )


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ELSEWHERE])
def test_every_file_that_is_named_is_there(page: str) -> None:
    assert lost((ROOT / page).read_text(), ours()) == []


def test_a_file_that_is_gone_is_found() -> None:
    there = frozenset({"polybot", "polybot/core", "polybot/core/risk", "polybot/core/risk/table.py", "config.toml"})
    there_is = "`config.toml` `core/risk/table.py` `table.py` `polybot/core/` `state/halt.json`"
    assert lost(there_is, there) == []
    gone = "`core/risk/old.py` `polybot/shell/` `gone.py`"
    assert lost(there_is + gone, there) == ["core/risk/old.py", "gone.py", "polybot/shell"]


@pytest.mark.parametrize("page", DECISIONS)
def test_a_decisions_page_has_its_parts_and_a_figure(page: str) -> None:
    text = (ROOT / page).read_text()
    assert re.findall(r"^## (.+)$", text, re.M) == list(PARTS)
    assert text.startswith(f"# {page[9:13]} ")
    assert re.search(r"\d", text[text.index("## A figure") :])
    assert f"({page.rpartition('/')[2]})" in (ROOT / "docs/adr/README.md").read_text()


def test_the_glossary_tells_each_word_once() -> None:
    rows = [line for line in (ROOT / "docs/glossary.md").read_text().splitlines() if line.startswith("| ")]
    words = [word.strip() for row in rows if (cell := row.split("|")[1].strip()) != "word" for word in cell.split(",")]
    assert len(words) == len(set(words)) > 35


def test_every_paper_has_its_line_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    papers = [page for page in PAGES if page != "README.md" and not page.startswith("docs/adr/")]
    assert [page for page in [*papers, "docs/adr/"] if f"`{page}`" not in readme] == []
