"""What lvstui keeps on disk: the profile and the formats that it reads and writes."""
