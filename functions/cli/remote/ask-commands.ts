/** Commands that ask a model of the service: score, chat. */
import { openAsBlob } from "node:fs";
import { Command } from "commander";
import OpenAI from "openai";
import type { ClaimView } from "../../api/contract/samples.ts";
import { jsonOf } from "../../client/client.ts";
import { claimLine } from "../claim-line.ts";
import { wholeNumber, withCommonOptions } from "../commands/shared.ts";
import { UserError } from "../errors.ts";
import { openOutput } from "../output.ts";
import type { Remote } from "./server.ts";

type ScoreOptions = { image: string; question: string; answer: string; model?: string; json?: boolean };

export function scoreCommand(remote: Remote): Command {
  const command = new Command("score")
    .description("check an answer about an image claim by claim")
    .requiredOption("--image <file>", "JPEG, PNG or WebP")
    .requiredOption("--answer <text>", "the answer to check")
    .option("--question <text>", "the question it answers", "Describe the picture.")
    .option("--model <id>", "whose divider, questioner and labelers judge (default: the service's own)");
  return withCommonOptions(command).action(async ({ json, image, ...asked }: ScoreOptions) => {
    const output = openOutput(json === undefined ? {} : { json });
    const body = { ...asked, image: await imageAt(image, remote) };
    const scored = await jsonOf(remote.client.api.v1.score.$post({ json: body, header: {} }));
    for (const warning of scored.warnings) output.note(`warning: ${warning}`);
    const ending =
      scored.score === null
        ? `no score: ${scored.unusable ?? "nothing could be judged"}`
        : `score ${scored.score}: ${-scored.score} of ${scored.claims.length} claims rejected`;
    output.result(scored, [...scored.claims.map(claimText), ending].join("\n"));
  });
}

function claimText({ text, verdict, p_yes }: ClaimView): string {
  return claimLine({ text, verdict: verdict ?? "abstained", pYes: [p_yes] });
}

/** The service looks at the bytes itself, whatever type is told. */
async function imageAt(path: string, { client }: Remote): Promise<string> {
  const bytes = await openAsBlob(path).catch(() => {
    throw new UserError(`cannot read ${path}`, { fix: "give the path of a JPEG, PNG or WebP file" });
  });
  return client.imageReference(bytes);
}

type ChatOptions = { image: string; bestOf: number; seed: number; model: string; maxTokens?: number; json?: boolean };

export function chatCommand(remote: Remote): Command {
  const command = new Command("chat")
    .argument("<question>", "what to ask about the image")
    .description("ask one question about an image")
    .requiredOption("--image <file>", "JPEG, PNG or WebP")
    .option("--model <id>", '"rlaifv --server URL models" lists them', "embedded/policy")
    .option("--best-of <n>", "sample N answers and keep the one whose claims hold up best", wholeNumber(1), 1)
    .option("--max-tokens <n>", "the answer's length at most", wholeNumber(1))
    .option("--seed <n>", "of the sampling", wholeNumber(0), 1);
  return withCommonOptions(command).action(async (question: string, options: ChatOptions) => {
    const body = await chatBody(question, options, remote);
    if (options.bestOf > 1) await askBest(body, remote, options);
    else await askPlainly(body, remote, options);
  });
}

async function chatBody(question: string, { image, model, seed, maxTokens }: ChatOptions, remote: Remote) {
  const content = [
    { type: "image_url" as const, image_url: { url: await imageAt(image, remote) } },
    { type: "text" as const, text: question },
  ];
  const messages = [{ role: "user" as const, content }];
  return { model, seed, messages, ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }) };
}

type Body = Awaited<ReturnType<typeof chatBody>>;

/** Prints the answer as it is made. */
async function askPlainly(body: Body, remote: Remote, options: ChatOptions): Promise<void> {
  const output = openOutput(options);
  let answer = "";
  for await (const chunk of await openai(remote).chat.completions.create({ ...body, stream: true })) {
    const text = chunk.choices[0]?.delta.content ?? "";
    answer += text;
    if (!output.json) process.stdout.write(text);
  }
  output.result({ answer }, "");
}

type Trust = { trust?: { claims?: ClaimView[]; score?: number | null; candidates?: { score: number | null }[] } };

async function askBest(body: Body, remote: Remote, options: ChatOptions): Promise<void> {
  const trusting = { ...body, trust: { best_of: options.bestOf, claims: true } };
  const completion = await openai(remote).chat.completions.create(trusting);
  const answer = completion.choices[0]?.message.content ?? "";
  const { trust } = completion as unknown as Trust;
  const scores = (trust?.candidates ?? []).map(({ score }) => score ?? "none").join(", ");
  openOutput(options).result(
    { answer, trust },
    `${answer}\n\n${(trust?.claims ?? []).map(claimText).join("\n")}\nscores of the ${options.bestOf} answers: ${scores}`,
  );
}

function openai({ url, apiKey }: Remote): OpenAI {
  const nobody = { defaultHeaders: { authorization: null } };
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: apiKey ?? "none", ...(apiKey === undefined ? nobody : {}) });
}
