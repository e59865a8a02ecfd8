import type { CreateTableCommandInput } from "@aws-sdk/client-dynamodb";

export const INDEX = "gsi1";
export const TTL_ATTRIBUTE = "ttl";

/**
 * The one table, without its name: what the stack deploys and what tests create. The index holds keys only: rows are read
 * from the table itself, so that a change of a row whose index keys stay costs the index nothing.
 */
export const TABLE = {
  BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: ["pk", "sk", "gsi1pk", "gsi1sk"].map((name) => ({ AttributeName: name, AttributeType: "S" })),
  KeySchema: [
    { AttributeName: "pk", KeyType: "HASH" },
    { AttributeName: "sk", KeyType: "RANGE" },
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: INDEX,
      KeySchema: [
        { AttributeName: "gsi1pk", KeyType: "HASH" },
        { AttributeName: "gsi1sk", KeyType: "RANGE" },
      ],
      Projection: { ProjectionType: "KEYS_ONLY" },
    },
  ],
} as const satisfies Omit<CreateTableCommandInput, "TableName">;
