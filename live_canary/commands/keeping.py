"""So that nothing said is lost: a folder for each session."""

from contextlib import suppress

from live_canary.console import note
from live_canary.errors import SessionError
from live_canary.printable import one_line
from live_canary.session.folder import SessionFolder, sessions_folder, unfinished_sessions


def make_folder() -> SessionFolder | None:
    """For a session that is about to start; None, and a line for the user, when the disk refuses."""
    try:
        return SessionFolder.create()
    except OSError as error:
        where = one_line(str(sessions_folder()))
        note(
            f"This session cannot be kept in '{where}' ({error.strerror}); transcribing goes on, but "
            "after a crash only the transcript files would be left."
        )
        return None


def leave_folder(folder: SessionFolder, *, ended: bool, keep_sound: bool) -> None:
    """Remove what nobody needs any more: all of it, unless the user keeps the sound or something is in no transcript.

    ended: all that was heard has been through the detector and the model, as after a failure it may not have been.
    """
    if not ended or not folder.journal.is_settled:
        note(f"What no transcript has yet is kept: live-canary recover {folder.path.name}")
        return
    try:
        clear(folder, keep_sound=keep_sound)
    except SessionError as error:
        note(str(error))


def clear(folder: SessionFolder, *, keep_sound: bool) -> None:
    """Remove a session whose transcript is whole, but for its sound where the user keeps that. Raises SessionError."""
    try:
        recordings = folder.keep_sound() if keep_sound else []
    except OSError as error:
        raise SessionError(
            f"The sound could not be joined ({error.strerror or error}); it is kept, and "
            f"live-canary recover {folder.path.name} tries again."
        ) from None
    for recording in recordings:
        note(f"Sound: {recording}")
    if not keep_sound and not folder.remove():  # on Windows, while a virus scanner reads some of it
        note(f"Not all of this session could be deleted: live-canary recover --discard {folder.path.name}")


def remind() -> None:
    """Say in one line that earlier sessions can be recovered, if so."""
    count = 0
    with suppress(SessionError):  # this session cannot be kept there either, which is told
        count = len(unfinished_sessions())
    if count:
        sessions = "An earlier session was" if count == 1 else f"{count} earlier sessions were"
        note(f"{sessions} cut off: live-canary recover finishes the transcript.")
