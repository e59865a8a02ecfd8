/** A server of made-up models on virtual time: it answers what the stages ask, each request after a latency of its own. */
import { eachAsItEnds } from "../functions/embedded/engine/queue.ts";
import type { Clock } from "../shared/ports/clock.ts";
import type { Engine } from "../shared/ports/engine.ts";
import { type Random, randomFrom } from "../shared/random.ts";
import type { BatchLine, ChatBody, ChatChoice, ChatReply } from "../shared/schemas/chat.ts";
import type { StageName } from "../shared/schemas/rows.ts";

/** Median latency of one request, milliseconds: our choice, in the proportions of a 7B policy and a busy vLLM server. */
export const MEDIAN_MS: Record<StageName, number> = { generate: 4000, divide: 1500, question: 1000, score: 150 };
const SPREAD = 0.5; // standard deviation of ln(latency), our choice: one request in forty takes 2.7 times the median
const CLAIMS_EACH = 2;
const REJECTED = 0.3;

/** What one stage put on the server. Times: virtual milliseconds. */
export type Load = { requests: number; busyMs: number; longestMs: number; firstAt: number; lastAt: number };

export type SimulatedServer = {
  engine: Engine;
  loads: Map<StageName, Load>;
  /** Every `SAMPLED`th request: enough to measure what the simulation itself costs. */
  sampled: BatchLine[];
};

const SAMPLED = 50;

/** `slots` requests are worked on at once, whichever shard they come from; the others wait in the order of their arrival. */
export function simulatedServer({ slots, clock }: { slots: number; clock: Clock }): SimulatedServer {
  const freeAt: number[] = new Array(slots).fill(0); // ascending
  const loads = new Map<StageName, Load>();
  const sampled: BatchLine[] = [];
  let arrived = 0;

  /** Takes the slot that is free first; gives the moment at which it is free again. */
  function occupy(ms: number): number {
    const end = Math.max(clock.now(), freeAt.shift()!) + ms;
    let place = freeAt.length;
    while (place > 0 && freeAt[place - 1]! > end) place--;
    freeAt.splice(place, 0, end);
    return end;
  }

  async function serve(line: BatchLine): Promise<ChatReply> {
    if (arrived++ % SAMPLED === 0) sampled.push(line);
    const stage = stageOf(line.body);
    const random = randomFrom(hashOf(line.custom_id));
    const ms = Math.round(MEDIAN_MS[stage] * Math.exp(SPREAD * gaussian(random))); // whole ones, as clocks give them
    const now = clock.now();
    const end = occupy(ms);
    count(loads, stage, { requests: 1, busyMs: ms, longestMs: ms, firstAt: now, lastAt: end });
    await clock.sleep(end - now);
    return replyTo(line, stage, random);
  }

  const engine: Engine = {
    describe: async () => ({ name: "simulated", revision: "1", logprobs: true, structuredOutput: true, warnings: [] }),
    run: (lines, signal) =>
      eachAsItEnds<ChatReply>(signal, async (send) => {
        await Promise.all(lines.map(async (line) => send(await serve(line))));
      }),
    stream() {
      throw new Error("the simulated server answers batches only");
    },
  };
  return { engine, loads, sampled };
}

function count(loads: Map<StageName, Load>, stage: StageName, more: Load): void {
  const load = loads.get(stage);
  if (load === undefined) loads.set(stage, more);
  else {
    load.requests += more.requests;
    load.busyMs += more.busyMs;
    load.longestMs = Math.max(load.longestMs, more.longestMs);
    load.lastAt = Math.max(load.lastAt, more.lastAt);
  }
}

function stageOf(body: ChatBody): StageName {
  if (body.logprobs) return "score";
  const format = body.response_format?.json_schema.name;
  if (format === undefined) return "generate";
  return format === "claims" ? "divide" : "question";
}

/** FNV-1a, 32 bits: cheap, so that the simulation does not drown what it measures. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** Normal deviate (Box and Muller). */
const gaussian = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

function replyTo({ custom_id, body }: BatchLine, stage: StageName, random: Random): ChatReply {
  const choices = stage === "score" ? [labelled(random)] : textsFor(body, stage, random).map(spoken);
  const completion_tokens = stage === "score" ? 1 : 20 * choices.length;
  const usage = { prompt_tokens: 100, completion_tokens, total_tokens: 100 + completion_tokens };
  const completion = { object: "chat.completion" as const, created: 0, model: body.model, choices, usage };
  return { outcome: "completed", custom_id, completion: { id: "simulated", ...completion } };
}

function textsFor(body: ChatBody, stage: StageName, random: Random): string[] {
  if (stage === "generate") return Array.from({ length: body.n ?? 1 }, () => answer(random));
  if (stage === "divide") return [JSON.stringify({ claims: after(body, "Answer:\n").match(/[^.]+\./g) ?? [] })];
  const statements = after(body, "Statements:\n").split("\n");
  return [JSON.stringify({ questions: statements.map((statement) => `Is it so: ${statement.slice(2)}?`) })];
}

/** Sentences that no other answer has: nothing is answered from the reply cache. */
function answer(random: Random): string {
  return Array.from({ length: CLAIMS_EACH }, () => `Thing ${Math.floor(random() * 2 ** 32)} is there.`).join(" ");
}

function after({ messages }: ChatBody, mark: string): string {
  const content = messages.at(-1)!.content as string;
  return content.slice(content.lastIndexOf(mark) + mark.length);
}

function spoken(content: string, index: number): ChatChoice {
  return { index, finish_reason: "stop", message: { role: "assistant", content } };
}

function labelled(random: Random): ChatChoice {
  const [likely, unlikely] = random() < REJECTED ? ["No", "Yes"] : ["Yes", "No"];
  const top_logprobs = [
    { token: likely!, logprob: -0.16 }, // probability 0.85
    { token: unlikely!, logprob: -2.3 }, // 0.10
  ];
  const { token, logprob } = top_logprobs[0]!;
  return { ...spoken(token, 0), logprobs: { content: [{ token, logprob, top_logprobs }] } };
}
