"""Boot a kernel with IPVS as a guest of this machine and run commands, tests and lvstui itself in it."""
