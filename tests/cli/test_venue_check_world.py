"""`polybot-ctl venue check-world`."""

import json

from typer.testing import CliRunner

from polybot.cli.commands.venue import app


def test_check_world_prints_figures_and_the_four_tests() -> None:
    result = CliRunner().invoke(app, ["check-world", "--windows", "20", "--seed", "3"])
    assert result.exit_code in (0, 1)
    assert result.stdout.startswith("synthetic books: no evidence of profit")
    assert "the four tests of an honest world" in result.stdout
    assert "oracle receive lag" in result.stdout


def test_check_world_is_one_object_with_json() -> None:
    result = CliRunner().invoke(app, ["check-world", "--windows", "20", "--seed", "3", "--json"])
    assert "NaN" not in result.stdout
    report = json.loads(result.stdout)
    assert report["v"] == 1
    assert [t["name"] for t in report["tests"]] == ["coin", "makers", "probe", "rsi_ema"]
    assert result.exit_code == (0 if report["honest"] else 1)
