/** Uploads as the service keeps them: what was announced, and the bytes once they are here. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { sha256Hex } from "../../../shared/ids.ts";
import { uploadKey, uploadRowKey } from "../../../shared/keys.ts";
import type { UploadPermit } from "../../../shared/ports/uploads.ts";
import { type UploadKind, UploadRow } from "../../../shared/schemas/service.ts";
import { IMAGE_LIMITS } from "../../intake/image-check.ts";
import type { ApiDeps } from "../deps.ts";
import { secureBytes } from "../keys/new-key.ts";
import { ProblemError } from "../problem.ts";
import { PROBLEM_CODES } from "../problem-codes.ts";
import { notFound } from "../refusals.ts";

export type UploadDeps = Pick<ApiDeps, "blobs" | "clock" | "uploads">;

/** Most bytes of each kind. Rows: our choice, some ten million rows that name their images by id. */
export const UPLOAD_BYTES: Record<UploadKind, number> = { image: IMAGE_LIMITS.maxBytes, rows: 2 * 1024 ** 3 };

const URL_SECONDS = 3600; // our choice: 2 GiB at 5 Mbit/s
/** As the bucket's lifecycle rule and the sweep of one machine keep them (our choice). */
export const UPLOAD_KEPT_MS = 24 * 3_600_000;

type Announced = { bytes: number; sha256: string; kind: UploadKind };

export async function openUpload(
  announced: Announced,
  owner: string,
  { blobs, clock, uploads }: UploadDeps,
): Promise<{ row: UploadRow } & UploadPermit> {
  const most = UPLOAD_BYTES[announced.kind];
  if (announced.bytes > most) {
    const detail = `Of kind "${announced.kind}" at most ${most} bytes are taken.`;
    throw refused("upload.too_large", { field: "bytes", value: announced.bytes, detail });
  }
  const uploadId = `upl_${bytesToHex(secureBytes(16))}`;
  const { bytes, sha256: hash } = announced;
  const target = { uploadId, key: uploadKey(uploadId), bytes, sha256: hash, seconds: URL_SECONDS };
  const { tokenHash, ...permit } = await uploads.permit(target);
  const createdAt = clock.now();
  const times = { createdAt, expiresAt: createdAt + URL_SECONDS * 1000 };
  const row: UploadRow = { uploadId, owner, ...announced, ...times, ...(tokenHash === undefined ? {} : { tokenHash }) };
  await blobs.write(uploadRowKey(uploadId), JSON.stringify(row));
  return { row, ...permit };
}

/** Takes the bytes of an upload whose URL is the service's own; nothing is kept of others. */
export async function receiveUpload(
  { id, token }: { id: string; token: string },
  body: AsyncIterable<Uint8Array>,
  { blobs, clock }: UploadDeps,
): Promise<void> {
  const row = await rowOf(id, blobs);
  if (row?.tokenHash === undefined || row.tokenHash !== sha256Hex(token)) throw unknownUpload(id, "path.id");
  if (row.expiresAt <= clock.now()) throw expired(row, "path.id", row.expiresAt);
  if (await isHere(row, blobs)) throw refused("upload.taken", { field: "path.id", value: id });
  await blobs.write(uploadKey(id), announcedOnly(body, row, "body"));
}

export type Wanted = { id: string; kind: UploadKind; owner: string };

/** The bytes of an upload that is here. */
export async function uploadedBytes(wanted: Wanted, deps: UploadDeps): Promise<Uint8Array<ArrayBuffer>> {
  const row = await arrived(wanted, deps);
  const bytes = new Uint8Array(row.bytes);
  let at = 0;
  for await (const piece of announcedOnly(deps.blobs.stream(uploadKey(row.uploadId)), row, "upload")) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** The same, piece by piece; that they are other bytes is told with the last piece at the latest. */
export async function uploadedStream(wanted: Wanted, deps: UploadDeps): Promise<AsyncIterable<Uint8Array>> {
  const row = await arrived(wanted, deps);
  return announcedOnly(deps.blobs.stream(uploadKey(row.uploadId)), row, "upload");
}

async function arrived({ id, kind, owner }: Wanted, { blobs, clock }: UploadDeps): Promise<UploadRow> {
  const row = await rowOf(id, blobs);
  if (row?.owner !== owner) throw unknownUpload(id, "upload");
  if (row.kind !== kind) {
    const detail = `The upload ${id} is of kind "${row.kind}"; this takes "${kind}".`;
    throw refused("upload.kind", { field: "upload", value: id, detail });
  }
  const until = row.createdAt + UPLOAD_KEPT_MS;
  if (until <= clock.now()) throw expired(row, "upload", until);
  if (await isHere(row, blobs)) return row;
  throw refused("upload.not_sent", { field: "upload", value: id });
}

async function rowOf(id: string, blobs: UploadDeps["blobs"]): Promise<UploadRow | undefined> {
  if (!UploadRow.shape.uploadId.safeParse(id).success) return undefined;
  const text = await blobs.read(uploadRowKey(id));
  return text === undefined ? undefined : UploadRow.parse(JSON.parse(new TextDecoder().decode(text)));
}

const isHere = async ({ uploadId }: UploadRow, blobs: UploadDeps["blobs"]): Promise<boolean> =>
  (await blobs.read(uploadKey(uploadId), { offset: 0, length: 1 })) !== undefined;

/** Passes on what was announced, and ends with a ProblemError 400 when it is something else. */
async function* announcedOnly(
  pieces: AsyncIterable<Uint8Array>,
  { bytes, sha256: announced }: UploadRow,
  field: string,
): AsyncGenerator<Uint8Array> {
  const hash = sha256.create();
  let size = 0;
  for await (const piece of pieces) {
    size += piece.length;
    if (size > bytes) throw otherBytes(field, `they are more than the ${bytes} that were announced`);
    hash.update(piece);
    yield piece;
  }
  if (size < bytes) throw otherBytes(field, `they are ${size}, and ${bytes} were announced`);
  const found = bytesToHex(hash.digest());
  if (found !== announced) throw otherBytes(field, `their SHA-256 is ${found}, and ${announced} was announced`);
}

const otherBytes = (field: string, how: string): ProblemError =>
  refused("upload.other_bytes", { field, detail: `These are not the announced bytes: ${how}.` });

const unknownUpload = (id: string, field: string): ProblemError =>
  notFound("upload.not_found", { field, value: id, what: `upload ${id} of this key` });

const expired = ({ uploadId }: UploadRow, field: string, at: number): ProblemError => {
  const detail = `The time of the upload ${uploadId} was over at ${new Date(at).toISOString()}.`;
  return refused("upload.expired", { field, value: uploadId, detail });
};

type UploadCode = Extract<keyof typeof PROBLEM_CODES, `upload.${string}`>;

function refused(code: UploadCode, facts: { field: string; value?: unknown; detail?: string }): ProblemError {
  const { status, meaning, fix } = PROBLEM_CODES[code];
  return new ProblemError({ status, code, detail: meaning, fix, ...facts });
}
