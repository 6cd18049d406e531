"""The websocket channels of the local venue, and what is told on them."""
