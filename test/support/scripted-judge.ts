/** A judge that answers by a function of what it reads, and an evaluation with it from files to files. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../functions/adapters/clock.ts";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { memoryStateStore } from "../../functions/adapters/memory/state-store.ts";
import type { OpenedBench } from "../../functions/evals/bench.ts";
import {
  type EvaluationPlan,
  type JudgeSource,
  type RanEvaluation,
  runEvaluation,
  writeEvaluation,
} from "../../functions/evals/run.ts";
import type { Engine } from "../../shared/ports/engine.ts";
import { ModelRef } from "../../shared/schemas/config.ts";

/** Null: the request fails. `asked`: every prompt that arrived. */
export type ScriptedJudge = Engine & { asked: string[] };

export function scriptedJudge(reply: (prompt: string) => string | null): ScriptedJudge {
  const asked: string[] = [];
  return {
    asked,
    async describe() {
      return { name: "scripted", revision: "scripted-1", logprobs: false, structuredOutput: false, warnings: [] };
    },
    async *run(lines) {
      for (const { custom_id, body } of lines) {
        const prompt = body.messages.map(({ content }) => String(content)).join("\n");
        asked.push(prompt);
        const content = reply(prompt);
        if (content === null) {
          yield {
            outcome: "failed",
            custom_id,
            failure: { code: "bad_request", message: "refused", retryable: false },
          };
          continue;
        }
        const choices = [
          {
            index: 0,
            finish_reason: "stop" as const,
            message: { role: "assistant" as const, content },
            logprobs: null,
          },
        ];
        const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
        const completion = {
          id: "x",
          object: "chat.completion" as const,
          created: 0,
          model: body.model,
          choices,
          usage,
        };
        yield { outcome: "completed", custom_id, completion };
      }
    },
    // biome-ignore lint/correctness/useYield: judges are asked in batches only
    async *stream() {
      throw new Error("a judge is asked in batches");
    },
  };
}

const REF = ModelRef.parse({ engine: "openai", model: "judge", baseUrl: "http://127.0.0.1:9/v1", apiKeyEnv: "NONE" });

export const askingJudge = (repetitions = 1): JudgeSource => ({ kind: "model", ref: REF, repetitions, temperature: 0 });

export type JudgedRun = {
  opened: OpenedBench;
  answersPath: string;
  judge: JudgeSource;
  engine: Engine;
  folder: string;
  mode?: EvaluationPlan["mode"];
};

/** Runs and writes the folder. */
export async function evaluated({
  opened,
  answersPath,
  judge,
  engine,
  folder,
  mode,
}: JudgedRun): Promise<RanEvaluation> {
  const told = { source: "stored answers", model: null, revision: null };
  const ran = await runEvaluation(
    {
      ...{ opened, judge, mode: mode ?? "strict", seed: 1, confidence: 0.95, resamples: 20, budgetUsd: 10 },
      answers: { kind: "stored", answers: await opened.readAnswers(answersPath), told },
    },
    {
      store: memoryStateStore(),
      blobs: memoryBlobStore(),
      clock: systemClock,
      bind: async () => ({ engine, model: "judge", revision: "scripted-1", info: await engine.describe("judge") }),
      signal: new AbortController().signal,
      onProgress: () => undefined,
    },
  );
  await writeEvaluation(folder, ran, opened);
  return ran;
}

/** The bytes of everything that an evaluation writes. */
export function filesOf(folder: string): Promise<string[]> {
  const names = ["result.json", "items.jsonl", "answers.jsonl", "judge.jsonl", "report.md", "report.html"];
  return Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
}
