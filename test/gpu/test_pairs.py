"""Pre-flight: what would break a step, or teach nothing, is dropped by reason before a GPU works."""

import copy
import io

import pytest
from PIL import Image

pytest.importorskip("torch", reason="PyTorch is not installed")
from pairs import Dropped, PairRow, encode_pair, preflight, read_rows
from tiny import tiny_model, tiny_processor

file = io.BytesIO()
Image.new("RGB", (90, 20), "red").save(file, "JPEG")
READ = {"red": file.getvalue(), "cut": file.getvalue()[:200]}.get
ROW = PairRow("p", "s", "red", "What is it?", "A square.", "A dog.")
CONFIG = tiny_model().config


@pytest.fixture
def processor():
    return tiny_processor()


def row(**change):
    return PairRow(**{**vars(ROW), **change})


def reason(processor, config=CONFIG, **change):
    with pytest.raises(Dropped) as caught:
        encode_pair(row(**change), READ, processor, config)
    return str(caught.value)


def test_a_pair_is_a_prompt_with_its_picture_tokens_and_two_answers_with_their_end(processor):
    pair = encode_pair(ROW, READ, processor, CONFIG)
    tokenizer = processor.tokenizer
    assert pair.prompt_ids.count(processor.image_token_id) == 4  # 28 pixels in patches of 14
    prompt = tokenizer.decode([i for i in pair.prompt_ids if i != processor.image_token_id])
    assert prompt == "USER: \nWhat is it? ASSISTANT:"
    assert tokenizer.decode(pair.chosen_ids) == " A square.</s>"
    assert tokenizer.decode(pair.rejected_ids) == " A dog.</s>"


def test_a_template_that_closes_the_answer_itself_gets_no_second_end(processor):
    processor.chat_template = processor.chat_template.replace(
        "{{ p['text'] + ' ' }}", "{{ p['text'] + ('</s>' if m['role'] == 'assistant' else ' ') }}"
    )
    assert processor.tokenizer.decode(encode_pair(ROW, READ, processor, CONFIG).chosen_ids).count("</s>") == 1


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"question": " "}, "empty_text"),
        ({"rejected": ""}, "empty_text"),
        ({"rejected": "A square."}, "equal_answers"),
        ({"image_sha256": "none"}, "image_missing"),
        ({"image_sha256": "cut"}, "image_unreadable"),
        ({"chosen": "long " * 100}, "too_long"),
    ],
)
def test_a_pair_that_cannot_be_used_is_dropped_by_its_reason(processor, change, wanted):
    assert reason(processor, **change) == wanted


def test_a_picture_whose_places_are_not_the_models_features_is_dropped(processor):
    other = copy.deepcopy(CONFIG)
    other.vision_config.patch_size = 7
    assert reason(processor, other) == "image_tokens"
    processor.patch_size = 7
    assert reason(processor) == "image_tokens"


def test_a_template_that_begins_otherwise_with_an_answer_has_the_answer_put_after_the_prompt(processor):
    processor.chat_template = "{% if add_generation_prompt %}<image>USER{% else %}another beginning{% endif %}"
    pair = encode_pair(ROW, READ, processor, CONFIG)
    assert processor.tokenizer.decode(pair.chosen_ids) == " A square.</s>"


def test_preflight_keeps_the_order_and_counts_what_it_drops(processor):
    rows = [row(pair_id="a"), row(pair_id="b", chosen=""), row(pair_id="c"), row(pair_id="d", chosen=" ")]
    pairs, dropped = preflight(rows, READ, processor, CONFIG)
    assert [pair.pair_id for pair in pairs] == ["a", "c"]
    assert dropped == {"empty_text": 2}


def test_pairs_are_encoded_the_same_every_time(processor):
    rows = [row(pair_id=f"p{i}", question="Why? " * (i % 9), chosen=f"A square {i}.") for i in range(64)]
    assert preflight(rows, READ, processor, CONFIG) == preflight(rows, READ, processor, CONFIG)


def test_a_file_without_its_columns_is_refused_by_name():
    pyarrow = pytest.importorskip("pyarrow", reason="the package `pyarrow` is not installed")
    import pyarrow.parquet as pq

    parquet = io.BytesIO()
    pq.write_table(pyarrow.Table.from_pylist([{"pair_id": "p", "question": "q"}]), parquet)
    with pytest.raises(ValueError, match="no column sample_id, image_sha256, chosen, rejected"):
        read_rows(parquet.getvalue())
