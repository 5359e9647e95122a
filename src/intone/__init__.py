"""Intone: one self-hosted speech server behind every text-to-speech API."""

__version__ = "0.1.0"
