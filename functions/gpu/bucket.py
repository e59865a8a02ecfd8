"""The run's bucket as the GPU functions see it: objects by key, written whole.

`FolderBucket` serves tests and mounts, `S3Bucket` the deployed app. Credentials come from Modal's identity token
(OIDC): no key of the account is stored anywhere. The role needs s3:ListBucket beside GetObject and PutObject: without
it S3 answers 403 instead of 404 for what is not there, and that is an error here.
"""

import os
import re
import uuid
from pathlib import Path
from typing import Any, Protocol

from environment import required

# One hour is what STS gives by default and what every role allows; boto3 fetches new ones before they end.
SESSION_SECONDS = 3600


class Bucket(Protocol):
    """Absence is None; a write is seen whole or not at all. Keys are relative, without `.` or `..` parts."""

    def read(self, key: str) -> bytes | None: ...
    def exists(self, key: str) -> bool: ...
    def write(self, key: str, data: bytes) -> None: ...
    def write_once(self, key: str, data: bytes) -> bool:
        """False where the object is there already; it stays as it is."""
        ...


def checked(key: str) -> str:
    """The key itself; ValueError where it could leave the bucket."""
    parts = key.split("/")
    if not key or "\\" in key or re.search(r"[\x00-\x1f]", key) or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"key {key!r} is refused: use relative keys without empty, '.' or '..' parts")
    return key


class FolderBucket:
    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, key: str) -> bytes | None:
        try:
            return (self._root / checked(key)).read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            return None

    def exists(self, key: str) -> bool:
        return (self._root / checked(key)).is_file()

    def write(self, key: str, data: bytes) -> None:
        target = self._root / checked(key)
        self._temporary(target, data).replace(target)

    def write_once(self, key: str, data: bytes) -> bool:
        target = self._root / checked(key)
        temporary = self._temporary(target, data)
        try:
            os.link(temporary, target)  # unlike a rename, a link never replaces
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
        return True

    def _temporary(self, target: Path, data: bytes) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return temporary


class S3Bucket:
    def __init__(self, name: str, client: Any) -> None:
        self._name = name
        self._client = client

    def read(self, key: str) -> bytes | None:
        try:
            body: bytes = self._client.get_object(Bucket=self._name, Key=checked(key))["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return None
        return body

    def exists(self, key: str) -> bool:
        try:
            self._client.head_object(Bucket=self._name, Key=checked(key))
        except self._client.exceptions.ClientError as error:
            if _status(error) == 404:
                return False
            raise
        return True

    def write(self, key: str, data: bytes) -> None:
        self._client.put_object(Bucket=self._name, Key=checked(key), Body=data)

    def write_once(self, key: str, data: bytes) -> bool:
        try:
            self._client.put_object(Bucket=self._name, Key=checked(key), Body=data, IfNoneMatch="*")
        except self._client.exceptions.ClientError as error:
            # 412: there already. 409: another writer is at it just now; S3 asks to try again, then it is there.
            if _status(error) == 412 or (_status(error) == 409 and self.exists(key)):
                return False
            raise
        return True


def _status(error: Any) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def s3_from_environment() -> S3Bucket:
    """The bucket RLAIFV_BUCKET as the role RLAIFV_ROLE_ARN, which trusts Modal's identity tokens."""
    import boto3
    from botocore.credentials import DeferredRefreshableCredentials
    from botocore.session import get_session

    session = get_session()
    session._credentials = DeferredRefreshableCredentials(method="assume-role-with-web-identity", refresh_using=_assume)
    return S3Bucket(required("RLAIFV_BUCKET"), boto3.Session(botocore_session=session).client("s3"))


def _assume() -> dict[str, str]:
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    sts = boto3.client("sts", config=Config(signature_version=UNSIGNED))
    answer = sts.assume_role_with_web_identity(
        RoleArn=required("RLAIFV_ROLE_ARN"),
        RoleSessionName="rlaifv-gpu",
        WebIdentityToken=required("MODAL_IDENTITY_TOKEN"),
        DurationSeconds=SESSION_SECONDS,
    )["Credentials"]
    return {
        "access_key": answer["AccessKeyId"],
        "secret_key": answer["SecretAccessKey"],
        "token": answer["SessionToken"],
        "expiry_time": answer["Expiration"].isoformat(),
    }
