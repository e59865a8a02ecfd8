"""The one image and prompt preprocessing of all stages: policy generation, scoring and training.

RLAIF-V trains on centre crops and generates on padded squares (rlaifv-spec §2.5), so that the model learns from other
pictures than it answers about. Here every stage uses the model's own processor, and nothing else touches a pixel.
"""

import hashlib
import io
import json
from typing import Any

import PIL
import transformers
from PIL import Image

from engine import Message


class UnreadableImage(ValueError):  # noqa: N818
    """The bytes are no picture that can be decoded whole."""


def open_image(data: bytes) -> Image.Image:
    """RGB, decoded whole: a cut file fails here and not in the middle of a batch."""
    try:
        return Image.open(io.BytesIO(data)).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableImage(f"not a picture that can be decoded ({error}): check the row's image") from error


def prompt_text(processor: Any, messages: list[Message], answer: str | None = None) -> str:
    """A conversation in the model's own template; without `answer` it ends where the answer begins."""
    turns = [{"role": message.role, "content": [_part(part) for part in message.parts]} for message in messages]
    if answer is not None:
        turns.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
    text: str = processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=answer is None)
    return text


def answer_text(processor: Any, messages: list[Message], answer: str) -> str:
    """What the template makes of the answer, closed by the end token, which is learned too (rlaifv-spec §2.3). Some
    templates, LLaVA-1.5's among them, end a turn with a space instead; then the end token takes its place."""
    beginning = prompt_text(processor, messages)
    whole = prompt_text(processor, messages, answer)
    text = whole[len(beginning) :] if whole.startswith(beginning) else f" {answer}"
    end = processor.tokenizer.eos_token
    return text if text.rstrip().endswith(end) else text.rstrip() + end


def encode(processor: Any, texts: list[str], images: list[Image.Image], side: str = "left") -> Any:
    """Tensors for the model. Templates write the begin token themselves where the model wants one."""
    begin = processor.tokenizer.bos_token
    starts = bool(begin) and all(text.startswith(begin) for text in texts)
    return processor(
        text=texts,
        images=images or None,
        return_tensors="pt",
        padding=True,
        padding_side=side,
        add_special_tokens=not starts,
    )


def preprocessing_id(processor: Any) -> str:
    """SHA-256 over everything that turns a pair into numbers: template, tokens, picture settings, library versions."""
    tokenizer = processor.tokenizer
    facts = {
        "template": processor.chat_template or tokenizer.chat_template,
        "vocabulary": hashlib.sha256(json.dumps(tokenizer.get_vocab(), sort_keys=True).encode()).hexdigest(),
        "special": tokenizer.special_tokens_map,
        "processor": [type(processor).__name__, type(processor.image_processor).__name__],
        "settings": json.loads(processor.image_processor.to_json_string()),
        "versions": {"transformers": transformers.__version__, "pillow": PIL.__version__},
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=repr).encode()).hexdigest()


def _part(part: str | Image.Image) -> dict[str, str]:
    return {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}
