"""The catalogue: what is on the disk, and what was verified, without reading it all again."""
