"""The stand-ins for the outside: an exchange and a world. Pure, and no part of what trades."""
