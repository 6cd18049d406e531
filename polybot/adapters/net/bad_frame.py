"""BadFrame: what every parser of websocket frames raises for a frame that it cannot read."""


class BadFrame(ValueError):
    """A frame or body that cannot be read, or that refuses us: counted and dropped, with its reason as text."""
