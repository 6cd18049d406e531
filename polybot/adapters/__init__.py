"""FLOOR 2: the world outside: what other people's services say, and how to say it to them."""
