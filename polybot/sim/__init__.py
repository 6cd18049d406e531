"""The stand-ins for the outside: the venue's engine and a world. Pure, and no part of what trades."""
