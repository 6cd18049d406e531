"""Cancel everything and prove it; leave in order."""
