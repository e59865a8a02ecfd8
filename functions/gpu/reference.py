"""Reference logprobs of a round's pairs: computed once, kept in the bucket, refused when they are of something else.

RLAIF-V takes whatever file its folder holds (rlaifv-spec §2.1: stale logprobs are used silently); here they bear the
names of the weights, the template and preprocessing, and the pairs they were made from.
"""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256

from bucket import Bucket

Logprobs = dict[str, list[float]]  # pair_id -> [chosen, rejected], sums over the answer's tokens, nats


class Stale(ValueError):  # noqa: N818
    """The stored logprobs were made from something else."""


@dataclass(frozen=True)
class MadeFrom:
    """Hashes of all that the numbers depend on."""

    weights: str
    preprocessing: str
    pairs: str

    @property
    def id(self) -> str:
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


def load(bucket: Bucket, prefix: str, wanted: MadeFrom) -> Logprobs | None:
    """None where none are stored. Raises Stale, which tells what differs."""
    pointer = bucket.read(f"{prefix}/reference.json")
    if pointer is None:
        return None
    made_from = json.loads(pointer)
    different = [name for name, value in asdict(wanted).items() if made_from.get(name) != value]
    if different:
        raise Stale(
            f"reference logprobs of {prefix!r} were made from other {' and '.join(different)}: they are computed anew"
        )
    data = bucket.read(_key(prefix, wanted))
    return None if data is None else json.loads(data)


def store(bucket: Bucket, prefix: str, made_from: MadeFrom, logprobs: Logprobs) -> None:
    """Under a key of their own; the pointer last, so that it never names what is not there."""
    bucket.write(_key(prefix, made_from), json.dumps(logprobs).encode())
    bucket.write(f"{prefix}/reference.json", json.dumps(asdict(made_from)).encode())


def _key(prefix: str, made_from: MadeFrom) -> str:
    return f"{prefix}/reference-{made_from.id}.json"
