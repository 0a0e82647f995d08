"""Whether the real servers are there: what counters and the connection table show, with nothing sent."""
