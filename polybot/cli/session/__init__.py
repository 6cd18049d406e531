"""The life of a session as the command line leads it: start, progress, end, the conditions of live, the proof of a halt."""
