/** The Engine over any OpenAI-compatible server, through the official client. */
import type { Engine } from "../../../shared/ports/engine.ts";
import { connectionTo, type OpenAIEngineOptions } from "./connection.ts";
import { describeModel } from "./describe.ts";
import { runLines } from "./run.ts";
import { streamAnswer } from "./stream.ts";

/** One for all runs and models of a server: they share its concurrency, its pauses and its health. */
export function openaiEngine(options: OpenAIEngineOptions): Engine {
  const connection = connectionTo(options);
  return {
    describe: (model) => describeModel(connection, model),
    run: (lines, signal) => runLines(connection, lines, signal),
    stream: (body, signal) => streamAnswer(connection, body, signal),
  };
}
