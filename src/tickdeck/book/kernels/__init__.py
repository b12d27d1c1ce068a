"""Compiled loops of the order book: memory layout, price ladder, id index, event loop, queries."""
