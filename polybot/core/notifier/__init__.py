"""`notifier`: what a person must be told."""
