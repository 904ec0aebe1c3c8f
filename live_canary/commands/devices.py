"""`live-canary devices`: what can be heard on this machine."""

from rich.table import Table

from live_canary.audio.devices import NOTHING_TO_HEAR, list_inputs
from live_canary.console import table_console
from live_canary.printable import one_line


def run() -> int:
    """The exit code. Raises DeviceError without a sound system."""
    inputs = list_inputs()
    console = table_console()
    table = Table("", "Name", "Hears", "Channels", "Rate", box=None, padding=(0, 2, 0, 0))
    for one in inputs:
        name = one_line(one.name) + (" (default)" if one.is_default else "")
        table.add_row(str(one.index), name, one.hears, str(one.channels), f"{one.rate} Hz")
    if inputs:
        console.print(table)
        console.print("\nlive-canary --device takes a number or a part of a name; --system hears what is played.")
    else:
        console.print(NOTHING_TO_HEAR["microphone"])
    return 0
