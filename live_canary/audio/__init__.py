"""Sound from a microphone, the system or a recording, as 16 kHz mono blocks with their time."""
