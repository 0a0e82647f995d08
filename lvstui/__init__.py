"""Watch and edit the kernel's IP Virtual Server (IPVS) live in a terminal."""

__version__ = "0.2.0"
