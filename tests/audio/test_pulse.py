"""What a sound server may answer; what one does is tried in tests/microphone."""

from unittest.mock import MagicMock

import pytest

from live_canary.audio.pulse import Connection
from live_canary.errors import DeviceError


def test_a_server_that_answers_with_an_error_is_told():
    connection = object.__new__(Connection)  # connected to nothing
    connection.pa = connection.context = MagicMock()
    connection.locked = MagicMock()
    connection.pa.context_get_server_info = lambda context, callback, data: callback(1, None, None)
    with pytest.raises(DeviceError, match="does not answer; restart it"):
        connection.inputs()
