"""Virtual services and real servers: rows, filters, forms, edits."""
