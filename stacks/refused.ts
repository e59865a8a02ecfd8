/**
 * What the types must refuse: each line is an error for SST's real types, and `tsc` fails where one is none. So
 * `npm run check:infra` proves that it looks at more than `any`.
 */

// @ts-expect-error: no such setting
export const unknownProperty = () => new sst.aws.Bucket("Refused", { publik: true });

// @ts-expect-error: a duration is a number and a unit
export const wrongDuration = () => new sst.aws.Function("Refused", { handler: "a.b", timeout: "5 eons" });

// @ts-expect-error: a name that no retention has
export const wrongRetention = () =>
  new sst.aws.Function("Refused", { handler: "a.b", logging: { retention: "1 day!" } });

// @ts-expect-error: a key of a type that DynamoDB has not
export const wrongKey = () =>
  new sst.aws.Dynamo("Refused", { fields: { pk: "date" }, primaryIndex: { hashKey: "pk" } });

// @ts-expect-error: text, not a number of seconds
export const wrongResource = () => new aws.sqs.Queue("Refused", { messageRetentionSeconds: "long" });
