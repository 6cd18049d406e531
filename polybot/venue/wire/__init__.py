"""Objects and frames exactly as the real ones are written. Pure."""
