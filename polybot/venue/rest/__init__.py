"""The HTTP faces of the local venue, a file for each API it stands in for."""
