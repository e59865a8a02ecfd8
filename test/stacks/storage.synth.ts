import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { BUCKET, DEAD_LETTER_DAYS } from "../../stacks/plan.ts";
import { only, type Synthesis, synthesis, synthesise } from "../support/synthesis.ts";

const made = synthesis();
const bucket = only(made, "s3/bucket")["bucket"];

test("the table has its keys, a sparse index of keys, a time to live and a way back", () => {
  const { name, localSecondaryIndexes, ...table } = only(made, "dynamodb/table");
  assert.deepEqual([typeof name, localSecondaryIndexes], ["string", []]);
  assert.deepEqual(table, {
    billingMode: "PAY_PER_REQUEST",
    hashKey: "pk",
    rangeKey: "sk",
    attributes: ["pk", "sk", "gsi1pk", "gsi1sk"].map((key) => ({ name: key, type: "S" })),
    globalSecondaryIndexes: [{ name: "gsi1", hashKey: "gsi1pk", rangeKey: "gsi1sk", projectionType: "KEYS_ONLY" }],
    ttl: { attributeName: "ttl", enabled: true },
    pointInTimeRecovery: { enabled: true },
    streamEnabled: false,
    deletionProtectionEnabled: false,
  });
});

test("nothing in the bucket can be made public", () => {
  assert.deepEqual(only(made, "s3/bucketPublicAccessBlock"), {
    bucket,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  });
});

test("bucket and dead letters are encrypted", () => {
  assert.deepEqual(only(made, "s3/bucketServerSideEncryptionConfiguration"), {
    bucket,
    rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }],
  });
  const { sqsManagedSseEnabled, messageRetentionSeconds } = only(made, "sqs/queue");
  assert.deepEqual([sqsManagedSseEnabled, messageRetentionSeconds], [true, DEAD_LETTER_DAYS * 86_400]);
});

test("only what can be made again goes by itself", () => {
  const { rules } = only(made, "s3/bucketLifecycleConfiguration") as { rules?: unknown[] };
  assert.deepEqual(rules, [
    { id: "batches", status: "Enabled", filter: { prefix: "batches/" }, expiration: { days: BUCKET.batchesDays } },
    { id: "uploads", status: "Enabled", filter: { prefix: "uploads/" }, expiration: { days: BUCKET.uploadsDays } },
    {
      id: "abandoned-uploads",
      status: "Enabled",
      filter: { prefix: "" },
      abortIncompleteMultipartUpload: { daysAfterInitiation: BUCKET.abortMultipartDays },
    },
  ]);
});

test("only pages of the console may use the bucket from a browser", () => {
  const { corsRules } = only(made, "s3/bucketCorsConfiguration") as { corsRules?: Record<string, unknown>[] };
  assert.deepEqual(
    corsRules?.map(({ allowedOrigins, allowedMethods }) => ({ allowedOrigins, allowedMethods })),
    [{ allowedOrigins: [made.outputs["url"]], allowedMethods: ["GET", "HEAD", "PUT"] }],
  );
});

test("in production, table and bucket outlive mistakes", () => {
  const folder = mkdtempSync(join(tmpdir(), "prod-"));
  try {
    const file = join(folder, "prod.json");
    const { status, stderr } = synthesise("prod", file);
    assert.equal(status, 0, stderr);
    const prod = JSON.parse(readFileSync(file, "utf8")) as Synthesis;
    assert.equal(only(prod, "dynamodb/table")["deletionProtectionEnabled"], true);
    assert.equal(only(prod, "s3/bucket")["forceDestroy"], false);
    assert.equal(only(made, "s3/bucket")["forceDestroy"], true);
    assert.equal(prod.outputs["_protect"], true);
    assert.equal(prod.resources.length, made.resources.length);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
