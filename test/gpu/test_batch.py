"""Batch files through the runner: real tensors where the engine matters, a scripted engine where its failures do."""

import hashlib
import json
import math
import subprocess

import pytest

from batch import BadInput
from batches import BLUE, RED, Scripted, blob, errors, line, output, run, text, watch_of
from examples import BATCH_JOB
from reports import Stopped
from support import NODE, ROOT

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from tiny import tiny_model, tiny_processor  # noqa: E402
from transformers_engine import TransformersEngine  # noqa: E402


@pytest.fixture(scope="module")
def engine():
    return TransformersEngine(tiny_model(), tiny_processor())


def test_a_batch_on_a_real_model_is_answered_in_openais_format(bucket, engine):
    asked = [
        line("a", blob(RED), n=2, temperature=0.8, seed=3, max_tokens=6),
        line("b", blob(BLUE), temperature=0, max_tokens=3, logprobs=True, top_logprobs=20),
        line("c", temperature=0, max_tokens=4),
    ]
    usage = run(bucket, asked, engine)
    a, b, c = output(bucket)
    assert [each["custom_id"] for each in (a, b, c)] == ["a", "b", "c"]
    assert [choice["index"] for choice in a["response"]["body"]["choices"]] == [0, 1]
    tokens = b["response"]["body"]["choices"][0]["logprobs"]["content"]
    assert len(tokens) == 3
    for token in tokens:
        top = [each["logprob"] for each in token["top_logprobs"]]
        assert len(top) == 20
        assert top == sorted(top, reverse=True)
        assert token["logprob"] == top[0]  # temperature 0 takes the most likely one
        assert sum(map(math.exp, top)) < 1
    assert a["response"]["body"]["choices"][0]["logprobs"] is None
    spent = [each["response"]["body"]["usage"] for each in (a, b, c)]
    assert [each["completion_tokens"] for each in spent] == [12, 3, 4]
    assert spent[0]["prompt_tokens"] == spent[1]["prompt_tokens"] > spent[2]["prompt_tokens"]
    assert usage["total_tokens"] == sum(each["total_tokens"] for each in spent)


def test_an_answer_does_not_depend_on_its_neighbours(bucket, engine):
    alone = line("x", blob(RED), temperature=1, seed=5, max_tokens=8)
    run(bucket, [alone], engine)
    (first,) = output(bucket)
    others = [line(f"o{i}", blob(BLUE), temperature=1, seed=i, max_tokens=12) for i in range(3)]
    run(bucket, [*others, alone], engine, outputKey="batches/two/output.jsonl")
    again = json.loads(bucket.read("batches/two/output.jsonl").splitlines()[-1])
    assert again["response"]["body"] == first["response"]["body"]


def test_an_answer_ends_at_its_stop_text_which_is_not_part_of_it(bucket, engine):
    run(bucket, [line("a", blob(RED), temperature=1, seed=1, max_tokens=40)], engine)
    whole = output(bucket)[0]["response"]["body"]["choices"][0]["message"]["content"]
    stop = whole[3]
    asked = [line("a", blob(RED), temperature=1, seed=1, max_tokens=40, stop=[stop])]
    run(bucket, asked, engine, outputKey="batches/two/output.jsonl")
    reply = json.loads(bucket.read("batches/two/output.jsonl"))["response"]["body"]
    assert reply["choices"][0]["message"]["content"] == whole[: whole.index(stop)].strip()
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["usage"]["completion_tokens"] < 40


def test_requests_of_one_image_are_asked_side_by_side_and_answered_in_the_files_order(bucket):
    engine = Scripted(batch_size=10)
    asked = [
        line("r1", blob(RED)),
        line("b1", blob(BLUE)),
        line("r2", blob(RED)),
        line("t", text("x")),
        line("b2", blob(BLUE)),
    ]
    usage = run(bucket, asked, engine)
    assert engine.asked == [["r1", "r2", "b1", "b2", "t"]]
    assert [each["custom_id"] for each in output(bucket)] == ["r1", "b1", "r2", "t", "b2"]
    assert usage == {
        "prompt_tokens": 50,
        "completion_tokens": 10,
        "total_tokens": 60,
        "prompt_tokens_details": {"cached_tokens": 20},
    }


