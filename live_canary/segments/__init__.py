"""Blocks of sound cut into utterances."""
