/**
 * DynamoDB Local 3.3.0 tells too little of what a transaction takes: equal figures of its items are told once (ten items of
 * 1 KB: 2 units instead of 20). One item alone it counts rightly. So every write is repeated in a mirror table, each item of
 * a transaction in a transaction of its own, and the sum is what the transaction is said to have taken.
 */
import {
  type ConsumedCapacity,
  DeleteItemCommand,
  type DeleteItemCommandInput,
  type DynamoDBClient,
  PutItemCommand,
  type PutItemCommandInput,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  type TransactWriteItemsCommandInput,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from "@aws-sdk/client-dynamodb";

/** @param mirror another client, and an empty table of its own that knows the same rows */
export function mirrorWrites(client: DynamoDBClient, mirror: { client: DynamoDBClient; table: string }): void {
  client.middlewareStack.add(
    (next, { commandName = "" }) =>
      async (args) => {
        const answer = await next(args);
        if (commandName !== "TransactWriteItemsCommand") {
          await repeatOne(commandName, args.input, mirror);
          return answer;
        }
        const taken: ConsumedCapacity[] = [];
        for (const item of (args.input as TransactWriteItemsCommandInput).TransactItems ?? []) {
          taken.push(...(await repeatAlone(item, mirror)));
        }
        return { ...answer, output: { ...(answer.output as object), ConsumedCapacity: taken } as typeof answer.output };
      },
    { step: "initialize", name: "mirrorWrites", priority: "low" },
  );
}

type Mirror = { client: DynamoDBClient; table: string };

async function repeatAlone(item: TransactWriteItem, { client, table }: Mirror): Promise<ConsumedCapacity[]> {
  const [kind, change] = Object.entries(item)[0] as [string, object];
  const TransactItems = [{ [kind]: { ...change, TableName: table } }] as TransactWriteItem[];
  const command = new TransactWriteItemsCommand({ TransactItems, ReturnConsumedCapacity: "INDEXES" });
  return (await client.send(command)).ConsumedCapacity ?? [];
}

async function repeatOne(commandName: string, input: object, { client, table }: Mirror): Promise<void> {
  const TableName = table;
  if (commandName === "PutItemCommand")
    await client.send(new PutItemCommand({ ...(input as PutItemCommandInput), TableName }));
  if (commandName === "UpdateItemCommand") {
    await client.send(new UpdateItemCommand({ ...(input as UpdateItemCommandInput), TableName }));
  }
  if (commandName === "DeleteItemCommand") {
    await client.send(new DeleteItemCommand({ ...(input as DeleteItemCommandInput), TableName }));
  }
  if (commandName === "BatchWriteItemCommand") throw new Error("the mirror repeats no batch writes");
}
