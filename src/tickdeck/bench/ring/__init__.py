"""Commands from one process to another through a ring in shared memory, for latencies under load."""
