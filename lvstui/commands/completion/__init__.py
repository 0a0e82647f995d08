"""Completion in shells: what may stand at the cursor, and what each shell reads to ask for it."""
