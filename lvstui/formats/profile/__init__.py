"""The TOML profile: read with every mistake in its line, written to diff well."""
