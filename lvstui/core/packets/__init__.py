"""A packet's way through the rules of the packet filter, as the kernel takes it."""
