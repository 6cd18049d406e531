"""Which version of the index this code reads and writes, and why one may be of no use: for readers, who need no writer.

# IndexUnusable       the disk or a lock: the operator must look
# └── LedgerTooNew    written by a newer polybot: the operator must run that one, or move the file away
"""

VERSION = 1


class IndexUnusable(Exception):
    """The index cannot be used as it is; the text says what to do."""


class IndexTooNew(IndexUnusable):
    """Its schema is one this code does not know."""
