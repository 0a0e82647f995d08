"""What all views share: tables, filters, forms, numbers."""
