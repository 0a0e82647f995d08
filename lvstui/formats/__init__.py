"""How a director is written down: TOML, ipvsadm, JSON, history records; pure."""
