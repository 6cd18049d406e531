"""What the texts cite is there: each section that is named by its number, each page of docs/, each link between pages.

One grammar: the page's short name, a space, the number, on one line, as in `rules §4` or `facts §5.4`; a list names the page
once (`facts §1.1, §2.1`). A page means itself where it names none. A second number may also be that of a numbered item or of a
table's row: `facts §14.7`.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath

from polybot.runtime.base.paths import ROOT

PAGES = {"rules": "docs/rules.md", "facts": "docs/venue-facts.md", "architecture": "docs/architecture.md"}
KINDS = {".py", ".md", ".toml", ".sh", ".conf", ".yml", ".yaml", ""}
LEFT_OUT = ("LICENSE", Path(__file__).name)  # this file plants dead ones
NUMBER = re.compile(r"§(\d+(?:\.\d+)?)")
LISTED = re.compile(r"§\d+(?:\.\d+)?(?:, | and )$")  # what stands before a further number of a list
HEADING = re.compile(r"#{2,3} (\d+(?:\.\d+)?)\.? ")
ITEM = re.compile(r"(?:\| )?(\d+)(?:\. | \| )")
PAGE = re.compile(r"(?<![\w./-])docs/[\w./-]+\.md\b")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@cache
def ours() -> dict[str, str]:
    """Path → text of the files under version control; without git (an unpacked archive), of all that lie in the tree."""
    try:
        told = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        told = ""
    names = [name for name in told.split("\0") if name] or list(lying())
    wanted = (PurePosixPath(name) for name in names)
    paths = [p for p in wanted if p.suffix in KINDS and p.name not in LEFT_OUT and (ROOT / p).is_file()]
    return {str(path): (ROOT / path).read_text(errors="replace") for path in paths}


def lying() -> Iterator[str]:
    """All files of the tree but hidden ones, caches and state."""
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if not parts[0].startswith((".", "state")) and "__pycache__" not in parts:
            yield "/".join(parts)


# --- citations


def sections(page: str) -> Iterator[str]:
    """The numbers that a page's headings have, and those of the items that stand directly under a heading of one number."""
    inside = ""
    for line in page.splitlines():
        if heading := HEADING.match(line):
            inside = heading[1]
            yield inside
        elif inside and "." not in inside and (item := ITEM.match(line)):
            yield f"{inside}.{item[1]}"


def citations(name: str, line: str) -> Iterator[tuple[str, str]]:
    """(page, number) of each § in a line; "" where no page is named, or no number follows."""
    own = next((short for short, path in PAGES.items() if path == name), "")
    page = own
    for sign in re.finditer("§", line):
        before, number = line[: sign.start()], NUMBER.match(line, sign.start())
        if not LISTED.search(before):
            word = re.search(r"(\w+) $", before)
            named = word[1] if word else ""
            page = own if own and named not in PAGES else named
        yield page, number[1] if number else ""


def dead_citations(files: Mapping[str, str]) -> list[str]:
    """One sentence each: where, what is wrong, and the line."""
    there = {short: set(sections(files.get(path, ""))) for short, path in PAGES.items()}
    return [
        f"{name}:{n}: {why}: {line.strip()[:100]}"
        for name, text in files.items()
        for n, line in enumerate(text.splitlines(), 1)
        for page, number in citations(name, line)
        if (why := _wrong(page, number, there))
    ]


def _wrong(page: str, number: str, there: Mapping[str, set[str]]) -> str:
    if not number:
        return "no number follows"
    if not page:
        return f"{number} of no page"
    if page not in there:
        return f"{number} of an unknown page, {page}"
    return "" if number in there[page] else f"{PAGES[page]} has no section {number}"


def test_every_section_that_is_cited_exists() -> None:
    assert dead_citations(ours()) == []


PAGE_OF_TWO = "## 1. One\n\n### 1.1 Of it\n\n## 2. Two\n\n| 7 | row |\n\nSee §1.1 and §2.\n"


def test_what_is_there_may_be_cited() -> None:
    files = dict.fromkeys(PAGES.values(), PAGE_OF_TWO) | {"a.py": "facts §1.1, §2.7 and rules §2's; architecture §1."}
    assert dead_citations(files) == []


def test_a_dead_number_and_an_unknown_page_are_reported() -> None:
    files = dict.fromkeys(PAGES.values(), PAGE_OF_TWO) | {
        "a.py": '"""It waits (rules §3)."""',
        "b.toml": "\n# design §1",
        "c.md": "as facts §1, §2.8",
        "d.py": "# §1",
        "e.py": "# rules §N",
        "docs/rules.md": "## 1. One\n\nSee §2.\n",
    }
    assert [line.rpartition(": ")[0] for line in dead_citations(files)] == [
        "docs/rules.md:3: docs/rules.md has no section 2",
        "a.py:1: docs/rules.md has no section 3",
        "b.toml:2: 1 of an unknown page, design",
        "c.md:1: docs/venue-facts.md has no section 2.8",
        "d.py:1: 1 of no page",
        "e.py:1: no number follows",
    ]


@cache
def numbers(page: str) -> list[str]:
    return list(sections(ours()[page]))


def test_a_number_names_one_section() -> None:
    twice = [
        f"{page}: {n}" for page in PAGES.values() for n in dict.fromkeys(numbers(page)) if numbers(page).count(n) > 1
    ]
    assert twice == []


# --- pages and links


def dead_links(files: Mapping[str, str]) -> list[str]:
    """Pages of docs/ that are named and not there; links of a page that lead to no file, or to no heading of it."""
    wrong = [f"{name}: {page}" for name, text in files.items() for page in PAGE.findall(text) if page not in files]
    for name in (name for name in files if name.endswith(".md")):
        links = LINK.findall(FENCED.sub("", files[name]))
        wrong += [f"{name}: {link}" for link in links if ":" not in link and not leads(name, link, files)]
    return wrong


def leads(name: str, link: str, files: Mapping[str, str]) -> bool:
    """Does a page's relative link lead to something, and its anchor to a heading of that?"""
    target, _, anchor = link.partition("#")
    path = beside(name, target) if target else name
    return (path in files or (ROOT / path).exists()) and (not anchor or anchor in anchors(files.get(path, "")))


def beside(name: str, target: str) -> str:
    """A relative target of a page, as seen from the root."""
    parts = list(PurePosixPath(name).parent.parts)
    for part in PurePosixPath(target).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def anchors(page: str) -> set[str]:
    """What a page's headings are called in a link."""
    titles = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_and_link_leads_somewhere() -> None:
    assert dead_links(ours()) == []


def test_a_link_to_nowhere_is_reported() -> None:
    page = (
        "# A page\n\n## 2. Its end\n\n[up](../README.md) [there](b.md#2-its-end) [here](#a-page) [out](https://a.org)\n"
    )
    files = {"README.md": "see docs/a.md", "docs/a.md": page, "docs/b.md": page}
    assert dead_links(files) == []
    files["docs/c.md"] = "[x](d.md) [y](a.md#3) `docs/e.md`\n```\n[z](f.md)\n```\n"
    assert dead_links(files) == ["docs/c.md: docs/e.md", "docs/c.md: d.md", "docs/c.md: a.md#3"]