@pytest.mark.parametrize(
    ("bad", "custom_id", "code", "told"),
    [
        ("not json", "", "bad_line", "line 2 is no JSON"),
        ("[]", "", "bad_line", "expected a JSON object"),
        ('{"custom_id": 5}', "", "bad_line", "custom_id is '5', expected str"),
        (line("a", blob(RED)), "a", "duplicate", "'a' was on a line before"),
        ({**line("x"), "url": "/v1/embeddings"}, "x", "bad_line", "url is '/v1/embeddings'"),
        ({**line("x"), "body": {"model": "m", "messages": []}}, "x", "bad_line", "messages is empty"),
        (line("x", "https://example.org/a.png"), "x", "bad_image", "only blob:<sha256>"),
        (line("x", "file:///etc/passwd"), "x", "bad_image", "only blob:<sha256>"),
        (line("x", "blob:../../secret"), "x", "bad_image", "only blob:<sha256>"),
        (line("x", "blob:" + "0" * 64), "x", "bad_image", "not in the bucket"),
        (line("x", {"type": "input_audio"}), "x", "bad_line", "part of type 'input_audio'"),
        (line("x", blob(RED), n=1000), "x", "bad_line", "n is 1000"),
        (line("x", blob(RED), temperature="hot"), "x", "bad_line", "temperature is 'hot'"),
        (line("x", blob(RED), top_logprobs=21), "x", "bad_line", "top_logprobs is 21"),
        (line("x", blob(RED), response_format={"type": "xml"}), "x", "bad_line", "response_format"),
    ],
)
def test_a_hostile_line_becomes_an_error_and_the_rest_is_answered(bucket, bad, custom_id, code, told):
    run(bucket, [line("a", blob(RED)), bad, line("z", blob(BLUE))], Scripted())
    first, second, third = output(bucket)
    assert (second["custom_id"], second["error"]["code"]) == (custom_id, code)
    assert told in second["error"]["message"]
    assert second["response"] is None
    assert first["response"]["status_code"] == third["response"]["status_code"] == 200


HOSTILE = [None, True, -1, 2.5, float("inf"), 2**70, "x", "", [], [[]], [None], {}, {"a": 1}]


FIELDS = [
    "n",
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "stop",
    "logprobs",
    "top_logprobs",
    "response_format",
    "messages",
    "model",
]


@pytest.mark.parametrize("field", FIELDS)
def test_whatever_stands_in_a_field_the_batch_ends_with_a_line_for_every_line(bucket, field):
    asked = [line(f"x{i}", blob(RED)) for i in range(len(HOSTILE))]
    for each, value in zip(asked, HOSTILE, strict=True):
        each["body"][field] = value
    run(bucket, [*asked, line("z", blob(RED))], Scripted())
    assert [each["custom_id"] for each in output(bucket)] == [f"x{i}" for i in range(len(HOSTILE))] + ["z"]
    assert output(bucket)[-1]["response"]["status_code"] == 200


@pytest.mark.parametrize("part", [*HOSTILE, {"type": "text"}, {"type": "image_url", "image_url": 5}, {"type": []}])
def test_whatever_stands_in_a_message_the_batch_ends_with_a_line_for_every_line(bucket, part):
    hostile = line("x")
    hostile["body"]["messages"][0]["content"] = [part]
    other = line("y")
    other["body"]["messages"][0] = part
    run(bucket, [hostile, other, line("z", blob(RED))], Scripted())
    assert [code for _, code in errors(bucket)] == ["bad_line", "bad_line"]


def test_a_line_that_is_nested_without_end_is_an_error(bucket):
    run(bucket, ["[" * 100_000, line("z", blob(RED))], Scripted())
    assert errors(bucket) == [("", "bad_line")]


