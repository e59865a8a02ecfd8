/** What happened in each round: results, the way from samples to pairs, losses, time and money. */

import type { Estimate } from "../../../shared/schemas/metrics.ts";
import type { Report, RoundReport, StageReport } from "../../../shared/schemas/report.ts";
import { PAIR_DROPS } from "../../../shared/stages/pair.ts";
import { LOSSES } from "../../../shared/states/losses.ts";
import { count, DASH, decimal, dollars, duration, interval, inUnit, percent, spaced, type Unit } from "../format.ts";
import { html, type Markup } from "../markup.ts";
import { trainingSection } from "./training.ts";

function estimateCell(estimate: Estimate | undefined, unit: Unit): Markup {
  if (estimate === undefined || estimate.value === null) return html`<td>${DASH}</td>`;
  return html`<td>${inUnit(estimate.value, unit)}${estimate.ci && html`<span class="fine">${interval(estimate.ci, unit)}</span>`}</td>`;
}

type Line = Pick<RoundReport, "metrics" | "training"> & { name: string; pairs: string; seconds: string };

function resultRow({ name, pairs, metrics, training, seconds }: Line): Markup {
  const accuracy = training?.outcome === "trained" ? training.reward_accuracy : null;
  return html`<tr><th scope="row">${name}</th><td>${pairs}</td>
    ${estimateCell(metrics?.response_hallucination, "percent")}${estimateCell(metrics?.mention_hallucination, "percent")}
    ${estimateCell(metrics?.recall, "percent")}${estimateCell(metrics?.words, "number")}
    ${estimateCell(metrics?.labeler_agreement, "percent")}<td>${percent(accuracy)}</td><td>${seconds}</td></tr>`;
}

function results(report: Report): Markup | null {
  if (report.base === null && report.rounds.every(({ metrics, training }) => metrics === null && training === null))
    return null;
  const base =
    report.base && resultRow({ name: "base", pairs: DASH, metrics: report.base, training: null, seconds: DASH });
  const rounds = report.rounds.map((round) =>
    resultRow({ ...round, name: String(round.round), pairs: count(round.pairs), seconds: duration(round.seconds) }),
  );
  return html`<div class="card scroll"><table><caption>Results of every round on held-out samples</caption>
    <thead><tr><th scope="col">round</th><th scope="col">pairs</th><th scope="col">response hall.</th><th scope="col">mention hall.</th>
      <th scope="col">recall</th><th scope="col">words</th><th scope="col">labeler agreement</th><th scope="col">reward accuracy</th>
      <th scope="col">time</th></tr></thead><tbody>${base}${rounds}</tbody></table></div>`;
}

function gates({ config, rounds }: Report): Markup | null {
  const told = rounds.flatMap(({ round, gate }) => (gate === null ? [] : [{ round, gate }]));
  if (told.length === 0) return null;
  return html`<div class="card"><p class="note">Gate on the reported figures: <code>${config.evaluate?.gate}</code></p>
    <ul>${told.map(({ round, gate }) => html`<li>Round ${round}: ${gate.reason}</li>`)}</ul></div>`;
}

const samplesOf = ({ funnel }: RoundReport) => Object.values(funnel).reduce((total, amount) => total + amount, 0);

/** A number with what it means beside the number it came from. */
const cell = (value: number, beside: string) => html`<td>${count(value)}<span class="fine">${beside}</span></td>`;
const per = (value: number, of: number, what: string) => (of === 0 ? "" : `${decimal(value / of)} per ${what}`);

function funnelRow(round: RoundReport): Markup {
  const { pairing, funnel, candidates, claims, pairs } = round;
  const samples = samplesOf(round);
  const share = samples === 0 ? "" : `${percent(pairing.samples / samples, 0)} of samples`;
  return html`<tr><th scope="row">${round.round}</th>${cell(samples, `${count(funnel.parked ?? 0)} parked`)}
    ${cell(candidates, per(candidates, samples, "sample"))}${cell(claims, per(claims, candidates, "answer"))}
    ${cell(pairing.samples, share)}${cell(pairs, per(pairs, pairing.samples, "such sample"))}
    <td>${decimal(pairing.chosen_words)}</td><td>${decimal(pairing.rejected_words)}</td></tr>`;
}

function funnel({ rounds }: Report): Markup {
  return html`<div class="card scroll"><table><caption>From samples to pairs</caption>
    <thead><tr><th scope="col">round</th><th scope="col">samples</th><th scope="col">answers</th><th scope="col">claims</th>
      <th scope="col">samples with pairs</th><th scope="col">pairs</th><th scope="col">words chosen</th><th scope="col">words rejected</th></tr></thead>
    <tbody>${rounds.map(funnelRow)}</tbody></table></div>`;
}

function counters(
  rounds: readonly RoundReport[],
  of: (round: RoundReport) => Record<string, number>,
): Map<string, number[]> {
  const names = [...new Set(rounds.flatMap((round) => Object.keys(of(round))))].sort();
  return new Map(names.map((name) => [name, rounds.map((round) => of(round)[name] ?? 0)]));
}

