"""Stakes and order amounts, in whole millionths."""
