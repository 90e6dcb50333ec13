"""Sync with the rsync program: the plan from its dry run, the files from a list."""
