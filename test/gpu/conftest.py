"""Fixtures, and an environment for tiny models: they are slower on many threads than on one."""

import hashlib
import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.fixture
def bucket(tmp_path):
    """A folder that has the pictures of batches.py."""
    from batches import BLUE, RED
    from bucket import FolderBucket

    bucket = FolderBucket(tmp_path)
    for data in (RED, BLUE):
        bucket.write(f"blobs/{hashlib.sha256(data).hexdigest()}", data)
    return bucket
