"""Canary-Qwen by itself: it knows nothing of microphones, sessions, files of sound or screens.

samples ─> log-mel (features) ─> FastConformer + projection (encoder) ─┐
                                                                       ├─> Qwen3 + LoRA (llm) ─> text
prompt with a placeholder for the audio (prompt) ──────────────────────┘
"""
