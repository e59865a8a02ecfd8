/** Writes RLAIF-V's pair records (rlaifv-spec §1.7) as JSONL, from bytes that were never decoded. */
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename } from "node:path";
import type { Answer, Group } from "./answers.ts";

const BUFFER_BYTES = 1 << 20; // our choice: one system call per MiB

/** The file appears under its name once it is whole. */
export class PairLines {
  readonly #out: string;
  readonly #originFile: string;
  readonly #file: FileHandle;
  readonly #heads = new WeakMap<Group, { before: Buffer; between: Buffer }>();
  #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #used = 0;

  private constructor(out: string, originFile: string, file: FileHandle) {
    this.#out = out;
    this.#originFile = JSON.stringify(originFile);
    this.#file = file;
  }

  static async create(out: string, answersPath: string): Promise<PairLines> {
    return new PairLines(out, basename(answersPath), await open(`${out}.partial`, "w"));
  }

  async write(chosen: Answer, rejected: Answer): Promise<void> {
    const { before, between } = this.#head(chosen.group);
    const parts = [
      before,
      chosen.bytes.subarray(0, chosen.infosAt),
      REJECTED,
      rejected.bytes.subarray(0, rejected.infosAt),
      between,
      chosen.bytes.subarray(chosen.infosAt, chosen.scoresAt),
      REJECTED_INFOS,
      rejected.bytes.subarray(rejected.infosAt, rejected.scoresAt),
      SCORES,
      chosen.bytes.subarray(chosen.scoresAt),
      REJECTED,
      rejected.bytes.subarray(rejected.scoresAt),
      END,
    ];
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    if (this.#used + size > this.#buffer.length) await this.#flush(size);
    for (const part of parts) this.#used += part.copy(this.#buffer, this.#used);
  }

  async finish(): Promise<void> {
    await this.#flush(0);
    await this.#file.close();
    await rename(`${this.#out}.partial`, this.#out);
  }

  /** Leaves nothing behind. */
  async abandon(): Promise<void> {
    await this.#file.close();
    await rm(`${this.#out}.partial`, { force: true });
  }

  async #flush(needed: number): Promise<void> {
    let written = 0;
    while (written < this.#used) {
      written += (await this.#file.write(this.#buffer, written, this.#used - written)).bytesWritten;
    }
    this.#used = 0;
    if (needed > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(2 * needed);
  }

  #head(group: Group): { before: Buffer; between: Buffer } {
    const known = this.#heads.get(group);
    if (known !== undefined) return known;
    const imageId = latin1Json(basename(JSON.parse(utf8(group.imagePath)) as string));
    const ids = `"ds_question_id": ${group.dsQuestionId}`;
    const origin = Buffer.from(this.#originFile).toString("latin1");
    const head = {
      before: bytes(
        `{"image_id": ${imageId}, "image_path": ${group.imagePath}, ${ids}, "question": ${group.question}, "chosen": `,
      ),
      between: bytes(
        `, "org_infos": {${ids}, "reference": ${group.reference}, "origin_file": ${origin}, "chosen_infos": `,
      ),
    };
    this.#heads.set(group, head);
    return head;
  }
}

const REJECTED = Buffer.from(', "rejected": ');
const REJECTED_INFOS = Buffer.from(', "rejected_infos": ');
const SCORES = Buffer.from(', "scores": {"chosen": ');
const END = Buffer.from("}}}\n");

const bytes = (latin1: string) => Buffer.from(latin1, "latin1");
const utf8 = (latin1: string) => Buffer.from(latin1, "latin1").toString("utf8");
const latin1Json = (text: string) => Buffer.from(JSON.stringify(text)).toString("latin1");
