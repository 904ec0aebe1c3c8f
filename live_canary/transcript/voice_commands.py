"""What a speaker may ask for instead of dictating it.

Only a whole utterance counts, with a pause before and after it: "I begin a new line of work" must stay what it is, and
a command that is missed costs less than a sentence that is lost.
"""

from typing import Literal, get_args

from live_canary.transcript.spelling import letters_of

VoiceCommand = Literal["new line", "new paragraph", "scratch that"]

VOICE_COMMANDS: tuple[VoiceCommand, ...] = get_args(VoiceCommand)


def command_in(text: str) -> VoiceCommand | None:
    """The command that the whole text is, whatever its case, punctuation and gaps ("Newline." is "new line")."""
    letters = letters_of(text)
    return next((command for command in VOICE_COMMANDS if letters_of(command) == letters), None)
