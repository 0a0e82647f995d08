"""What the kernel shows in /proc."""
