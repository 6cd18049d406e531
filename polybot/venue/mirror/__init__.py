"""The venue in profile paper: real books, our orders. frames → book → follow → program."""
