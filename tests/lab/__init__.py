"""Boot a User Mode Linux kernel with IPVS and run commands, tests and lvstui itself in it."""
