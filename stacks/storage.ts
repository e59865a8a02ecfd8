/** The one table and the one bucket. */
import { BUCKET, isProduction } from "./plan.ts";

export type Table = sst.aws.Dynamo;
export type Bucket = sst.aws.Bucket;

/** On demand: nothing is paid for while nothing runs. Restorable to any second of the last 35 days. */
export function stateTable(): Table {
  return new sst.aws.Dynamo("State", {
    fields: { pk: "string", sk: "string", gsi1pk: "string", gsi1sk: "string" },
    primaryIndex: { hashKey: "pk", rangeKey: "sk" },
    // Keys only: rows are read from the table itself, so that a change that leaves these keys alone costs the index nothing.
    globalIndexes: { gsi1: { hashKey: "gsi1pk", rangeKey: "gsi1sk", projection: "keys-only" } },
    ttl: "ttl",
    deletionProtection: isProduction($app.stage),
  });
}

/** `origins`: of the pages that send large files straight to the bucket, with URLs that the API signed. */
export function dataBucket(origins: $util.Input<string>[]): Bucket {
  const bucket = new sst.aws.Bucket("Data", {
    enforceHttps: true,
    cors: {
      allowOrigins: origins,
      allowMethods: ["GET", "HEAD", "PUT"],
      allowHeaders: ["content-type", "if-none-match", "x-amz-*"],
      maxAge: "1 hour",
    },
    lifecycle: [
      { id: "batches", prefix: "batches/", expiresIn: `${BUCKET.batchesDays} days` },
      { id: "uploads", prefix: "uploads/", expiresIn: `${BUCKET.uploadsDays} days` },
    ],
    transform: {
      bucket: (args) => {
        args.forceDestroy = !isProduction($app.stage);
        return undefined;
      },
      lifecycle: (args) => {
        args.rules = $util.output(args.rules).apply((rules) => [...(rules ?? []), abandonedUploads]);
        return undefined;
      },
    },
  });
  new aws.s3.BucketServerSideEncryptionConfiguration("DataEncryption", {
    bucket: bucket.name,
    rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }],
  });
  return bucket;
}

/** An upload in parts that was never finished is invisible and paid for. */
const abandonedUploads = {
  id: "abandoned-uploads",
  status: "Enabled",
  filter: { prefix: "" },
  abortIncompleteMultipartUpload: { daysAfterInitiation: BUCKET.abortMultipartDays },
};
