"""config.toml, the environment and flags: what wins, what is refused, and with which sentence."""

import re
from pathlib import Path

import pytest

from polybot.cli.commands.config import sentences, told
from polybot.runtime.base.paths import ROOT
from polybot.runtime.config import config
from polybot.runtime.config.config import ConfigError, load
from polybot.settings import Settings


def with_file(tmp_path: Path, text: str, **environment: str) -> dict[str, str]:
    file = tmp_path / "config.toml"
    file.write_text(text)
    return {"POLYBOT_CONFIG": str(file), **environment}


def sentence(environment: dict[str, str], flags: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(flags, environment)
    return str(caught.value)


def test_the_file_we_ship_says_the_defaults_and_explains_every_knob() -> None:
    assert load(environment={}).settings == Settings()
    said = sentences()
    assert set(said) == set(config.known_knobs())
    assert all(said.values())


def test_each_knob_earns_its_sentence() -> None:
    """There may be as many as there are things to decide; a knob whose sentence says nothing is one too many."""
    for knob, sentence in sentences().items():
        assert len(sentence.split()) >= 4, f"{knob}: {sentence!r} tells nobody what it does"


@pytest.mark.parametrize("width", [80, 100])
def test_a_knob_is_told_within_the_terminals_width(width: int) -> None:
    place = "/home/somebody/with/a/rather/long/name/polybot/config.toml:7"
    for knob, sentence in sentences().items():
        row = {"knob": knob, "value": ("rsi_ema", "coin"), "place": place, "origin": "file", "does": sentence}
        lines = told(row, width).splitlines()
        assert max(map(len, lines)) <= width, lines
        assert sentence.split()[0] in lines[-1] or len(lines) > 1
        assert place in "\n".join(lines)


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    env = with_file(tmp_path, "[risk]\nmax_stake_usd = 40\nmax_positions = 2\n[world]\nseed = 1\n")
    env |= {"POLYBOT__RISK__MAX_STAKE_USD": "30", "POLYBOT__WORLD__SEED": "2"}
    loaded = load({"world.seed": "3"}, env)
    s = loaded.settings
    assert (s.world.seed, s.risk.max_stake_usd, s.risk.max_positions, s.risk.max_range_pct) == (3, 30.0, 2, 3.0)
    assert loaded.origins["world.seed"][0] == "flag"
    assert loaded.origins["risk.max_stake_usd"] == ("environment", "environment POLYBOT__RISK__MAX_STAKE_USD")
    assert loaded.origins["risk.max_positions"] == ("file", f"{tmp_path}/config.toml:3")
    assert "risk.max_range_pct" not in loaded.origins


def test_an_unknown_key_names_file_line_and_nearest_key(tmp_path: Path) -> None:
    env = with_file(tmp_path, "# a comment\n[risk]\nmax_positions = 2\nmax_stke_usd = 5\n")
    assert (
        sentence(env) == f'{tmp_path}/config.toml:4: unknown key "risk.max_stke_usd": did you mean risk.max_stake_usd?'
    )


def test_an_unknown_table_names_the_nearest(tmp_path: Path) -> None:
    env = with_file(tmp_path, "\n[rsik]\nmax_stake_usd = 5\n")
    assert sentence(env) == f'{tmp_path}/config.toml:3: unknown key "rsik.max_stake_usd": did you mean [risk]?'


def test_a_key_in_the_wrong_table_is_told_where_it_belongs(tmp_path: Path) -> None:
    env = with_file(tmp_path, "[bot]\nmax_stake_usd = 5\n")
    assert "did you mean risk.max_stake_usd?" in sentence(env)


def test_broken_toml_names_the_line(tmp_path: Path) -> None:
    env = with_file(tmp_path, "[risk]\nmax_stake_usd = = 5\n")
    assert sentence(env).endswith("config.toml:2: not TOML at column 17: invalid value: max_stake_usd = = 5")


def test_a_wrong_type_names_key_and_line(tmp_path: Path) -> None:
    env = with_file(tmp_path, '[risk]\nmax_stake_usd = "much"\n')
    assert sentence(env) == f'{tmp_path}/config.toml:2: risk.max_stake_usd = "much": expected `float`, got `str`'


def test_an_unknown_variable_is_an_error() -> None:
    assert "did you mean risk.max_stake_usd?" in sentence({"POLYBOT__RISK__MAX_STAKE": "5"})


def test_variables_of_other_programs_are_none_of_our_business() -> None:
    load(environment={"POLYBOT_STATE": "/x", "POLYBOT_PARENT": "1", "PATH": "/bin"})


def test_an_unknown_strategy_names_the_nearest() -> None:
    said = sentence({"POLYBOT__BOT__STRATEGIES": "rsi_emma"})
    assert 'unknown strategy "rsi_emma": did you mean "rsi_ema"?' in said


def test_several_strategies_are_given_with_commas() -> None:
    s = load(environment={"POLYBOT__BOT__STRATEGIES": "rsi_ema, coin"}).settings
    assert s.bot.strategies == ("rsi_ema", "coin")


def test_a_strategys_own_parameters_are_open(tmp_path: Path) -> None:
    env = with_file(tmp_path, "[strategy.rsi_ema]\nperiod = 9\n", POLYBOT__STRATEGY__RSI_EMA__LOW="25")
    assert load(environment=env).settings.strategy == {"rsi_ema": {"period": 9, "low": 25}}
    assert "unknown strategy" in sentence({"POLYBOT__STRATEGY__MOMENTUM__X": "1"})


def test_a_named_file_that_is_missing_is_an_error() -> None:
    assert "no such file" in sentence({"POLYBOT_CONFIG": "/nowhere/config.toml"})


def test_the_profile_comes_from_its_own_variable() -> None:
    assert 'bot.profile = "lve": did you mean "live"?' in sentence({"POLYBOT_PROFILE": "lve"})


@pytest.mark.parametrize("profile", ["paper", "live"])
def test_what_is_bought_without_a_signal_must_be_written_outside_the_demo(profile: str) -> None:
    assert "must write it out" in sentence({"POLYBOT_PROFILE": profile})
    env = {"POLYBOT_PROFILE": profile, "POLYBOT__BOT__ON_NO_SIGNAL": "skip"}
    assert load(environment=env).settings.bot.profile == profile


def test_paper_and_live_refuse_a_speed_and_a_tape() -> None:
    env = {"POLYBOT_PROFILE": "paper", "POLYBOT__BOT__ON_NO_SIGNAL": "skip"}
    assert "refuses a speed" in sentence(env | {"POLYBOT__WORLD__SPEED": "2"})
    assert "refuses a speed" in sentence(env, {"world.speed": "2"})
    assert "refuses a tape" in sentence(env | {"POLYBOT__WORLD__TAPE": "day"})


@pytest.mark.parametrize(
    ("knob", "below", "at"),
    [
        ("POLYBOT__RISK__MAX_STAKE_USD", "4.99", "5"),
        ("POLYBOT__BOT__CAPITAL_USD", "10.69", "10.70"),
        ("POLYBOT__RISK__DAILY_LOSS_USD", "5.34", "5.35"),
        ("POLYBOT__RISK__MAX_DRAWDOWN_PCT", "5.34", "5.35"),
        ("POLYBOT__RISK__MAX_MARKET_USD", "5.34", "5.35"),
        ("POLYBOT__RISK__MAX_EXPOSURE_USD", "5.34", "5.35"),
        ("POLYBOT__STRATEGY__RSI_EMA__DAILY_LOSS_USD", "5.34", "5.35"),
        ("POLYBOT__STRATEGY__RSI_EMA__MAX_EXPOSURE_USD", "5.34", "5.35"),
    ],
)
def test_a_limit_below_one_base_stake_is_refused_and_at_it_passes(knob: str, below: str, at: str) -> None:
    wide = {"POLYBOT__RISK__MAX_DRAWDOWN_PCT": "100"}
    load(environment=wide | {knob: at})
    assert "nothing could ever trade" in sentence(wide | {knob: below})


def test_a_price_band_that_nothing_can_pass_is_refused() -> None:
    assert "no price could pass" in sentence({"POLYBOT__TRADE__MIN_PRICE": "0.65"})
    load(environment={"POLYBOT__TRADE__MIN_PRICE": "0.64"})


def test_the_shipped_file_is_the_default_file() -> None:
    assert load(environment={}).file == ROOT / "config.toml"


# --- a strategy's own table


def test_a_strategys_own_sizing_is_read_and_its_parameters_stay_its_own(tmp_path: Path) -> None:
    env = with_file(tmp_path, '[strategy.coin]\nsizing = "fixed"\nfixed_stake_usd = 3.0\nshare = 0.25\nbias = 1\n')
    s = load(environment=env).settings
    assert (s.sizing_of("coin").rule, s.sizing_of("coin").fixed_stake_usd, s.share_of("coin")) == ("fixed", 3.0, 0.25)
    assert (
        s.params_of("coin") == {"bias": 1}
        and s.risk_of("coin").daily_loss_usd is None
        and s.sizing_of("rsi_ema").rule == "win_streak"
    )


def test_a_strategys_own_limits_stand_beside_the_bots(tmp_path: Path) -> None:
    text = "[strategy.coin]\ndaily_loss_usd = 6.0\nloss_pause_after = 3\nmax_exposure_usd = 12.0\nbias = 1\n"
    s = load(environment=with_file(tmp_path, text)).settings
    own = s.risk_of("coin")
    assert (own.daily_loss_usd, own.loss_pause_after, own.max_exposure_usd) == (6.0, 3, 12.0)
    assert s.params_of("coin") == {"bias": 1} and s.risk_of("rsi_ema").daily_loss_usd is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[strategy.coin]\nsizing = "kely"\n', 'strategy.coin.sizing = "kely": did you mean "kelly"?'),
        ("[strategy.coin]\nshare = 1.5\n", "strategy.coin.share = 1.5 must be above 0 and at most 1"),
        ('[strategy.coin]\nbase_stake_usd = "lots"\n', "strategy.coin: expected `float`, got `str`"),
        ("[strategy.coin]\nloss_pause_after = 0\n", "strategy.coin: expected `int` >= 1"),
        (
            '[bot]\nstrategies = ["coin", "rsi_ema"]\n[strategy.coin]\nshare = 0.6\n[strategy.rsi_ema]\nshare = 0.5\n',
            "add up to 1.1: together they may have 1",
        ),
        ('[bot]\nstrategies = ["coin"]\n[strategy.coin]\nshare = 0.01\n', "coin's first stake of 5.00 USD"),
        ('[bot]\nstrategies = ["coin:Flip"]\n', "no file coin"),
        ('[bot]\nstrategies = ["/etc/passwd:not a name"]\n', "after the colon stands the name"),
    ],
)
def test_what_cannot_be_meant_there_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in sentence(with_file(tmp_path, text))


