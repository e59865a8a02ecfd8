"""The chat server's command line."""

import pytest

import serve


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    monkeypatch.setenv("RLAIFV_SERVE_MODEL", "llava-hf/llava-1.5-7b-hf")
    monkeypatch.setenv("RLAIFV_SERVE_KEY", "rlk_secret")


def checkpoint(volume, name, step, config, whole=True):
    folder = volume / name / f"s{step}"
    folder.mkdir(parents=True)
    (folder / config).write_text("{}")
    if whole:
        folder.with_suffix(".json").write_text("{}")


def test_adapters_are_served_by_their_names_when_they_are_whole(tmp_path):
    checkpoint(tmp_path, "run1-r1", 3, "adapter_config.json")
    checkpoint(tmp_path, "run1-r1", 6, "adapter_config.json", whole=False)
    checkpoint(tmp_path, "run2-r1", 3, "config.json")
    words = serve.command(tmp_path, gpus=1)
    assert words[-1] == f"run1-r1-s3={tmp_path}/run1-r1/s3"
    assert words.count("--enable-lora") == 1
    assert words[words.index("--served-model-name") + 1] == "llava-hf/llava-1.5-7b-hf"


def test_a_checkpoint_of_all_weights_is_served_by_its_name(tmp_path, monkeypatch):
    checkpoint(tmp_path, "run2-r1", 3, "config.json")
    monkeypatch.setenv("RLAIFV_SERVE_MODEL", "run2-r1-s3")
    words = serve.command(tmp_path, gpus=2)
    assert words[2] == f"{tmp_path}/run2-r1/s3"
    assert words[words.index("--served-model-name") + 1] == "run2-r1-s3"
    assert words[words.index("--tensor-parallel-size") + 1] == "2"
    assert "--enable-lora" not in words


def test_the_key_is_in_the_environment_and_not_on_the_command_line(tmp_path):
    assert serve.environment()["VLLM_API_KEY"] == "rlk_secret"
    assert not any("rlk_secret" in word for word in serve.command(tmp_path, gpus=1))


def test_a_missing_setting_is_told_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.delenv("RLAIFV_SERVE_KEY")
    with pytest.raises(LookupError, match="RLAIFV_SERVE_KEY is not set"):
        serve.environment()
