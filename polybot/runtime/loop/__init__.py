"""What carries a core: the loop, its inbox and lanes, timers, the bus, requests under way."""
