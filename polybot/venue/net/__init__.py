"""Sockets of the local venue: server, ports, paging and the shape of answers."""
