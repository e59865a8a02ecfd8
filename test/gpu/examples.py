"""Values of the contract that several tests begin with."""

WEIGHTS = {"model": "tiny/llava", "revision": "abc", "checkpoint": None}
CALL = {
    "contract": 1,
    "call": "run1/generate-0#1",
    "weights": WEIGHTS,
    "callbackUrl": "http://127.0.0.1:9/reports",
    "heartbeatSeconds": 60,
    "deadlineSeconds": 3600,
}
BATCH_JOB = {
    "kind": "batch",
    **CALL,
    "inputKey": "batches/abc/input.jsonl",
    "outputKey": "batches/abc/output.jsonl",
    "lines": 2,
    "canary": False,
}
SETTINGS = {
    "method": "full",
    "beta": 0.1,
    "learningRate": 1e-3,
    "epochs": 2.0,
    "batchPairs": 4,
    "dpoWeight": 1.0,
    "sftWeight": 0.0,
    "warmupShare": 0.05,
    "checkpointsPerEpoch": 1,
}
TRAIN_JOB = {
    "kind": "train",
    **CALL,
    "name": "run1-r1",
    "pairsKey": "runs/run1/pairs.parquet",
    "pairs": 12,
    "outputPrefix": "runs/run1/r1/train",
    "resultKey": "runs/run1/r1/train/result.json",
    "seed": 7,
    "settings": SETTINGS,
}
VERDICT = {"goOn": False, "reason": "the run was stopped"}
MANIFEST = {
    "format": "lora",
    "base": {"model": "tiny/llava", "revision": "abc"},
    "files": [{"path": "run1-r1/s3/adapter_model.safetensors", "bytes": 10, "sha256": "00"}],
}
