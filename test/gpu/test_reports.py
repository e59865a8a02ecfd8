"""Reports reach the workers signed, are answered, and the answer rules."""

import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from contract import parse_job
from examples import BATCH_JOB
from meter import ContainerMeter
from reports import Call, Sender, Stopped, Unreachable, heartbeat, signed_headers
from support import NODE, ROOT

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def callback():
    """A real HTTP server; `answers` are given in turn, the last one for ever."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status, answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.answers = [], [(200, {"goOn": True})]
    server.url = f"http://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def call_to(callback, now=lambda: 0.0, waits=None, **job):
    sender = Sender(callback.url, SECRET, sleep=(waits if waits is not None else []).append)
    meter = ContainerMeter(started_at=0.0, idle_seconds=0.0, now=now).call()
    return Call(parse_job({**BATCH_JOB, **job}), "fc-1", "ta-1", sender, meter)


def work_until_stopped(watch):
    while True:
        watch.checkpoint()
        time.sleep(0.01)


def bodies(callback):
    return [json.loads(body) for _, body in callback.got]


def test_the_signature_is_the_one_that_the_typescript_side_makes():
    body = '{"type":"started","text":"größe"}'
    script = (
        'import { signedHeaders } from "./functions/webhooks/signature.ts";'
        f"console.log(JSON.stringify(signedHeaders({{ id: 'msg_1', body: {json.dumps(body)}, now: 1_700_000_000_500 }},"
        f" '{SECRET}')))"
    )
    told = subprocess.run(
        [NODE, "--input-type=module", "-e", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert signed_headers("msg_1", body.encode(), 1_700_000_000.5, SECRET) == json.loads(told.stdout)


def test_a_secret_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="whsec_"):
        signed_headers("msg_1", b"", 0, "plain")


def test_each_report_has_an_id_of_its_own_and_keeps_it_through_attempts(callback):
    callback.answers = [(503, {}), (429, {}), (200, {"goOn": True}), (200, {"goOn": True})]
    waits = []
    call = call_to(callback, waits=waits)
    assert call.report("started", container="ta-1").go_on is True
    assert call.report("success", resultKey="k", usage=None).go_on is True
    ids = [headers["webhook-id"] for headers, _ in callback.got]
    assert len(ids) == 4
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert len(waits) == 2
    assert 0.5 <= waits[0] <= 1
    assert 1 <= waits[1] <= 2


def test_reports_fit_the_contract_and_one_that_does_not_is_never_sent(callback):
    call = call_to(callback, now=lambda: 12.5)
    call.report("success", resultKey="k", usage=None)
    assert bodies(callback) == [
        {
            "type": "success",
            "call": "run1/generate-0#1",
            "providerId": "fc-1",
            "gpuSeconds": 12.5,
            "resultKey": "k",
            "usage": None,
        }
    ]
    with pytest.raises(ValueError, match="deploy workers and GPU app together"):
        call.report("success", resultKey="")
    assert len(callback.got) == 1


def test_a_refusal_that_no_repetition_mends_is_not_repeated(callback):
    callback.answers = [(401, {})]
    with pytest.raises(Unreachable, match="status 401"):
        call_to(callback).report("started", container="ta-1")
    assert len(callback.got) == 1


def test_a_report_that_reaches_nobody_ends_after_six_attempts(callback):
    callback.answers = [(500, {})]
    with pytest.raises(Unreachable, match="status 500"):
        call_to(callback).report("started", container="ta-1")
    assert len(callback.got) == 6


def test_work_that_nobody_pays_for_does_not_start(callback):
    callback.answers = [(200, {"goOn": False, "reason": "another container has it"})]
    with pytest.raises(Stopped, match="another container has it"), heartbeat(call_to(callback), 2):
        pytest.fail("the work began")


def test_a_refused_heartbeat_stops_the_work_at_its_next_checkpoint(callback):
    callback.answers = [(200, {"goOn": True}), (200, {"goOn": True}), (200, {"goOn": False, "reason": "stopped"})]
    with heartbeat(call_to(callback, heartbeatSeconds=1), 5) as watch:
        watch.progress(3, 5)
        with pytest.raises(Stopped) as caught:
            work_until_stopped(watch)
    assert caught.value.code == "stopped"
    assert [body["type"] for body in bodies(callback)] == ["started", "heartbeat", "heartbeat"]
    assert bodies(callback)[1]["progress"] == {"done": 3, "total": 5}


def test_work_stops_when_it_has_used_what_is_paid_for(callback):
    clock = [0.0]
    with heartbeat(call_to(callback, now=lambda: clock[0], deadlineSeconds=10), 5) as watch:
        clock[0] = 9.9
        watch.checkpoint()
        clock[0] = 10.0
        with pytest.raises(Stopped, match="10 of 10 paid GPU seconds used") as caught:
            watch.checkpoint()
    assert caught.value.code == "deadline"


def test_calls_of_a_container_add_up_to_its_bill():
    clock = [100.0]
    container = ContainerMeter(started_at=40.0, idle_seconds=120.0, now=lambda: clock[0])
    first = container.call()
    assert first.seconds() == 180  # sixty seconds of start, and the idle time that will come
    clock[0] = 110.0
    assert first.end() == 190
    clock[0] = 130.0
    second = container.call()
    clock[0] = 150.0
    assert second.end() == 40  # from the end of the call before
    assert first.seconds() == 190
    assert first.end() + second.end() == (150 - 40) + 120
