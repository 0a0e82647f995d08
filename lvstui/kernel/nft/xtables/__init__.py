"""Rules of iptables: as nf_tables holds them, and of iptables-legacy."""
