"""What is wrong with the knobs, for those who must know of it without reading any: the command line, the session.

# ConfigError  the operator must edit something; we do not start (78)
"""


class ConfigError(Exception):
    """One sentence: where it stands, what is wrong, what was probably meant."""
