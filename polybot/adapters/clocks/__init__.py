"""What other clocks say: the venue's second, and time servers."""
