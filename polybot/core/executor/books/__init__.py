"""The books: double entry in whole millionths, a fold over the journal's entries."""
