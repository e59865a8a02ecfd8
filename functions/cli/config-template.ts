/** The config that `rlaifv init` writes: every setting with what it does. */
import type { DataRef } from "../../shared/schemas/config.ts";

export function configTemplate(data: DataRef): string {
  return `{
  // JSON with comments. Paths are relative to this file. Every setting that is left out has the default shown here.
  "name": "photos",
  // Everything that is drawn follows from it: the same config, data and seed give the same dataset, byte for byte.
  "seed": 1,
  // Without a "train" part a run makes a dataset: one round.
  "rounds": 1,
  // A manifest (JSONL with "image" and "question", RLAIF-V's input files, parquet), or a folder of images with one question.
  "data": ${JSON.stringify(data)},

  // Any OpenAI-compatible servers, e.g. vLLM. Keys are read from the environment variable that "apiKeyEnv" names.
  // The model that is to become more trustworthy; it answers every question ten times.
  "policy": {
    "engine": "openai",
    "baseUrl": "http://127.0.0.1:8000/v1",
    "model": "llava-hf/llava-1.5-7b-hf",
    "preset": "llava-1.5-7b",
    "apiKeyEnv": "OPENAI_API_KEY",
    "maxConcurrency": 32,
    // USD per million tokens; without prices the budget cannot hold.
    "price": { "input": 0, "output": 0 }
  },
  // Splits answers into claims: any instruct model.
  "divider": { "engine": "openai", "baseUrl": "http://127.0.0.1:8001/v1", "model": "Qwen/Qwen2.5-7B-Instruct", "price": { "input": 0, "output": 0 } },
  // Turns claims into yes/no questions: may be the same model.
  "questioner": { "engine": "openai", "baseUrl": "http://127.0.0.1:8001/v1", "model": "Qwen/Qwen2.5-7B-Instruct", "price": { "input": 0, "output": 0 } },
  // Judge every claim by p(yes) and p(no); their servers must give logprobs. Several must agree ("consensus").
  "labelers": [
    { "engine": "openai", "baseUrl": "http://127.0.0.1:8002/v1", "model": "Qwen/Qwen2.5-VL-7B-Instruct", "price": { "input": 0, "output": 0 } }
  ],

  // Answers per question and how they are sampled. RLAIF-V: 10 answers, temperature 0.7, 512 tokens.
  "generate": { "candidates": 10, "temperature": 0.7, "maxTokens": 512 },
  // "two_calls" is the paper's way; "one_call" asks for claims and questions together. Long answers are divided in windows.
  "divide": { "mode": "two_calls", "windowWords": 200, "maxTokens": 1024, "temperature": 0 },
  // "parity" judges exactly as RLAIF-V does; "strict" abstains on claims below these bounds.
  "score": { "mode": "strict", "margin": 0.1, "minMass": 0.5, "consensus": 1 },
  // Pairs of one question whose scores differ by at least minScoreGap; balance keeps both sides equally long on average.
  "pair": { "mode": "strict", "minScoreGap": 1, "perSample": 2, "balance": true, "minRetained": 0.5 },

  // A run never spends more: it pauses, keeps everything, and goes on with "rlaifv resume RUN --budget USD".
  "budgetUsd": 10,
  "shardSamples": 40,
  "maxConcurrentShards": 4,
  "toleratedFailurePercent": 5
}
`;
}