# --- presets


def test_a_preset_stands_below_what_you_wrote_and_above_the_defaults(tmp_path: Path) -> None:
    shipped = (ROOT / "config.toml").read_text()
    env = with_file(tmp_path, shipped.replace("max_stake_usd = 25.0", "max_stake_usd = 2.5"), POLYBOT_PRESET="small")
    loaded = load({"risk.max_positions": "2"}, env | {"POLYBOT__RISK__DAILY_LOSS_USD": "1.5"})
    risk = loaded.settings.risk
    assert (loaded.settings.bot.capital_usd, risk.max_stake_usd, risk.daily_loss_usd, risk.max_positions) == (
        75,
        2.5,
        1.5,
        2,
    )
    knobs = (
        "bot.capital_usd",
        "risk.max_stake_usd",
        "risk.daily_loss_usd",
        "risk.max_positions",
        "sizing.base_stake_usd",
    )
    assert [loaded.origins[k][0] for k in knobs] == ["preset", "file", "environment", "flag", "preset"]
    assert re.fullmatch(r".*presets/small\.toml:\d+", loaded.place("bot.capital_usd"))


def test_the_small_preset_is_a_purse_of_75_with_stakes_of_1_to_3(tmp_path: Path) -> None:
    s = load(environment=with_file(tmp_path, "", POLYBOT_PRESET="small")).settings
    assert (s.bot.capital_usd, s.sizing.base_stake_usd, s.risk.max_stake_usd, s.live.live_max_stake_usd) == (
        75,
        1,
        3,
        3,
    )
    assert s.risk.daily_loss_usd == 2 and s.risk.max_positions == 3


