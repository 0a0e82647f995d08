"""A change on trial: how it begins, who guards it while nobody looks, and how it ends."""
