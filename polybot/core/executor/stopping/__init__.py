"""Stopping: cancel everything and prove it; leave in order."""
