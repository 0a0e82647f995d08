"""Netlink: sockets, attributes, links."""
