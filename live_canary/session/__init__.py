"""A session's threads and what goes between them: sources are heard, utterances transcribed, everybody is told.

    thread "listen NAME"   source -> segmenter ──┐ finals, heard tails, partials
    (one a source)                               v
                                               Agenda      finals first, then tails, then partials
                                                 v
    thread "transcribe"                        model -> files, then events
    thread "load model"    makes the model while the others already listen

Before it acts on anything, the session notes it in its `journal`; live sound is in its `folder` before it is heard.
`recovery` holds a session that was cut off once more on the same sound, `completing` adds the lines its files lack.

Ending is one movement through all of it: sources stop, segmenters are flushed, the agenda is closed, what is left on it
is transcribed, files are closed, `SessionEnded` is told.
"""
