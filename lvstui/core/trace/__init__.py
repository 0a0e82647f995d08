"""What becomes of a packet: its rules, service, entry, server and next hop."""
