/** Faults of a real server, put in between by middleware of the SDK. */
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";

export type Asked = { commandName: string; input: Record<string, unknown> };
type Send = () => Promise<object>;

/** @param handle gives the answer: what `send` gave, something else, or an error */
export function between(client: DynamoDBClient, handle: (asked: Asked, send: Send) => Promise<object>): void {
  client.middlewareStack.add(
    (next, { commandName = "" }) =>
      async (args) => {
        let answer: Awaited<ReturnType<typeof next>> | undefined;
        const send = async () => {
          answer = await next(args);
          return answer.output as object;
        };
        const output = await handle({ commandName, input: args.input as Record<string, unknown> }, send);
        return { response: undefined, ...answer, output: output as NonNullable<typeof answer>["output"] };
      },
    { step: "initialize", name: `between${Math.random()}` },
  );
}

export function refusal(name: string, facts: object = {}): Error {
  return Object.assign(new Error(`${name}, said the test`), { name, ...facts });
}

/** As Node tells of a connection that ended before the answer came. */
export const lostReply = (): Error => refusal("TimeoutError", { code: "ECONNRESET" });

export const isWrite = ({ commandName }: Asked): boolean =>
  /^(Put|Update|Delete|TransactWrite|BatchWrite)/.test(commandName);
