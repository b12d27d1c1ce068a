"""Compiled loops of verification."""
