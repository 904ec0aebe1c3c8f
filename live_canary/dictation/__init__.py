"""What is said goes into the window that has the focus, or on the clipboard.

    session ─ events ─> Dictation ─ events ─> screen
                            │ finals
                            v
    thread "dictation"    Typist ─> the first Keyboard that works: wtype, dotool, ydotool, xdotool, pynput
                          Clipboard

A tool that fails or hangs delays no event of the session; what it could not do is told as a StageFailed. The transcript
does not depend on any of this.
"""
