"""What every parser of frames raises."""


class BadFrame(ValueError):
    """A frame or body that cannot be read, or that refuses us: counted and dropped, with its reason as text."""
