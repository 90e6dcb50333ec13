"""The use cases: each plans first, then runs, reports events and returns a result."""
