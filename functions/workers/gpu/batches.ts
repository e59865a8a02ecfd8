/** Batches as files. A batch is named by its content: the same lines for the same weights are answered once. */
import { canonicalJson, sha256Hex } from "../../../shared/ids.ts";
import { readLines } from "../../../shared/jsonl.ts";
import type { BlobStore } from "../../../shared/ports/blob-store.ts";
import { type BatchLine, ChatCompletion, type ChatReply } from "../../../shared/schemas/chat.ts";
import { BatchOutputLine, type Weights } from "../../../shared/schemas/gpu.ts";

/** `hash`: 32 hex digits (128 bits) of the SHA-256 over weights and lines. */
export type Batch = {
  hash: string;
  inputKey: string;
  outputKey: string;
  weights: Weights;
  text: string;
  lines: number;
};

/** Pure: the same lines in the same order are the same batch. */
export function batchOf(weights: Weights, lines: readonly BatchLine[]): Batch {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  const hash = sha256Hex(`${canonicalJson(weights)}\n${text}`).slice(0, 32);
  const prefix = `batches/${hash}`;
  return {
    hash,
    inputKey: `${prefix}/input.jsonl`,
    outputKey: `${prefix}/output.jsonl`,
    weights,
    text,
    lines: lines.length,
  };
}

/** Whether the batch has been answered. */
export async function isAnswered({ outputKey }: Batch, blobs: Pick<BlobStore, "read">): Promise<boolean> {
  return (await blobs.read(outputKey, { offset: 0, length: 1 })) !== undefined;
}

/** The replies of an answered batch. Lines that failed there are failures for good: the batch's file is what it is. */
export async function* repliesOf({ outputKey }: Batch, blobs: Pick<BlobStore, "stream">): AsyncGenerator<ChatReply> {
  for await (const record of readLines(blobs, outputKey)) yield replyOf(BatchOutputLine.parse(record));
}

const OK = 200;

function replyOf({ custom_id, response, error }: BatchOutputLine): ChatReply {
  if (response?.status_code === OK && error === null) {
    const completion = ChatCompletion.safeParse(response.body);
    if (completion.success) return { outcome: "completed", custom_id, completion: completion.data };
    return failed(custom_id, "garbled_reply", `not a chat completion: ${completion.error.issues[0]?.message ?? ""}`);
  }
  const code = error?.code ?? `status_${response?.status_code ?? "none"}`;
  return failed(custom_id, code, error?.message ?? "the engine refused this line");
}

const failed = (custom_id: string, code: string, message: string): ChatReply => ({
  outcome: "failed",
  custom_id,
  failure: { code, message, retryable: false },
});
