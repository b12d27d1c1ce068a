"""Compiled loops of readers and writers."""
