"""Compiled scanners of venues' frames."""
