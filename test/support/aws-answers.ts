/** A server that answers the requests of `rlaifv doctor --cloud` as AWS documents its answers, over real HTTP. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { SFNClient } from "@aws-sdk/client-sfn";

/** `body`: JSON, or XML as text. */
export type AwsAnswer = { status?: number; body?: object | string };
/** By operation: `DescribeTable`, …, `HeadBucket`, `GetPublicAccessBlock`. */
export type AwsAnswers = Record<string, AwsAnswer>;

export const awsFault = (type: string, message: string): AwsAnswer => ({
  status: 400,
  body: { __type: type, message },
});

export async function awsServer(answers: AwsAnswers) {
  const asked: { operation: string; path: string; body: string }[] = [];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const operation = operationOf(request);
    const path = (request.url ?? "").split("?")[0] ?? "";
    asked.push({ operation, path, body: await text(request) });
    const { status = 200, body = {} } = answers[operation] ?? awsFault("UnknownOperationException", operation);
    const isJson = typeof body !== "string";
    response.writeHead(status, { "content-type": isJson ? "application/x-amz-json-1.0" : "application/xml" });
    response.end(request.method === "HEAD" ? undefined : isJson ? JSON.stringify(body) : body);
  }

  const http = createServer((request, response) => void answer(request, response));
  await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
  const endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "aws-secret-key" };
  const options = { endpoint, region: "us-east-1", credentials, maxAttempts: 1 };
  const clients = {
    dynamo: new DynamoDBClient(options),
    s3: new S3Client({ ...options, forcePathStyle: true }),
    sfn: new SFNClient({ ...options }),
  };
  return {
    clients,
    asked,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((closed) => {
        http.close(() => closed());
        http.closeAllConnections();
      }),
  };
}

/** The JSON protocols name it in a header; S3 means it by method and query. */
function operationOf({ headers, method, url = "" }: IncomingMessage): string {
  const target = headers["x-amz-target"];
  if (typeof target === "string") return target.split(".").at(-1) ?? "";
  if (method === "HEAD") return "HeadBucket";
  return url.includes("publicAccessBlock") ? "GetPublicAccessBlock" : `${method} ${url}`;
}
