"""Who else is here: the machine, the person at work, and other programs that write to the table."""
