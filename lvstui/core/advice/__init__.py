"""What is wrong with a director, and the edit that mends it."""
