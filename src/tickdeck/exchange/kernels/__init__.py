"""Compiled matching: memory layout, places of orders, trades, disciplines, auctions, phases, commands."""
