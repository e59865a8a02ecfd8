"""Checkpoints on the volume: `<root>/s28/` is served, `<root>/state/checkpoint-28/` is what training goes on from.

A checkpoint counts from the moment its mark `<root>/s28.json` is there, which is written last: a machine that is taken
away in the middle leaves no half one that looks whole.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

STATE = "state"


def complete(root: Path, step: int) -> None:
    """Marks the checkpoint of `step` as whole: hashes of what is served, sizes of the state."""
    mark = {
        "files": [
            {"path": path.name, "bytes": path.stat().st_size, "sha256": _sha256(path)}
            for path in _files(root / f"s{step}")
        ],
        "state": _sizes(_state(root, step)),
    }
    temporary = root / f".s{step}.json"
    temporary.write_text(json.dumps(mark), "utf-8")
    temporary.replace(_mark(root, step))


def completed(root: Path) -> dict[int, list[dict[str, Any]]]:
    """Served files of every whole checkpoint, by step."""
    found = {}
    for path in root.glob("s*.json"):
        match = re.fullmatch(r"s(\d+)\.json", path.name)
        if match:
            found[int(match[1])] = json.loads(path.read_text("utf-8"))["files"]
    return dict(sorted(found.items()))


def newest_state(root: Path) -> Path | None:
    """Where training goes on: the newest whole checkpoint whose state is still there with all its bytes."""
    for step in reversed(completed(root)):
        sizes = json.loads(_mark(root, step).read_text("utf-8"))["state"]
        state = _state(root, step)
        if sizes and _sizes(state) == sizes:
            return state
    return None


def _state(root: Path, step: int) -> Path:
    return root / STATE / f"checkpoint-{step}"


def _mark(root: Path, step: int) -> Path:
    return root / f"s{step}.json"


def _sizes(folder: Path) -> dict[str, int]:
    """Of all files below it: shards of several GPUs lie in folders of their own."""
    return {str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
