/**
 * What the types must refuse: each marked line is an error for SST's real types, and `tsc` fails where one is none. So
 * `npm run check:infra` proves that it looks at more than `any`.
 */

// @ts-expect-error: no such setting
export const unknownProperty = () => new sst.aws.Bucket("Refused", { publik: true });

// @ts-expect-error: a duration is a number and a unit
export const wrongDuration = () => new sst.aws.Function("Refused", { handler: "a.b", timeout: "5 eons" });

// @ts-expect-error: a time for which CloudWatch keeps no logs
export const wrongRetention: sst.aws.FunctionArgs["logging"] = { retention: "5 weeks" };

// @ts-expect-error: a type that DynamoDB's keys have not
export const wrongKey: sst.aws.DynamoArgs["fields"] = { pk: "date" };

// @ts-expect-error: text, not a number of seconds
export const wrongResource = () => new aws.sqs.Queue("Refused", { messageRetentionSeconds: "long" });
