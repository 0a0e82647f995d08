"""What the kernel tells in /proc."""
