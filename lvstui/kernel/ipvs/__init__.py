"""IPVS over generic netlink, and the door to its persistence entries."""
