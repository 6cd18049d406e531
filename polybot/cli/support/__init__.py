"""What every verb shares: exit codes, JSON, the state folder."""