def test_an_image_that_is_cut_or_not_what_its_name_says_is_an_error_of_its_line(bucket):
    cut = RED[:40]
    bucket.write(f"blobs/{hashlib.sha256(cut).hexdigest()}", cut)
    bucket.write("blobs/" + "1" * 64, BLUE)
    run(bucket, [line("cut", blob(cut)), line("other", "blob:" + "1" * 64), line("a", blob(RED))], Scripted())
    assert errors(bucket) == [("cut", "bad_image"), ("other", "bad_image")]


def test_a_request_that_the_engine_does_not_take_is_found_and_the_rest_goes_on(bucket):
    asked = [line(name, blob(RED)) for name in "abcdefg"]
    run(bucket, asked, Scripted(batch_size=8, refuses=("c", "f")))
    assert errors(bucket) == [("c", "refused_by_engine"), ("f", "refused_by_engine")]


def test_out_of_memory_halves_what_is_asked_at_once(bucket):
    engine = Scripted(batch_size=8, room=2)
    run(bucket, [line(name, blob(RED)) for name in "abcde"], engine)
    assert [len(asked) for asked in engine.asked] == [5, 2, 2, 1]
    assert errors(bucket) == []


def test_one_request_that_does_not_fit_alone_is_an_error(bucket):
    run(bucket, [line("a", blob(RED)), line("b", blob(RED))], Scripted(room=0))
    assert errors(bucket) == [("a", "out_of_memory"), ("b", "out_of_memory")]


def test_guided_decoding_is_refused_by_the_engine_that_has_none(bucket, engine):
    schema = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}}}
    run(bucket, [line("a", blob(RED), response_format=schema), line("b", blob(RED), max_tokens=1)], engine)
    assert errors(bucket) == [("a", "unsupported_parameter")]


def test_what_is_made_is_not_made_again(bucket):
    asked = [line("a", blob(RED))]
    usage = run(bucket, asked, Scripted())
    before = bucket.read(BATCH_JOB["outputKey"])
    engine = Scripted()
    assert run(bucket, asked, engine, canary=True) == usage
    assert engine.asked == []
    assert bucket.read(BATCH_JOB["outputKey"]) == before


def test_a_job_whose_input_is_missing_or_another_file_is_refused(bucket):
    with pytest.raises(BadInput, match="has 1 lines, the job says 3"):
        run(bucket, [line("a", blob(RED))], Scripted(), claimed=3)
    with pytest.raises(BadInput, match="is not in the bucket"):
        run(bucket, [line("a", blob(RED))], Scripted(), inputKey="batches/none/input.jsonl")


def test_stopped_work_writes_nothing(bucket):
    watch = watch_of()

    class StopsAfterOne(Scripted):
        def answer(self, requests):
            yield from super().answer(requests)
            watch.refuse("the run was stopped")

    engine = StopsAfterOne(batch_size=1)
    with pytest.raises(Stopped, match="the run was stopped"):
        run(bucket, [line("a", blob(RED)), line("b", blob(RED))], engine, watch)
    assert engine.asked == [["a"]]
    assert bucket.exists(BATCH_JOB["outputKey"]) is False


def test_replies_are_completions_to_the_typescript_side(bucket, engine, tmp_path):
    asked = [line("a", blob(RED), n=2, seed=1, max_tokens=3, logprobs=True, top_logprobs=5), line("b", "blob:nothing")]
    run(bucket, asked, engine)
    script = """
        import { readFileSync } from "node:fs";
        import { ChatCompletion } from "./shared/schemas/chat.ts";
        import { BatchOutputLine } from "./shared/schemas/gpu.ts";
        const lines = readFileSync(process.argv[1], "utf8").trimEnd().split("\\n").map((line) => JSON.parse(line));
        const [a, b] = lines.map((line) => BatchOutputLine.parse(line));
        const completion = ChatCompletion.parse(a.response.body);
        console.log(JSON.stringify([completion.choices.length, completion.usage.completion_tokens, b.error.code]));
    """
    path = tmp_path / BATCH_JOB["outputKey"]
    command = [NODE, "--input-type=module", "-e", script, str(path)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == [2, 6, "bad_image"]
