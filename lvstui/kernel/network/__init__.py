"""The network that IPVS stands in: addresses, links and settings, and who else is on the links."""
