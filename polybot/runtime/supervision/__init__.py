"""Who starts, watches and stops the processes: supervisord, the watchdog's hands, sessions, the checks before a start."""
