"""Sets of ipset, which rules of iptables ask about."""
