"""The doors to the kernel, behind the one port `Kernel`."""
