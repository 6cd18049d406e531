"""When things happen at the local venue: the world's events in order, and the instants at which a fast world waits."""
