"""config.toml → Settings. Flag > environment > file > preset > default; what is unknown or absurd is named, with line and
near name. A line of the file that says no more than the default says does not outrank a preset: the file we ship has them all.

POLYBOT_PROFILE, POLYBOT_STATE, POLYBOT_CONFIG, POLYBOT_PRESET choose profile, state folder, file and preset;
POLYBOT__RISK__MAX_STAKE_USD=5 sets a knob. A flag of the command line reaches the actors as such a variable, so all processes
read the same.
"""

import json
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from polybot.core.market.windows import DECIDE_UNTIL_S
from polybot.core.sizing import stake
from polybot.core.strategies import BUILT_IN
from polybot.runtime.base.paths import ROOT
from polybot.runtime.config import addresses, plugin_paths
from polybot.runtime.config.errors import ConfigError as ConfigError  # who reads the knobs finds it here
from polybot.settings import SIZINGS, Settings, usd_e6

Origin = Literal["default", "preset", "file", "environment", "flag"]
PREFIX = "POLYBOT__"
TABLE_OF_STRATEGY = re.compile(r"strategy\.(\w+)\.\w+")
PROFILES = ("demo", "paper", "live")
NO_SIGNAL = ("up", "down", "skip")


class Config(msgspec.Struct, frozen=True):
    """The knobs, and where each one that is not a default was set: "risk.max_stake_usd" → (origin, place)."""

    settings: Settings
    file: Path
    origins: dict[str, tuple[Origin, str]] = {}

    def place(self, knob: str) -> str:
        """Where a knob was set, as sentences name it."""
        return self.origins.get(knob, ("default", "default"))[1]


def load_or_exit(flags: Mapping[str, str] | None = None) -> Settings:
    """The knobs, for programs: else a sentence on stderr and exit code 78."""
    try:
        return load(flags).settings
    except ConfigError as exc:
        sys.stderr.write(f"{exc}\n")
        sys.exit(78)


def load(flags: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """Everything read, merged and checked. flags: dotted knob → text. Raises ConfigError."""
    environment = os.environ if environment is None else environment
    file = Path(environment.get("POLYBOT_CONFIG") or ROOT / "config.toml").expanduser()
    text = _text_of(file, must_exist="POLYBOT_CONFIG" in environment)
    tree, origins = _from_file(file, text)
    if preset := environment.get("POLYBOT_PRESET"):
        _lay_under(tree, origins, _preset_file(preset))
    plugins = _plugins(
        _at(tree, "bot").get("strategies")
    )  # a flag may name others for one run: their tables stay right
    for dotted, value, place in _from_environment(environment):
        _put(tree, dotted, value, place)
        origins[dotted] = ("environment", place)
    for dotted, value in (flags or {}).items():
        _put(tree, dotted, value, f"flag {dotted}")
        origins[dotted] = ("flag", dotted)
    settings = _convert(tree, origins)
    config = Config(settings, file, origins)
    _check_tables(config, (*plugins, *_plugins(settings.bot.strategies)))
    _check(config)
    return config


# --- reading


def _text_of(file: Path, must_exist: bool) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        if must_exist:
            raise ConfigError(f"{file}: no such file (POLYBOT_CONFIG names it)") from None
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{file}: cannot be read: {exc}") from exc


def _from_file(file: Path, text: str) -> tuple[dict[str, Any], dict[str, tuple[Origin, str]]]:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(_not_toml(file, text, str(exc))) from exc
    origins: dict[str, tuple[Origin, str]] = {}
    marks = _marks(text)
    for dotted in _leaves(tree):
        place = f"{file}:{_line_of(marks, dotted)}"
        _must_be_known(dotted, place)
        origins[dotted] = ("file", place)
    return tree, origins


def presets() -> list[str]:
    """The names that exist: a file each in presets/."""
    return sorted(path.stem for path in (ROOT / "presets").glob("*.toml"))


def _preset_file(name: str) -> Path:
    if name not in presets():
        near = _near(name, presets())
        hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(presets())}"
        raise ConfigError(f'unknown preset "{name}": {hint}')
    return ROOT / "presets" / f"{name}.toml"


def _lay_under(tree: dict[str, Any], origins: dict[str, tuple[Origin, str]], file: Path) -> None:
    """A preset's values, where the file above it says nothing of its own."""
    below, places = _from_file(file, _text_of(file, must_exist=True))
    defaults = known_knobs()
    for dotted, (_, place) in places.items():
        table, _, key = dotted.rpartition(".")
        if dotted in origins and _at(tree, table).get(key) != defaults.get(dotted):
            continue
        _at(tree, table)[key] = _at(below, table)[key]
        origins[dotted] = ("preset", place)


