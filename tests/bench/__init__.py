"""Speed, measured against what else there is: `python -m tests.bench`, figures of one run only compare."""
