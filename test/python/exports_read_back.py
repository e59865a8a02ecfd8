"""Reads exported datasets with pyarrow and Hugging Face's `datasets`: other people's readers must see equal texts and
byte-equal images. Run with `pytest test/python/exports_read_back.py`; EXPORT_FOLDER names exports that
`node test/python/make_export.ts FOLDER` made before, else they are made here. Without the packages the tests are
skipped and say so."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    given = os.environ.get("EXPORT_FOLDER")
    if given:
        return Path(given)
    folder = tmp_path_factory.mktemp("exports")
    pinned = REPOSITORY / "node_modules" / ".bin" / "node"
    node = str(pinned) if pinned.exists() else "node"
    subprocess.run([node, "test/python/make_export.ts", str(folder)], cwd=REPOSITORY, check=True)
    return folder


@pytest.fixture(scope="session")
def pairs(exports):
    return json.loads((exports / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture()
def load(exports, tmp_path):
    datasets = pytest.importorskip("datasets", reason="the package `datasets` is not installed")
    return lambda name: datasets.load_dataset(str(exports / name), split="train", cache_dir=str(tmp_path))


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def test_pyarrow_reads_equal_columns_and_byte_equal_images(exports, pairs):
    parquet = pytest.importorskip("pyarrow.parquet", reason="the package `pyarrow` is not installed")
    files = sorted((exports / "parquet" / "data").glob("*.parquet"))
    assert [file.name for file in files] == [f"train-{i:05}-of-{len(files):05}.parquet" for i in range(len(files))]
    assert len(files) > 1
    rows = [row for file in files for row in parquet.read_table(file).to_pylist()]
    columns = "ds_name image question chosen rejected origin_dataset origin_split idx image_path".split()
    assert parquet.read_schema(files[0]).names == columns
    assert [row["idx"] for row in rows] == [pair["pairId"] for pair in pairs]
    for row, pair in zip(rows, pairs):
        assert sha256(row["image"]["bytes"]) == pair["image"]["sha256"]
        assert row["question"] == pair["question"]
        assert row["chosen"] == pair["chosen"]["text"]
        assert row["rejected"] == pair["rejected"]["text"]
        assert row["image_path"] == pair["image"]["path"]
        assert set(json.loads(row["origin_split"])) >= {"model", "type"}


def test_pyarrow_sees_row_groups_of_at_most_100_rows(exports):
    parquet = pytest.importorskip("pyarrow.parquet", reason="the package `pyarrow` is not installed")
    for file in (exports / "parquet" / "data").glob("*.parquet"):
        metadata = parquet.ParquetFile(file).metadata
        assert all(metadata.row_group(i).num_rows <= 100 for i in range(metadata.num_row_groups))


def test_datasets_loads_the_folder_by_its_card_and_decodes_the_images(load, pairs):
    from datasets import Image

    dataset = load("parquet")
    assert isinstance(dataset.features["image"], Image)
    assert dataset.num_rows == len(pairs)
    assert dataset[0]["image"].size == (64, 64)
    raw = dataset.cast_column("image", Image(decode=False))
    for row, pair in zip(raw, pairs):
        assert sha256(row["image"]["bytes"]) == pair["image"]["sha256"]
        assert row["chosen"] == pair["chosen"]["text"]


def test_datasets_loads_the_trl_format_as_trl_expects_it(load, pairs):
    dataset = load("trl")
    assert dataset.column_names == ["images", "prompt", "chosen", "rejected"]
    assert dataset.num_rows == len(pairs)
    for index in (0, 3, 249):
        row, pair = dataset[index], pairs[index]
        assert [image.size for image in row["images"]] == [(64, 64)]
        (turn,) = row["prompt"]
        assert turn["role"] == "user"
        assert [part["type"] for part in turn["content"]] == ["image", "text"]
        assert turn["content"][1]["text"] == pair["question"]
        assert row["chosen"] == [{"role": "assistant", "content": [{"type": "text", "text": pair["chosen"]["text"]}]}]
        assert row["rejected"][0]["content"][0]["text"] == pair["rejected"]["text"]


def test_pyarrow_reads_an_empty_export_with_all_its_columns(exports):
    # `datasets` itself refuses any split without rows, so only the file can be looked at.
    parquet = pytest.importorskip("pyarrow.parquet", reason="the package `pyarrow` is not installed")
    (file,) = (exports / "empty" / "data").glob("*.parquet")
    table = parquet.read_table(file)
    assert table.num_rows == 0
    assert "image" in table.column_names


@pytest.mark.parametrize("name", ["jsonl", "rlaifv"])
def test_json_lines_name_images_that_are_byte_equal(exports, pairs, name):
    text = (exports / name / "pairs.jsonl").read_text(encoding="utf-8")
    records = [json.loads(line) for line in text.split("\n") if line]
    assert len(records) == len(pairs)
    for record, pair in zip(records, pairs):
        path = record["image"]["file"] if name == "jsonl" else record["image_path"]
        assert sha256((exports / name / path).read_bytes()) == pair["image"]["sha256"]
        assert record["question"] == pair["question"]


def test_lineage_has_the_hash_of_every_file(exports):
    for folder in (path.parent for path in exports.glob("*/lineage.json")):
        lineage = json.loads((folder / "lineage.json").read_text(encoding="utf-8"))
        listed = {file["path"]: file["sha256"] for file in lineage["export"]["files"]}
        found = {p.relative_to(folder).as_posix(): sha256(p.read_bytes()) for p in folder.rglob("*") if p.is_file()}
        found.pop("lineage.json")
        assert found == listed