def _at(tree: dict[str, Any], table: str) -> dict[str, Any]:
    for name in table.split("."):
        tree = tree.setdefault(name, {})
    return tree


def _leaves(tree: dict[str, Any], above: str = "") -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{key}.")
            if not value and not above:
                yield key
        else:
            yield f"{above}{key}"


def _marks(text: str) -> list[tuple[int, str, str]]:
    """(line, table, key) of each line that names something; a table's header has the key "". TOML's own parser does not tell
    where anything stands; our files are plain tables of plain keys.
    """
    marks, here = [], ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([^\]]+?)\s*\]", line):
            here = header[1]
            marks.append((number, here, ""))
        elif named := re.match(r"""\s*["']?([\w.-]+)["']?\s*=""", line):
            marks.append((number, here, named[1]))
    return marks


def _line_of(marks: list[tuple[int, str, str]], dotted: str) -> int:
    """The line a key or a table stands on; 1 where it cannot be told."""
    table, _, key = dotted.rpartition(".")
    for number, here, name in marks:
        if name:
            full = f"{here}.{name}" if here else name
            if full == dotted or (here == table and name == key):
                return number
        elif here == dotted or here.startswith(f"{dotted}."):
            return number
    return 1


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for name in sorted(environment):
        if name.startswith(PREFIX):
            dotted = name[len(PREFIX) :].lower().replace("__", ".")
            _must_be_known(dotted, f"environment {name}")
            yield dotted, environment[name], f"environment {name}"
    if profile := environment.get("POLYBOT_PROFILE"):
        yield "bot.profile", profile, "environment POLYBOT_PROFILE"


def variable_of(dotted: str) -> str:
    """The environment's name of a knob: risk.max_stake_usd → POLYBOT__RISK__MAX_STAKE_USD."""
    return PREFIX + dotted.upper().replace(".", "__")


# --- knobs


@cache
def known_knobs() -> Mapping[str, Any]:
    """Dotted name → its default; strategies' own parameters are open and not among them. Read once: a file has many keys."""
    knobs: dict[str, Any] = {}
    for table in msgspec.structs.fields(Settings):
        if table.name != "strategy":
            default = table.default
            knobs |= {f"{table.name}.{f.name}": getattr(default, f.name) for f in msgspec.structs.fields(type(default))}
    return MappingProxyType(knobs)


def _must_be_known(dotted: str, place: str) -> None:
    if TABLE_OF_STRATEGY.fullmatch(dotted):
        return  # whose table it is, is asked when it is known which plug-ins are named
    knobs = known_knobs()
    if dotted in knobs:
        return
    tables = [*dict.fromkeys(knob.split(".")[0] for knob in knobs), "strategy"]
    table, _, key = dotted.rpartition(".")
    siblings = [knob.split(".")[1] for knob in knobs if knob.startswith(f"{table}.")]
    near = _same_key(key, knobs) if siblings else []
    if siblings:
        near = near or [f"{table}.{name}" for name in _near(key, siblings, 0.5)]
    else:
        near = [f"[{name}]" for name in _near(table.split(".")[0] or key, tables)]
    near = near or _near(dotted, knobs, 0.5) or _same_key(key, knobs)
    hint = f": did you mean {near[0]}?" if near else f"; known tables: {', '.join(tables)}"
    raise ConfigError(f'{place}: unknown key "{dotted}"{hint}')


