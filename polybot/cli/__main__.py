"""python -m polybot.cli is polybot-ctl."""

from polybot.cli import main

main()
