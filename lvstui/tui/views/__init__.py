"""The views, one for each noun."""
