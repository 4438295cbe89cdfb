"""Measurements of what the README claims; run by `make bench`, never by the tests."""
