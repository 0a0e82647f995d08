"""nf_tables over netlink: rules about marks are read from all tables, and written to our own one only."""
