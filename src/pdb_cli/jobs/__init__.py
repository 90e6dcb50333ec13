"""Background jobs: one directory and one supervisor each. Knows argument lists, not operations."""
