"""Getting bytes from a mirror: libcurl transfers, retries, verification."""