const MEANING: Record<string, string> = { ...LOSSES, ...PAIR_DROPS };

function lossRow([name, values]: readonly [string, readonly number[]]): Markup {
  return html`<tr><th scope="row">${spaced(name)}</th><td class="text">${MEANING[name] ?? "left out on the way to training"}</td>
    ${values.map((value) => html`<td>${count(value)}</td>`)}</tr>`;
}

function dropped(round: RoundReport): Record<string, number> {
  const training = round.training?.outcome === "trained" ? round.training.pairs_dropped : {};
  return { ...round.losses, ...round.pairing.dropped, ...training };
}

function losses({ rounds }: Report): Markup {
  const lost = [...counters(rounds, dropped)].filter(([, values]) => values.some((value) => value > 0));
  const table = html`<table><caption>Losses: everything that did not reach the dataset or the training</caption><thead><tr>
    <th scope="col">loss</th><th scope="col" class="text">what it counts</th>${rounds.map(({ round }) => html`<th scope="col">round ${round}</th>`)}</tr></thead>
    <tbody>${lost.map(lossRow)}</tbody></table>`;
  return html`<div class="card scroll">${lost.length > 0 ? table : "Nothing was lost: every counter of losses is zero."}</div>`;
}

const shownTokens = (tokens: number | null) => (tokens === null ? DASH : count(tokens));

function stageRow(round: number, stage: StageReport): Markup {
  return html`<tr><th scope="row">${round}</th><td class="text">${stage.stage}</td><td>${duration(stage.seconds)}</td>
    <td>${count(stage.requests)}</td><td>${count(stage.cached_replies)}</td><td>${shownTokens(stage.prompt_tokens)}</td>
    <td>${shownTokens(stage.completion_tokens)}</td><td>${dollars(stage.cost_usd)}</td></tr>`;
}

function stages({ rounds }: Report): Markup {
  return html`<details class="card"><summary>Requests, tokens and cost of every stage</summary><div class="scroll"><table><thead><tr>
    <th scope="col">round</th><th scope="col" class="text">stage</th><th scope="col">time</th><th scope="col">requests</th>
    <th scope="col">from cache</th><th scope="col">tokens in</th><th scope="col">tokens out</th><th scope="col">cost</th></tr></thead>
    <tbody>${rounds.map(({ round, stages: all }) => all.map((stage) => stageRow(round, stage)))}</tbody></table></div></details>`;
}

type StageName = StageReport["stage"];

const BAR = 64; // pixels

/** Time with a bar as long as its share of the longest stage of all rounds. */
function timeCell(seconds: number | undefined, longest: number): Markup {
  if (seconds === undefined) return html`<td>${DASH}</td>`;
  const width = longest === 0 ? 0 : Math.round((BAR * seconds) / longest);
  return html`<td>${duration(seconds)}<span class="bar" style="width:${width}px"></span></td>`;
}

function timeRow(round: RoundReport, names: readonly StageName[], longest: number): Markup {
  const secondsOf = (name: StageName) => round.stages.find(({ stage }) => stage === name)?.seconds;
  return html`<tr><th scope="row">${round.round}</th>${names.map((name) => timeCell(secondsOf(name), longest))}
    <td><b>${duration(round.seconds)}</b></td><td>${dollars(round.cost_usd)}</td></tr>`;
}

function times({ rounds }: Report): Markup {
  const names = [...new Set(rounds.flatMap((round) => round.stages.map(({ stage }) => stage)))];
  const longest = Math.max(0, ...rounds.flatMap((round) => round.stages.map(({ seconds }) => seconds)));
  return html`<div class="card scroll"><table><caption>Time of every stage, round by round</caption><thead><tr><th scope="col">round</th>
    ${names.map((name) => html`<th scope="col">${name}</th>`)}<th scope="col">round</th><th scope="col">cost</th></tr></thead>
    <tbody>${rounds.map((round) => timeRow(round, names, longest))}</tbody></table></div>`;
}

function money(report: Report): Markup {
  return html`<section id="money"><h2>Time and money</h2>
    <p class="note">${duration(report.seconds)} of work and ${dollars(report.cost_usd)} by the price table, evaluation included.</p>
    <div class="grid" style="grid-template-columns:minmax(0,1fr)">${times(report)}${stages(report)}</div></section>`;
}

export function roundsSections(report: Report): Markup | null {
  if (report.rounds.length === 0) return null;
  return html`<section id="rounds"><h2>Round by round</h2><p class="note">Nothing is cut silently: what is lost between a sample and a
    pair is counted by name.</p><div class="grid" style="grid-template-columns:minmax(0,1fr)">${results(report)}${gates(report)}${funnel(report)}${losses(report)}</div></section>
    ${trainingSection(report)}${money(report)}`;
}
