"""Who else is here: the machine, other programs at work on the table, other sessions."""
