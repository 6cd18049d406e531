"""Lets `python -m polybot.cli` stand for `polybot-ctl`."""

from polybot.cli import main

main()
