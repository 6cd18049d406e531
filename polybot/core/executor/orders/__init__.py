"""An order's way to the venue: may it go, is it well formed, what became of it, when it is asked after."""
