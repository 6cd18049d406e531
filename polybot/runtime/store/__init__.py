"""What is kept on disk: the journal, the flight recorder, the index, and what is read back from them."""
