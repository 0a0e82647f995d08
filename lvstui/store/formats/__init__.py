"""Other programs' ways of writing a director down."""
