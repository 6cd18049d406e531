"""The world the local venue stands in: prices, oracle prints, makers and takers, as functions of seed (or tape) and time.

Nothing here keeps a clock or a history of calls: asked twice for the same second, before or after a restart, a world
answers the same. `world.py` has the interface; `SyntheticWorld` and `TapeWorld` are the two that exist.
"""
