"""The tree on disk: atomic writes, partial files and locks."""
