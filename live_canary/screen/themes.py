"""The colours of the screen in the dark and in the light; text has a contrast of 4.5:1 or more in both (WCAG AA)."""

from textual.theme import Theme

DARK = Theme(
    name="canary-dark",
    primary="#f5c945",
    secondary="#8fb8de",
    accent="#f5c945",
    success="#7fc98a",
    warning="#f0a45d",
    error="#ff7b72",
    foreground="#e6e3da",
    background="#16181d",
    surface="#16181d",
    panel="#20232a",
    dark=True,
    variables={"text-muted": "#b4b0a4"},
)
LIGHT = Theme(
    name="canary-light",
    primary="#7a5600",
    secondary="#1f5c99",
    accent="#7a5600",
    success="#1d6b34",
    warning="#8f4a00",
    error="#b3261e",
    foreground="#22242a",
    background="#fbfaf6",
    surface="#fbfaf6",
    panel="#eeebe1",
    dark=False,
    variables={"text-muted": "#55524a"},
)
THEMES = (DARK, LIGHT)
