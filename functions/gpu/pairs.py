"""Pre-flight of preference pairs, on the CPU: what would break or waste a training step is dropped here, by reason.

A pair that is fully masked, or whose picture placeholders do not match the picture's features, passes RLAIF-V's trainer
silently or stops it hours later (rlaifv-spec §6, 23).
"""

import io
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from engine import Message
from preprocess import UnreadableImage, answer_text, encode, open_image, prompt_text

# Positions after the picture's tokens are put in; RLAIF-V cuts there (--model_max_length 2048), here such pairs are
# dropped.
LONGEST = 2048
READERS = 32  # our choice: the bucket answers many readers at once, each within tenths of a second

ReadImage = Callable[[str], bytes | None]


@dataclass(frozen=True)
class PairRow:
    """A row of the pairs' parquet file."""

    pair_id: str
    sample_id: str
    image_sha256: str
    question: str
    chosen: str
    rejected: str


@dataclass(frozen=True)
class EncodedPair:
    """Token ids of a pair; the prompt with its picture tokens, the answers with their end token."""

    pair_id: str
    image_sha256: str
    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]


class Dropped(ValueError):  # noqa: N818
    """The pair teaches nothing or would break the step; the text is the reason's name."""


def read_rows(parquet: bytes) -> list[PairRow]:
    """Raises ValueError naming the columns that are missing."""
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(parquet))
    names = list(PairRow.__dataclass_fields__)
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise ValueError(f"the pairs' file has no column {', '.join(missing)}: write it as shared/schemas/gpu.ts says")
    return [PairRow(**row) for row in table.select(names).to_pylist()]


def preflight(
    rows: list[PairRow], read: ReadImage, processor: Any, config: Any
) -> tuple[list[EncodedPair], dict[str, int]]:
    """Pairs that can be trained on, in the rows' order, and how many were dropped for which reason. `read` is asked
    twice for an image, first by many threads; it should keep what it got."""

    def checked(row: PairRow) -> EncodedPair | Dropped:
        try:
            return encode_pair(row, read, processor, config)
        except Dropped as reason:
            return reason

    with ThreadPoolExecutor(READERS) as readers:
        list(readers.map(lambda sha256: read(sha256) is None, {row.image_sha256 for row in rows}))
    # One after the other: a tokenizer keeps its padding as state, and threads that share one get each other's.
    found = [checked(row) for row in rows]
    dropped = Counter(str(each) for each in found if isinstance(each, Dropped))
    return [each for each in found if isinstance(each, EncodedPair)], dict(sorted(dropped.items()))


def encode_pair(row: PairRow, read: ReadImage, processor: Any, config: Any) -> EncodedPair:
    """One pair as token ids. Raises Dropped."""
    texts = [row.question, row.chosen, row.rejected]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise Dropped("empty_text")
    if row.chosen == row.rejected:
        raise Dropped("equal_answers")
    data = read(row.image_sha256)
    if data is None:
        raise Dropped("image_missing")
    try:
        image = open_image(data)
    except UnreadableImage as error:
        raise Dropped("image_unreadable") from error
    messages = [Message("user", [image, row.question])]
    prompt = prompt_text(processor, messages)
    inputs = encode(processor, [prompt], [image])
    prompt_ids = inputs["input_ids"][0].tolist()
    placeholders = prompt_ids.count(processor.image_token_id)
    if placeholders != (image_features(inputs, config) if config.model_type == "llava" else max(1, placeholders)):
        raise Dropped("image_tokens")
    answers = [_answer_ids(processor, messages, prompt, answer) for answer in (row.chosen, row.rejected)]
    limit = min(LONGEST, config.get_text_config().max_position_embeddings)
    if len(prompt_ids) + max(map(len, answers)) > limit:
        raise Dropped("too_long")
    return EncodedPair(row.pair_id, row.image_sha256, prompt_ids, *answers)


def image_features(inputs: Any, config: Any) -> int:
    """How many features LLaVA's vision tower makes of the picture, by the model's config, not by the processor's. Other
    models count in ways of their own; of them only a picture without any place is seen before the first step."""
    height, width = inputs["pixel_values"].shape[-2:]
    patch = config.vision_config.patch_size
    whole = 0 if config.vision_feature_select_strategy == "default" else 1
    return int(inputs["pixel_values"].shape[0] * ((height // patch) * (width // patch) + whole))


def as_json(pair: EncodedPair) -> dict[str, Any]:
    return asdict(pair)


def _answer_ids(processor: Any, messages: list[Message], prompt: str, answer: str) -> list[int]:
    """Tokens after the prompt's, taken from the whole text: SentencePiece would begin a part of its own with a
    space."""
    tokenizer = processor.tokenizer
    before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    whole = tokenizer(prompt + answer_text(processor, messages, answer), add_special_tokens=False)["input_ids"]
    if whole[: len(before)] != before:
        raise Dropped("prompt_is_no_prefix")
    ids: list[int] = whole[len(before) :]
    if len(ids) < 2:  # the end token alone teaches nothing
        raise Dropped("empty_labels")
    return ids
