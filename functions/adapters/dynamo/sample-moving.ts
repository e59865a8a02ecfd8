import type { MoveOutcome, SampleStore } from "../../../shared/ports/state-store.ts";
import type { PassId, SampleMove, SampleState } from "../../../shared/schemas/rows.ts";
import { attemptAfter, whyNotMoved } from "../sample-moves.ts";
import { parkedKey, sampleKey } from "./dynamo-keys.ts";
import { type Condition, checkSize, MOST_TRANSACTION_BYTES, type Value } from "./items.ts";
import { add, type Counted, countTurns } from "./sample-counts.ts";
import type { Change } from "./single-writes.ts";
import type { TableRows } from "./table-rows.ts";

/** A transaction holds 100 changes: these rows and their counts. */
const MOVES_AT_ONCE = 99;

type Pass = { runId: string; passId: PassId };
type Waiting = { move: SampleMove; resolve: (outcome: MoveOutcome) => void; reject: (error: unknown) => void };

/** Moves that are asked in one tick, by whichever caller, share transactions; a sample that is moved twice waits its turn. */
export function sampleMoving(rows: TableRows): SampleStore["move"] {
  const countsOf = countTurns(rows.patience.random);
  const waiting = new Map<string, { pass: Pass; moves: Waiting[] }>();

  async function moveTogether(pass: Pass, moves: readonly Waiting[]): Promise<void> {
    try {
      for (let left = moves; left.length > 0; ) left = await moveOrRefuse(pass, left);
    } catch (error) {
      for (const { reject } of moves) reject(error);
    }
  }

  /** All move, or those whose conditions fail have their outcomes. @returns those that have none yet */
  async function moveOrRefuse(pass: Pass, moves: readonly Waiting[]): Promise<readonly Waiting[]> {
    const counted: Counted = new Map();
    for (const { move } of moves) {
      add(counted, move.from, -1);
      add(counted, move.to, 1);
    }
    const changes = [...moves.map(({ move }) => changeOf(pass, move)), ...countsOf(pass, counted)];
    const moved = await rows.transact(changes);
    if (moved.outcome === "written") {
      for (const { move, resolve } of moves) resolve({ sampleId: move.sampleId, outcome: "moved" });
      return [];
    }
    return moves.filter(({ move, resolve }, at) => {
      const refusal = moved.refusals[at];
      if (refusal === undefined) return true;
      const state = refusal.item?.["state"] as SampleState | undefined;
      resolve({ sampleId: move.sampleId, outcome: whyNotMoved(state, move) });
      return false;
    });
  }

  async function moveAll({ pass, moves }: { pass: Pass; moves: readonly Waiting[] }): Promise<void> {
    for (const turn of turnsOf(moves)) {
      await Promise.all(transactionsOf(turn).map((together) => moveTogether(pass, together)));
    }
  }

  /** What was asked while the moves before were on their way goes with these. */
  function begin(name: string, together: { pass: Pass; moves: readonly Waiting[] }): Promise<void> {
    waiting.delete(name);
    return moveAll(together);
  }

  function ask(pass: Pass, move: SampleMove): Promise<MoveOutcome> {
    const name = JSON.stringify([pass.runId, pass.passId]);
    const known = waiting.get(name) ?? { pass, moves: [] };
    if (known.moves.length === 0) {
      waiting.set(name, known);
      setImmediate(() => void rows.lanes([`move ${name}`], () => begin(name, known)));
    }
    return new Promise((resolve, reject) => known.moves.push({ move, resolve, reject }));
  }

  return async (runId, passId, moves) => {
    for (const { sampleId, reason = "", pointer } of moves) {
      checkSize(sampleKey({ runId, passId }, sampleId), { sampleId, reason, file: pointer?.key ?? "" });
    }
    return Promise.all(moves.map((move) => ask({ runId, passId }, move)));
  };
}

/** The first move of each sample, then the second of each, and so on. */
function turnsOf(moves: readonly Waiting[]): Waiting[][] {
  const turns: Waiting[][] = [];
  const seen = new Map<string, number>();
  for (const one of moves) {
    const turn = seen.get(one.move.sampleId) ?? 0;
    seen.set(one.move.sampleId, turn + 1);
    turns[turn] ??= [];
    turns[turn].push(one);
  }
  return turns;
}

function transactionsOf(moves: readonly Waiting[]): Waiting[][] {
  const all: Waiting[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const one of moves) {
    const more = (one.move.reason?.length ?? 0) * 3 + 1000;
    if (bytes + more > MOST_TRANSACTION_BYTES / 2 || all.at(-1)?.length === MOVES_AT_ONCE) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)?.push(one);
    bytes += more;
  }
  return all;
}

function changeOf(pass: Pass, move: SampleMove): Change {
  const { sampleId, from, to, attempt } = move;
  return {
    key: sampleKey(pass, sampleId),
    set: settingOf(pass, move),
    when: { text: "#state = :from AND #attempt = :at", values: { from, at: attempt } },
  };

  function settingOf(within: Pass, { pointer, reason }: SampleMove): Condition {
    const index = to === "parked" ? parkedKey(within, sampleId) : undefined;
    const file = pointer && { file: pointer.key, offset: pointer.offset, length: pointer.length };
    const set: Record<string, Value> = {
      state: to,
      attempt: attemptAfter(move),
      ...file,
      ...index,
      ...(reason === undefined ? {} : { reason }),
    };
    const gone = [...(reason === undefined ? ["reason"] : []), ...(index === undefined ? ["gsi1pk", "gsi1sk"] : [])];
    const remove = gone.length === 0 ? "" : ` REMOVE ${gone.map((name) => `#${name}`).join(", ")}`;
    const text = Object.keys(set).map((name) => `#${name} = :${name}`);
    return { text: `SET ${text.join(", ")}${remove}`, values: set };
  }
}