def test_an_unknown_preset_is_named_with_the_nearest(tmp_path: Path) -> None:
    assert sentence({"POLYBOT_PRESET": "smal"}) == 'unknown preset "smal": did you mean "small"?'
    assert sentence({"POLYBOT_PRESET": "../config"}) == 'unknown preset "../config": known: small'


# --- the wallet

SAFE = "0xE111180000d2663C0091e4f400237545B87B996B"


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_a_wallet_that_is_not_the_keys_own_must_be_named(tmp_path: Path, kind: int) -> None:
    told = sentence(with_file(tmp_path, f"[live]\nsignature_type = {kind}\n"))
    assert f"live.signature_type = {kind} needs live.funder" in told
    env = with_file(tmp_path, f'[live]\nsignature_type = {kind}\nfunder = "{SAFE}"\n')
    assert load(environment=env).settings.live.funder == SAFE


@pytest.mark.parametrize(
    ("funder", "said"),
    [
        ("0x1234", "is no address: expected 0x and 40 hex digits"),
        (SAFE[2:], "is no address"),
        (SAFE.replace("E1", "e1", 1), f"by its checksum {SAFE} is meant"),
    ],
)
def test_a_funder_that_is_no_address_is_refused(tmp_path: Path, funder: str, said: str) -> None:
    assert said in sentence(with_file(tmp_path, f'[live]\nsignature_type = 2\nfunder = "{funder}"\n'))


