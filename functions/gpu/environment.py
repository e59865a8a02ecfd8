"""What the functions read from their environment: names are set by the app's secret `rlaifv` (app.py)."""

import os


def required(name: str) -> str:
    """The variable's value; LookupError tells where it is set."""
    value = os.environ.get(name, "")
    if not value:
        raise LookupError(f"{name} is not set: put it into Modal's secret `rlaifv` (docs/deploy.md)")
    return value
