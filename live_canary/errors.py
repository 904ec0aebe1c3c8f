"""Everything that may go wrong and is not a bug.

    LiveCanaryError                  one line on stderr, exit code 1
    ├── InputError                   what the user gave cannot be used: exit code 2
    │   ├── CheckpointError          a model folder or file that is not a Canary-Qwen checkpoint
    │   │   └── ModelMissing         a model that is not on this machine: exit code 3
    │   ├── RecordingError           a recording that is missing, unreadable, empty or not audio
    │   │   └── RecordingBrokenOff   one that is damaged: all that can be read of it was
    │   ├── OutputError              a transcript file that cannot be written
    │   ├── DeviceError              no PortAudio, no such input, an input that cannot be opened
    │   ├── DictationError           no tool that types or copies works on this desktop
    │   └── AudioError               samples the model cannot take
    │       ├── AudioTooShort
    │       └── AudioTooLong
    ├── DownloadError                a model could not be fetched whole and right
    └── SessionError                 a running session could not go on

A message names the thing, the cause and the next step, in one sentence or two.
"""


class LiveCanaryError(Exception):
    exit_code = 1


class InputError(LiveCanaryError):
    exit_code = 2


class CheckpointError(InputError):
    pass


class ModelMissing(CheckpointError):
    exit_code = 3


class RecordingError(InputError):
    pass


class RecordingBrokenOff(RecordingError):
    pass


class OutputError(InputError):
    pass


class DeviceError(InputError):
    pass


class DictationError(InputError):
    pass


class AudioError(InputError):
    pass


class AudioTooShort(AudioError):
    pass


class AudioTooLong(AudioError):
    pass


class DownloadError(LiveCanaryError):
    pass


class SessionError(LiveCanaryError):
    pass
