"""Who else is here: the machine, and other programs that write to the table."""
