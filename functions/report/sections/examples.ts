/** Single answers, claim by claim. */
import type { Verdict } from "../../../shared/schemas/sample.ts";
import type {
  ExampleAnswer,
  ExampleClaim,
  ExampleImage,
  HeldOutExample,
  PairExample,
  ReportExamples,
} from "../examples.ts";
import { plural, probability, spaced } from "../format.ts";
import { html, type Markup } from "../markup.ts";

const SIGN: Record<Verdict, string> = { accepted: "✓", rejected: "✗", abstained: "?" };
const TRUTH = new Map([
  [true, "true"],
  [false, "false"],
]);

/** One claim in its verdict's colour and sign, with p(yes); a wavy line under what is false in truth. */
function marked(claim: ExampleClaim, shown: string): Markup {
  const { question, pYes, verdict, truth } = claim;
  const known = truth === null ? "" : `, in truth ${TRUTH.get(truth)}`;
  const hint = `${question} p(yes) ${probability(pYes)}: ${verdict}${known}`;
  return html`<mark class="${verdict}" title="${hint}" data-verdict="${verdict}"><span class="${truth === false ? "false" : ""}">${shown}</span><i
    aria-hidden="true">${SIGN[verdict]}${"\u202f"}${probability(pYes)}</i><span class="hidden"> (${verdict}, p yes ${probability(pYes)}${known})</span></mark>`;
}

type Marking = { parts: (Markup | string)[]; unplaced: ExampleClaim[] };

/** Claims that stand in the text word for word are marked there, in their order; the others are listed below it. */
function mark({ text, claims }: ExampleAnswer): Marking {
  const marking: Marking = { parts: [], unplaced: [] };
  let at = 0;
  for (const claim of claims) {
    const from = text.indexOf(claim.text, at);
    if (from < 0) {
      marking.unplaced.push(claim);
      continue;
    }
    const to = from + claim.text.length;
    marking.parts.push(text.slice(at, from), marked(claim, claim.text));
    at = to;
  }
  marking.parts.push(text.slice(at));
  return marking;
}

function summary({ claims, issue }: ExampleAnswer): string {
  if (issue !== undefined) return spaced(issue);
  const rejected = claims.filter(({ verdict }) => verdict === "rejected").length;
  const wrong = claims.filter(({ truth }) => truth === false).length;
  const truth = claims.some((claim) => claim.truth !== null) ? `, ${wrong} false in truth` : "";
  return `${plural(claims.length, "claim")}, ${rejected} rejected${truth}`;
}

function answer(title: string, side: string, shown: ExampleAnswer): Markup {
  const { parts, unplaced } = mark(shown);
  const list =
    unplaced.length > 0 &&
    html`<ul class="claims">${unplaced.map((claim) => html`<li>${marked(claim, claim.text)}</li>`)}</ul>`;
  return html`<div class="answer ${side}"><h3>${title} <span class="fine">${summary(shown)}</span></h3>
    <div class="text">${shown.text === "" ? html`<em>empty answer</em>` : parts}</div>${list}</div>`;
}

const SMALL = 160; // pixels: below it a picture is enlarged, crisply

/** Only pictures that are in the page itself: an address would be asked for over the network. */
function picture({ url, width, height }: ExampleImage, text: string): Markup {
  const inPage = /^data:image\/(png|jpeg|webp|gif);base64,[A-Za-z0-9+/=]*$/.test(url) ? url : "data:,";
  return html`<img class="${Math.max(width, height) < SMALL ? "crisp" : ""}" src="${inPage}" width="${width}" height="${height}" alt="${text}">`;
}

function heldOut({ question, image, objects, base, aligned }: HeldOutExample): Markup {
  const inIt = objects === null ? null : html`<p class="fine">In the picture: ${objects.join(", ")}</p>`;
  const alt = objects === null ? "The picture asked about" : `A picture with ${objects.join(", ")}`;
  return html`<article class="card example">${picture(image, alt)}
    <div class="answers"><div><p><b>${question}</b></p>${inIt}</div>${answer("Base", "side", base)}${aligned && answer("Aligned", "side", aligned)}</div></article>`;
}

function pair({ round, question, image, chosen, rejected }: PairExample): Markup {
  return html`<article class="card example">${picture(image, "The picture asked about")}
    <div class="answers"><div><p><b>${question}</b></p><p class="fine">Round ${round}</p></div>${answer("Chosen", "side chosen", chosen)}${answer("Rejected", "side rejected", rejected)}</div></article>`;
}

const example = (verdict: Verdict, text: string) =>
  html`<span><mark class="${verdict}">${text}<i>${SIGN[verdict]}</i></mark></span>`;

const LEGEND = html`<p class="legend">${example("accepted", "accepted")}${example("rejected", "rejected")}${example("abstained", "abstained")}
  <span>by the labeler, with its p(yes)</span><span><span class="false">wavy line</span>: false by the ground truth, where it is known</span></p>`;

export function heldOutSection({ heldOut: shown }: ReportExamples): Markup | null {
  if (shown.length === 0) return null;
  return html`<section id="samples"><h2>Held-out samples</h2><p class="note">${plural(shown.length, "picture")} drawn by the run's seed from
    the evaluation, not picked by hand: the first sampled answer of the base and of the aligned model.</p>${LEGEND}
    <div class="grid examples">${shown.map(heldOut)}</div></section>`;
}

export function pairsSection({ pairs: shown }: ReportExamples): Markup | null {
  if (shown.length === 0) return null;
  return html`<section id="pairs"><h2>Preference pairs</h2><p class="note">Two answers of the model itself to the same question; the one
    with fewer rejected claims is chosen. Drawn by seed from the
    dataset of all rounds.</p>${LEGEND}
    <div class="grid examples">${shown.map(pair)}</div></section>`;
}
