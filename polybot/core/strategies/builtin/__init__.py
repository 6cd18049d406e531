"""The strategies of the house, a file each."""
