"""Ours beside its peers, in one run and on one thread."""
