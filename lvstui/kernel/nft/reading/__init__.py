"""From bytes of nf_tables to rules about marks."""
