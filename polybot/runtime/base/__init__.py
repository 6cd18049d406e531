"""The ground of every process: where files lie, what time it is, how to log, how to live and die as a process."""
