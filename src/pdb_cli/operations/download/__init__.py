"""Download entries: plan what is missing, fetch it, in rounds; ``run`` puts it together."""
