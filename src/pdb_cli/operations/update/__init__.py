"""Bring a collection up to date: ``check`` compares and changes nothing, ``run`` does the rest."""
