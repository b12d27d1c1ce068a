"""Compiled loops of simulated markets."""
