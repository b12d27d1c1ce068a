"""Measuring: cases with native references and peers, statistics, reports, comparison with earlier runs."""
