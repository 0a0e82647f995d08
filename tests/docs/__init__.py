"""The documents: parts of them are made from the program's tables, and the rest is held to what the program does."""
