"""`allocator`: how much a prediction is worth."""
