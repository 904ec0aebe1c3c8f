import pytest

from tests.dictation.tools import Tools


@pytest.fixture
def tools(tmp_path, monkeypatch) -> Tools:
    return Tools(tmp_path, monkeypatch)
