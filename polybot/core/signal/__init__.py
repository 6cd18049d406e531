"""`signal`: one prediction a window and strategy."""
