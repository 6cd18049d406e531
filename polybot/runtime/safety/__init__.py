"""What keeps a wallet safe: the kill switch, the pause, locks, the key and its folder, the confirmation of live."""
