"""`watchdog`: hearts, hangs and crash loops."""
