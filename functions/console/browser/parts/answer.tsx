import { useState } from "preact/hooks";
import { marking, type Part, type ShownClaim, SIGN, yesText } from "../../model/claims.ts";
import { below, type Place } from "../place.ts";

/** What is told of a claim beside its words. */
function notesOf(claim: ShownClaim): string[] {
  const { verdict, inBoth, repeated } = claim;
  const notes = [verdict ?? "not yet scored", yesText(claim)];
  if (repeated) notes.push("said before in this answer");
  if (inBoth) notes.push("both answers say it");
  return notes;
}

function Tip({ claim, at }: { claim: ShownClaim; at: Place }) {
  const [word, yes, ...notes] = notesOf(claim);
  return (
    <span class="tip" role="tooltip" style={{ left: `${at.left}px`, top: `${at.top}px` }}>
      <b>{word}</b> <span class="number">{yes}</span>
      {claim.question !== null && <span class="asked">{claim.question}</span>}
      {notes.map((note) => (
        <span key={note} class="asked">
          {note}
        </span>
      ))}
    </span>
  );
}

/**
 * One claim in its verdict's colour and sign. Its question and p(yes) appear on hover and on keyboard focus, and leave on
 * Escape; a screen reader is told them in any case.
 */
function ClaimMark({ claim, text }: { claim: ShownClaim; text: string }) {
  const { verdict, inBoth } = claim;
  const [place, setPlace] = useState<Place>();
  const show = ({ currentTarget: element }: { currentTarget: HTMLElement }) =>
    requestAnimationFrame(() => {
      // A focused claim is scrolled into view first; it may have been left since.
      if (element.matches(":hover, :focus")) setPlace(below(element));
    });
  const hide = () => setPlace(undefined);
  return (
    <mark
      class={`${verdict ?? ""} ${inBoth ? "shared" : ""}`}
      data-verdict={verdict ?? "none"}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what hovering shows must be reachable by keyboard
      tabIndex={0}
      onMouseEnter={show}
      onMouseLeave={hide}
      onFocus={show}
      onBlur={hide}
      onKeyDown={(event) => event.key === "Escape" && hide()}
    >
      {text}
      <i aria-hidden="true">{verdict === null ? "·" : SIGN[verdict]}</i>
      <span class="hidden"> ({notesOf(claim).join(", ")})</span>
      {place !== undefined && <Tip claim={claim} at={place} />}
    </mark>
  );
}

const shown = ({ text, claim }: Part, index: number) =>
  claim === null ? text : <ClaimMark key={index} claim={claim} text={text} />;

/** An answer with its claims marked where they stand; claims in other words are listed below it. */
export function AnswerText({ text, claims }: { text: string; claims: readonly ShownClaim[] }) {
  const { parts, unplaced } = marking(text, claims);
  return (
    <>
      <div class="text">{text === "" ? <em>empty answer</em> : parts.map(shown)}</div>
      {unplaced.length > 0 && (
        <ul class="claims">
          {unplaced.map((claim, index) => (
            <li key={index}>
              <ClaimMark claim={claim} text={claim.text} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

export function ClaimLegend({ sides = false }: { sides?: boolean }) {
  return (
    <p class="legend">
      {(["accepted", "rejected", "abstained"] as const).map((verdict) => (
        <span key={verdict}>
          <span class={`swatch ${verdict}`}>
            {verdict} {SIGN[verdict]}
          </span>
        </span>
      ))}
      {sides && <span>faded: both answers say it</span>}
      <span>hover or focus a claim for its question and p(yes)</span>
    </p>
  );
}
