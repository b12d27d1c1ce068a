"""Wire protocols without I/O, one module a venue: frames to events, sequence and checksum rules."""
