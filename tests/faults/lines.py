"""What was said in the sessions whose files are completed, and what was corrected of it."""

from live_canary.transcript.utterance import Revision, Utterance

SAID = [
    Utterance(index, index + 0.1, index + 0.9, text, "talk.wav") for index, text in enumerate(["Yes.", "Yes.", "No."])
]
CORRECTED = [(0, Revision("Yes?")), (1, Revision(None)), (0, Revision("Maybe, said at length.", is_bookmarked=True))]
