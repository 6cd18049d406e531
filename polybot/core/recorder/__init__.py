"""`recorder`: everything heard, as rows of the index."""