def _near(word: str, known: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """The one name that was probably meant; [] when none is near."""
    import difflib  # only to word an error: every program reads its knobs, and hardly ever meets one

    return difflib.get_close_matches(word, known, 1, cutoff)


def _same_key(key: str, knobs: Mapping[str, Any]) -> list[str]:
    return [knob for knob in knobs if knob.split(".")[1] == key]


def _must_be_strategy(spec: str, place: str) -> None:
    """Ours by name, else possibly a plug-in: whether that can be imported is asked by those who may import it."""
    path, colon, name = spec.rpartition(":")
    if colon:
        if not name.isidentifier():
            raise ConfigError(f'{place}: strategy "{spec}": after the colon stands the name of an object in the file')
        if not Path(path).expanduser().is_file():
            raise ConfigError(f'{place}: strategy "{spec}": no file {path}')
        return
    if name not in BUILT_IN and not plugin_paths.may_exist():
        near = _near(name, BUILT_IN)
        hint = f': did you mean "{near[0]}"?' if near else f"; known: {', '.join(BUILT_IN)}"
        raise ConfigError(f'{place}: unknown strategy "{name}"{hint}')


def _plugins(strategies: Any) -> tuple[str, ...]:
    """The names that plug-ins named by their path trade under: of path.py:Name, Name. What is no list is refused elsewhere."""
    specs = strategies if isinstance(strategies, list | tuple) else ()
    return tuple(str(spec).rpartition(":")[2] for spec in specs if ":" in str(spec))


def _put(tree: dict[str, Any], dotted: str, text: str, place: str) -> None:
    """Set a knob from text: a TOML value where it is one, else plain text; lists also as a,b,c."""
    _must_be_known(dotted, place)
    *tables, key = dotted.split(".")
    for table in tables:
        tree = tree.setdefault(table, {})
    if isinstance(known_knobs().get(dotted), tuple) and not text.lstrip().startswith("["):
        tree[key] = [part.strip() for part in text.split(",") if part.strip()]
        return
    if isinstance(known_knobs().get(dotted), str):
        tree[key] = text
        return
    try:
        tree[key] = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        tree[key] = text


def _not_toml(file: Path, text: str, what: str) -> str:
    """The parser's complaint with its place in front, as every other one has it, and the line it stumbled over."""
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", what)
    if not found:
        return f"{file}: not TOML: {what}"
    complaint, line, column = found[1], int(found[2]), found[3]
    return f"{file}:{line}: not TOML at column {column}: {complaint.lower()}: {text.splitlines()[line - 1].strip()}"


def _convert(tree: dict[str, Any], origins: dict[str, tuple[Origin, str]]) -> Settings:
    try:
        return msgspec.convert(tree, Settings)
    except msgspec.ValidationError as exc:
        what, _, where = str(exc).partition(" - at `$.")
        dotted = re.sub(r"\[.*", "", where.rstrip("`"))
        place = origins.get(dotted, ("default", "config"))[1]
        raise ConfigError(f"{place}: {dotted} = {_given(tree, dotted)}: {what[:1].lower()}{what[1:]}") from exc


def _given(tree: dict[str, Any], dotted: str) -> str:
    """What stood there, as the operator wrote it."""
    value: Any = tree
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, dict) else value
    return json.dumps(value, default=str)


# --- what must fit together


def _check(config: Config) -> None:
    s, place = config.settings, config.place
    _must_be_one_of("bot.profile", s.bot.profile, PROFILES, place("bot.profile"))
    _must_be_one_of("bot.on_no_signal", s.bot.on_no_signal, NO_SIGNAL, place("bot.on_no_signal"))
    _must_be_one_of("sizing.rule", s.sizing.rule, SIZINGS, place("sizing.rule"))
    if s.world.scenario:
        from polybot.sim.world.scenarios import NAMES  # only a demo of a special day needs to know them

        _must_be_one_of("world.scenario", s.world.scenario, NAMES, place("world.scenario"))
        if s.world.tape:
            raise ConfigError(f"{place('world.scenario')}: a tape is a day as it was: no scenario can be played on it")
    _check_own(s, place)
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", s.bot.account):
        raise ConfigError(
            f'{place("bot.account")}: bot.account = "{s.bot.account}": letters, digits, _ and - only, at most 32'
        )
    if not s.bot.strategies:
        raise ConfigError(f"{place('bot.strategies')}: bot.strategies is empty: name at least one")
    for name in s.bot.strategies:
        _must_be_strategy(name, place("bot.strategies"))
    if len(set(s.bot.strategy_names)) < len(s.bot.strategies):
        raise ConfigError(f"{place('bot.strategies')}: bot.strategies names a strategy twice")
    _check_times(s, place)
    _check_money(s, place)
    _check_wallet(s, place)
    if s.bot.profile != "demo":
        _check_not_demo(config)


def _check_tables(config: Config, plugins: tuple[str, ...]) -> None:
    """[strategy.NAME] is of a strategy that there is."""
    for dotted, (_, place) in config.origins.items():
        table = TABLE_OF_STRATEGY.fullmatch(dotted)
        if table and table[1] not in plugins:
            _must_be_strategy(table[1], place)


def _must_be_one_of(knob: str, value: str, known: tuple[str, ...], place: str) -> None:
    if value not in known:
        near = _near(value, known)
        hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(known)}"
        raise ConfigError(f'{place}: {knob} = "{value}": {hint}')


def _check_own(s: Settings, place: Callable[[str], str]) -> None:
    """What strategies' own tables say about money."""
    shares = 0.0
    for name in s.strategy:
        where = f"strategy.{name}"
        try:
            own = s.sizing_of(name)
            s.risk_of(name)
        except msgspec.ValidationError as exc:
            raise ConfigError(f"{place(f'{where}.sizing')}: {where}: {str(exc)[:1].lower()}{str(exc)[1:]}") from exc
        _must_be_one_of(f"{where}.sizing", own.rule, SIZINGS, place(f"{where}.sizing"))
        share = s.strategy[name].get("share", 1.0)
        if isinstance(share, bool | str) or not 0 < share <= 1:
            raise ConfigError(f"{place(f'{where}.share')}: {where}.share = {share!r} must be above 0 and at most 1")
        shares += float(share) if name in s.bot.strategy_names and "share" in s.strategy[name] else 0.0
    if shares > 1 + 1e-9:
        raise ConfigError(f"the shares of the strategies that trade add up to {shares:g}: together they may have 1")


