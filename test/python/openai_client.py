"""The official Python client, unchanged, against the chat: streaming, images, trust, abort, error classes. Run with
`pytest test/python/openai_client.py`. Without the package `openai` the tests are skipped and say so, unless
REQUIRE_PYTHON_PACKAGES=1."""

import json
import os
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

if os.environ.get("REQUIRE_PYTHON_PACKAGES") == "1":
    import openai
else:
    openai = pytest.importorskip("openai", reason="the package `openai` is not installed")

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def service():
    pinned = REPOSITORY / "node_modules" / ".bin" / "node"
    node = str(pinned) if pinned.exists() else "node"
    command = [node, "test/python/chat_service.ts"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield json.loads(process.stdout.readline())
    process.stdin.close()
    process.wait(timeout=30)


def client_of(service, key=None):
    return openai.OpenAI(base_url=service["base_url"], api_key=key or service["key"], max_retries=0)


def about_the_image(service, **more):
    image = {"type": "image_url", "image_url": {"url": service["image"]}}
    content = [image, {"type": "text", "text": service["question"]}]
    return {"model": service["model"], "messages": [{"role": "user", "content": content}], "seed": 4, **more}


def test_a_stream_shows_the_answer_that_is_given_in_one_piece(service):
    completions = client_of(service).chat.completions
    whole = completions.create(**about_the_image(service))
    chunks = list(completions.create(**about_the_image(service), stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert len(text) > 0
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage


def test_models_are_listed(service):
    assert [model.id for model in client_of(service).models.list()] == [service["model"]]


def test_trust_goes_through_as_an_extra_field(service):
    asked = about_the_image(service, extra_body={"trust": {"best_of": 3}})
    answer = client_of(service).chat.completions.create(**asked)
    assert len(answer.trust["candidates"]) == 3
    assert all({"question", "p_yes", "verdict"} <= claim.keys() for claim in answer.trust["claims"])


def concurrent_requests(service):
    headers = {"authorization": f"Bearer {service['key']}"}
    request = urllib.request.Request(f"{service['base_url']}/usage", headers=headers)
    with urllib.request.urlopen(request) as response:
        usage = json.load(response)
    # The question itself holds a slot while it is answered.
    return usage["concurrent_requests"]["used"] - 1, usage["tokens"]["used"]


def test_leaving_a_stream_stops_it_and_pays_what_came(service):
    slow = service["slow"]
    messages = [{"role": "user", "content": "Count."}]
    stream = client_of(slow).chat.completions.create(model=slow["model"], messages=messages, stream=True)
    for _, _ in zip(range(5), stream):
        pass
    assert concurrent_requests(slow)[0] == 1
    stream.close()
    left = time.monotonic()
    while concurrent_requests(slow)[0] > 0:
        assert time.monotonic() - left < 5
    assert concurrent_requests(slow)[1] > 0


def test_errors_are_the_clients_own_classes(service):
    def refused(key=None, **more):
        with pytest.raises(openai.APIStatusError) as caught:
            client_of(service, key).chat.completions.create(**about_the_image(service, **more))
        return type(caught.value), caught.value.code, caught.value.param

    assert refused(key="rlk_wrong") == (openai.AuthenticationError, "invalid_api_key", None)
    assert refused(key=service["reader_key"]) == (openai.PermissionDeniedError, "insufficient_permissions", None)
    assert refused(key=service["poor_key"]) == (openai.RateLimitError, "insufficient_quota", None)
    assert refused(model="nobody") == (openai.NotFoundError, "model_not_found", "model")
    assert refused(tools=[]) == (openai.BadRequestError, "unsupported_parameter", "tools")
    assert refused(max_tokens=100_000)[1:] == ("invalid_value", "max_tokens")