def test_an_address_without_case_carries_no_checksum(tmp_path: Path) -> None:
    env = with_file(tmp_path, f'[live]\nsignature_type = 2\nfunder = "{SAFE.lower()}"\n')
    assert load(environment=env).settings.live.funder == SAFE.lower()


def test_a_fifth_kind_of_signature_is_refused(tmp_path: Path) -> None:
    assert "live.signature_type = 4" in sentence(with_file(tmp_path, "[live]\nsignature_type = 4\n"))


# --- tables of plug-ins


@pytest.mark.parametrize("flags", [{}, {"bot.strategies": "coin"}])
def test_a_plug_in_named_by_its_path_has_a_table_under_its_name(tmp_path: Path, flags: dict[str, str]) -> None:
    (tmp_path / "mine.py").touch()
    text = f'[bot]\nstrategies = ["{tmp_path}/mine.py:Mine"]\n[strategy.Mine]\nrun = 4\n'
    env = with_file(tmp_path, text)
    assert load(flags, env).settings.params_of("Mine") == {"run": 4}


def test_a_table_of_nobody_is_refused_and_its_line_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "mine.py").touch()
    text = f'[bot]\nstrategies = ["{tmp_path}/mine.py:Mine"]\n[strategy.Min]\nrun = 4\n'
    assert sentence(with_file(tmp_path, text)).startswith(f'{tmp_path}/config.toml:4: unknown strategy "Min"')
