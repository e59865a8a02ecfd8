"""Fixtures, and an environment for tiny models: they are slower on many threads than on one."""

import hashlib
import importlib
import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


if os.environ.get("REQUIRE_PYTHON_PACKAGES") == "1":
    for package in ("torch", "transformers", "trl", "peft", "pyarrow", "boto3", "PIL", "jsonschema"):
        importlib.import_module(package)  # fails here instead of skipping there


@pytest.fixture
def bucket(tmp_path):
    """A folder that has the pictures of batches.py."""
    from batches import BLUE, RED
    from bucket import FolderBucket

    bucket = FolderBucket(tmp_path)
    for data in (RED, BLUE):
        bucket.write(f"blobs/{hashlib.sha256(data).hexdigest()}", data)
    return bucket
