"""Segments turned into utterances of text, and utterances into files."""
