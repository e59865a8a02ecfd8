"""One list of promises over every bucket: a folder always, S3 against moto's server where moto is installed."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from bucket import FolderBucket, S3Bucket, s3_from_environment


def pythons_on_the_path():
    found = (shutil.which("python3", path=folder) for folder in os.environ["PATH"].split(os.pathsep))
    return dict.fromkeys(filter(None, found))


def has_moto(python):
    return subprocess.run([python, "-c", "import moto.server"], capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def s3_client():
    boto3 = pytest.importorskip("boto3", reason="the package `boto3` is not installed")
    python = next(filter(has_moto, [sys.executable, *pythons_on_the_path()]), None)
    if python is None:
        if os.environ.get("REQUIRE_EMULATORS") == "1":
            pytest.fail("moto's server is not installed")
        pytest.skip("moto's server is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen([python, "-m", "moto.server", "-p", str(port)], stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(address, timeout=1)
            break
        except OSError:
            time.sleep(0.1)
    client = boto3.client(
        "s3", endpoint_url=address, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )
    client.create_bucket(Bucket="runs")
    client.address = address
    yield client
    server.terminate()
    server.wait()


@pytest.fixture(params=["folder", "s3"])
def bucket(request, tmp_path):
    return (
        FolderBucket(tmp_path) if request.param == "folder" else S3Bucket("runs", request.getfixturevalue("s3_client"))
    )


def test_what_is_written_is_read_and_what_is_not_is_none(bucket):
    assert bucket.read("a/none") is None
    assert bucket.exists("a/none") is False
    bucket.write("a/b.bin", b"\x00\xff")
    bucket.write("a/b.bin", b"again")
    assert bucket.read("a/b.bin") == b"again"
    assert bucket.exists("a/b.bin") is True


def test_what_is_written_once_stays(bucket):
    assert bucket.write_once("once/x", b"first") is True
    assert bucket.write_once("once/x", b"second") is False
    assert bucket.read("once/x") == b"first"


def test_of_many_who_write_once_exactly_one_wins(bucket):
    won = []
    writers = [
        threading.Thread(target=lambda i=i: won.append(i) if bucket.write_once("race/x", str(i).encode()) else None)
        for i in range(8)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(won) == 1
    assert bucket.read("race/x") == str(won[0]).encode()


@pytest.mark.parametrize("key", ["", "/etc/passwd", "a/../b", "..", "a//b", "a/./b", "a\\b", "a\nb", "a/"])
def test_keys_that_could_leave_the_bucket_are_refused(bucket, key):
    for use in (bucket.read, bucket.exists, lambda k: bucket.write(k, b""), lambda k: bucket.write_once(k, b"")):
        with pytest.raises(ValueError, match="is refused"):
            use(key)


def test_a_folder_keeps_no_traces_of_writing(tmp_path):
    folder = FolderBucket(tmp_path)
    folder.write("a", b"1")
    folder.write_once("a", b"2")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_the_deployed_bucket_is_reached_with_modals_identity_token_alone(s3_client, monkeypatch):
    """moto's STS takes any token: that the role trusts Modal's can only be seen on AWS."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_client.address)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("RLAIFV_BUCKET", "runs")
    monkeypatch.setenv("RLAIFV_ROLE_ARN", "arn:aws:iam::123456789012:role/rlaifv-gpu")
    monkeypatch.setenv("MODAL_IDENTITY_TOKEN", "header.payload.signature")
    bucket = s3_from_environment()
    assert bucket.write_once("token/x", b"1") is True
    assert bucket.read("token/x") == b"1"
    monkeypatch.delenv("MODAL_IDENTITY_TOKEN")
    with pytest.raises(LookupError, match="MODAL_IDENTITY_TOKEN is not set"):
        s3_from_environment().read("token/x")
