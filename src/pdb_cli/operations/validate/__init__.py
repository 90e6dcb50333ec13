"""Look at the files of a collection, and fetch again what is bad; ``run`` puts it together."""
