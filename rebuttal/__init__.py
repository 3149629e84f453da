"""Rebuttal: language models argue."""
