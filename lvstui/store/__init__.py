"""What lvstui keeps on disk: the profile, its history, who is at work on it, and how views were arranged."""
