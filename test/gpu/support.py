"""What the tests of the GPU functions share."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_own = ROOT / "node_modules" / ".bin" / "node"
NODE = str(_own) if _own.exists() else "node"
