/** Sends the data a config names: every image once, then the rows. */
import type { BlobStore } from "../../../shared/ports/blob-store.ts";
import type { DataRef, RunConfig } from "../../../shared/schemas/config.ts";
import type { Submitted } from "../../../shared/schemas/sample.ts";
import type { BadRow } from "../../intake/bad-row.ts";
import { ManifestRejected, readManifest } from "../../intake/manifest.ts";
import { EXIT, UserError } from "../errors.ts";
import type { Output } from "../output.ts";
import type { Remote } from "./server.ts";

const SHOWN_BAD_ROWS = 20; // as the plan shows

export type Sending = { remote: Remote; output: Output; strict: boolean };

/** The config with manifests of the service in place of this machine's files. */
export async function withSentData(config: RunConfig, sending: Sending): Promise<RunConfig> {
  const data = await sent(config.data, sending);
  const { evaluate } = config;
  if (evaluate === undefined) return { ...config, data };
  const selection = evaluate.selection === undefined ? {} : { selection: await sent(evaluate.selection, sending) };
  return { ...config, data, evaluate: { ...evaluate, data: await sent(evaluate.data, sending), ...selection } };
}

async function sent(ref: DataRef, { remote, output, strict }: Sending): Promise<DataRef> {
  if ("manifest" in ref) return ref;
  const bad: BadRow[] = [];
  const counts = { rows: 0 };
  const rows = goodRows(ref, { blobs: uploader(remote), strict, bad, counts });
  const manifest = await remote.client.uploadManifest(rows).catch((error: unknown) => {
    if (!(error instanceof ManifestRejected)) throw error;
    throw new UserError(error.message, {
      fix: "mend these rows, or leave out --strict to go on without them",
      exitCode: EXIT.badData,
    });
  });
  for (const { line, field, value, reason, fix } of bad.slice(0, SHOWN_BAD_ROWS))
    output.note(`line ${line}, ${field} = ${value}: ${reason}. ${fix}`);
  if (bad.length > 0) output.note(`${ref.path}: ${bad.length} bad rows left out`);
  if (counts.rows === 0) {
    throw new UserError(`no row of ${ref.path} can be used`, {
      fix: "mend the rows above and start again",
      exitCode: EXIT.badData,
    });
  }
  output.note(`${ref.path}: sent ${counts.rows} rows as ${manifest.id}`);
  return { manifest: manifest.id };
}

type Reading = {
  blobs: Pick<BlobStore, "writeContent">;
  strict: boolean;
  bad: BadRow[];
  counts: { rows: number };
};

async function* goodRows(
  ref: Extract<DataRef, { path: string }>,
  { blobs, strict, bad, counts }: Reading,
): AsyncGenerator<Record<string, unknown>> {
  for await (const row of readManifest(ref, { blobs, strict })) {
    if (row.outcome === "bad_row") bad.push(row);
    else {
      counts.rows++;
      yield rowOf(row.sample);
    }
  }
}

/** The row as the service reads it: it makes the same sample of it, with the same id. */
function rowOf({ image, question, reference, metadata }: Submitted): Record<string, unknown> {
  return { ...metadata, image: image.sha256, image_path: image.path, question, ...(reference && { reference }) };
}

/** Images go up as they are read; one that was sent in this run is not sent again. */
function uploader({ client }: Remote): Pick<BlobStore, "writeContent"> {
  const known = new Map<string, Promise<string>>();
  return {
    async writeContent(bytes) {
      const copy = new Uint8Array(bytes);
      const digest = Buffer.from(await crypto.subtle.digest("SHA-256", copy)).toString("hex");
      const upload = known.get(digest) ?? client.uploadImage(copy).then(({ id }) => id);
      known.set(digest, upload);
      return upload;
    },
  };
}