def _check_times(s: Settings, place: Callable[[str], str]) -> None:
    if s.trade.decide_after_s > DECIDE_UNTIL_S:
        raise ConfigError(
            f"{place('trade.decide_after_s')}: trade.decide_after_s = {s.trade.decide_after_s:g} is later than "
            f"{DECIDE_UNTIL_S} s into the window, when what is undecided is skipped: no window could ever be entered"
        )
    if s.trade.min_price >= s.trade.max_price:
        raise ConfigError(
            f"{place('trade.min_price')}: trade.min_price = {s.trade.min_price:g} is not below "
            f"trade.max_price = {s.trade.max_price:g}: no price could pass"
        )


def _check_money(s: Settings, place: Callable[[str], str]) -> None:
    """A limit below the first stake would silently refuse everything: say so now. Cash must cover its fee as well."""
    for name in s.bot.strategy_names:
        knob_of_stake, base_e6 = stake.first_stake(s, name)
        worst_e6 = stake.first_worst_e6(s, name)
        for knob, limit_e6, needed_e6 in _bounds(s, name, base_e6, worst_e6):
            if needed_e6 > limit_e6:
                raise ConfigError(
                    f"{place(knob)}: {knob} allows {limit_e6 / 1e6:.2f} USD, {name}'s first stake of {base_e6 / 1e6:.2f} USD "
                    f"({knob_of_stake}) needs {needed_e6 / 1e6:.2f}{' with its fee' if needed_e6 > base_e6 else ''}: "
                    "nothing could ever trade"
                )


WALLETS = {1: "the proxy wallet", 2: "the Safe", 3: "the deposit wallet"}


def _check_wallet(s: Settings, place: Callable[[str], str]) -> None:
    """Who signs and who pays must fit together; whether the key is type 0's funder is asked once the key is read."""
    kind, funder = s.live.signature_type, s.live.funder
    if kind and not funder:
        raise ConfigError(
            f'{place("live.signature_type")}: live.signature_type = {kind} needs live.funder = "0x…", the address of '
            f"{WALLETS[kind]} that holds the money; 0 trades with the key's own"
        )
    if funder and (why := addresses.fault(funder)):
        raise ConfigError(f'{place("live.funder")}: live.funder = "{funder}" {why}')


def _bounds(s: Settings, name: str, base_e6: int, worst_e6: int) -> Iterator[tuple[str, int, int]]:
    """(knob, what it allows, what a first stake needs), millionths."""
    cash = s.bot.capital_usd * s.share_of(name) * s.sizing_of(name).max_cash_fraction
    yield "risk.max_stake_usd", usd_e6(s.max_stake_of(name)), base_e6
    yield "bot.capital_usd", usd_e6(round(cash, 6)), worst_e6
    yield "risk.max_drawdown_pct", usd_e6(round(s.bot.capital_usd * s.risk.max_drawdown_pct / 100, 6)), worst_e6
    for knob in ("daily_loss_usd", "max_market_usd", "max_exposure_usd"):
        yield f"risk.{knob}", usd_e6(getattr(s.risk, knob)), worst_e6
    for knob in ("daily_loss_usd", "max_exposure_usd"):
        own = getattr(s.risk_of(name), knob)
        if own is not None:
            yield f"strategy.{name}.{knob}", usd_e6(own), worst_e6
    if s.bot.profile == "live":
        yield "live.live_max_stake_usd", usd_e6(s.live.live_max_stake_usd), base_e6
        yield "live.live_max_loss_usd", usd_e6(s.live.live_max_loss_usd), worst_e6


def _check_not_demo(config: Config) -> None:
    profile = config.settings.bot.profile
    if config.origins.get("world.speed", ("default", ""))[0] in ("flag", "environment"):
        place = config.origins["world.speed"][1]
        raise ConfigError(f"{place}: the {profile} profile lives by the wall clock and refuses a speed")
    if config.settings.world.tape:
        place = config.origins["world.tape"][1]
        raise ConfigError(f"{place}: the {profile} profile reads the real feeds and refuses a tape")
    if config.settings.world.scenario:
        place = config.origins["world.scenario"][1]
        raise ConfigError(f"{place}: the {profile} profile reads the real feeds and refuses a scenario")
    if "bot.on_no_signal" not in config.origins:
        raise ConfigError(
            f"bot.on_no_signal is not written: trading {config.settings.bot.on_no_signal} without a signal is a default "
            f"of the demo only; the {profile} profile must write it out (up, down or skip)"
        )
