/** Reads the fields of one row, whatever accepted shape it has, into one draft of a sample. */
import { type Problem, problem } from "./bad-row.ts";
import type { ImageSource } from "./image-source.ts";

/** A row's content before its image was looked at. */
export type Draft = {
  id: string | undefined;
  question: string;
  reference: string | undefined;
  image: ImageSource;
  metadata: Record<string, unknown>;
  /** A preference pair: several rows of one (image, question) are normal and become one sample. */
  isPair: boolean;
};

type Fields = Record<string, unknown>;

/** Fields of pair records that tell of answers or of the export itself, not of the sample. */
const PAIR_FIELDS = [
  "chosen",
  "rejected",
  "prompt",
  "images",
  "pairId",
  "sampleId",
  "round",
  "org_infos",
  "image_id",
] as const;

/** A plain object, or undefined. */
export function asFields(value: unknown): Fields | undefined {
  const isObject =
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
  return isObject ? (value as Fields) : undefined;
}

function isFilled(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function without(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

/** The words of the user's turn in a TRL prompt: a text, or messages whose content is a text or a list of parts. */
function textOfPrompt(prompt: unknown): string | undefined {
  if (typeof prompt === "string") return prompt;
  const messages = Array.isArray(prompt) ? prompt.map(asFields) : [];
  const content = messages.find((message) => message?.["role"] === "user")?.["content"];
  if (typeof content === "string") return content;
  const parts = Array.isArray(content) ? content.map(asFields) : [];
  const text = parts.find((part) => part?.["type"] === "text")?.["text"];
  return typeof text === "string" ? text : undefined;
}

/** TRL's columns `images` and `prompt` under the names the rest of this file knows. */
function fromTrl(fields: Fields): Fields {
  const { images, prompt } = fields;
  if (!Array.isArray(images) || images.length !== 1 || prompt === undefined) return fields;
  return { ...fields, image: images[0], question: textOfPrompt(prompt) };
}

/** `image` as an object: `{bytes, path}` of a parquet column, `{sha256, path, file}` of this project's pairs. */
function imageFromObject(image: Fields, imagePath: unknown): ImageSource | undefined {
  const { bytes, path, file, sha256: id } = image;
  const sha256 = isFilled(id) ? id : undefined;
  const name = [imagePath, path].find(isFilled);
  if (bytes instanceof Uint8Array) return { kind: "bytes", field: "image", bytes, name };
  if (isFilled(file)) return { kind: "text", field: "image.file", text: file, name, sha256 };
  if (isFilled(path)) return { kind: "text", field: "image.path", text: path, name, sha256 };
  return sha256 === undefined ? undefined : { kind: "text", field: "image.sha256", text: sha256 };
}

/** Where the image is, by RLAIF-V's precedence: `image`, then `image_path`, then `metainfos.image_path` (rlaifv-spec §1.1). */
function findImage(fields: Fields): ImageSource | Problem {
  const { image, image_path: imagePath } = fields;
  const nested = asFields(fields["metainfos"])?.["image_path"];
  if (image instanceof Uint8Array)
    return { kind: "bytes", field: "image", bytes: image, name: isFilled(imagePath) ? imagePath : undefined };
  const fromObject = asFields(image) && imageFromObject(asFields(image)!, imagePath);
  if (fromObject) return fromObject;
  if (isFilled(image))
    return { kind: "text", field: "image", text: image, name: isFilled(imagePath) ? imagePath : undefined };
  if (image !== undefined && image !== null && image !== "") {
    const fix = "Give a path, base64 or a data URL.";
    return problem("wrong_type", ["image", image], "image is no text", fix);
  }
  if (isFilled(imagePath)) return { kind: "text", field: "image_path", text: imagePath };
  if (isFilled(nested)) return { kind: "text", field: "metainfos.image_path", text: nested };
  return problem(
    "missing_image",
    ["image", image],
    "the row names no image",
    "Add `image`: a path, base64 or a data URL.",
  );
}

function findQuestion(fields: Fields, fallback: string | undefined): { question: string } | Problem {
  const question = fields["question"] ?? fallback;
  const at = ["question", question] as const;
  if (question === undefined) return problem("missing_question", at, "the row has no question", "Add `question`.");
  if (typeof question !== "string")
    return problem("wrong_type", at, "question is no text", "Give the question as a text.");
  if (question.trim() === "")
    return problem("empty_question", at, "the question is empty", "Write what to ask about the image.");
  return { question };
}

function findId(fields: Fields): { id: string | undefined } | Problem {
  const { id } = fields;
  if (id === undefined || id === null) return { id: undefined };
  if (isFilled(id) || typeof id === "number" || typeof id === "bigint") return { id: String(id) };
  return problem("wrong_type", ["id", id], "an id is a text or a number", "Give every row an id of its own, or none.");
}

/** A ground hint of any accepted shape; empty ones count as absent. */
function findReference(fields: Fields): string | undefined {
  const places = [fields, asFields(fields["metainfos"]), asFields(fields["org_infos"])];
  return places.map((place) => place?.["reference"]).find(isFilled);
}

/** What stays as the user's own: everything that became no field of the sample. The id stays, to be found in the exports. */
function metadataOf(fields: Fields, isPair: boolean): Fields {
  const own = isPair && "pairId" in fields ? asFields(fields["metadata"]) : undefined;
  return own ?? without(fields, ["image", "image_path", "question", "reference", ...(isPair ? PAIR_FIELDS : [])]);
}

/** Reads one row. `fallbackQuestion` serves rows that name no question. */
export function readRecord(row: unknown, fallbackQuestion: string | undefined): Draft | Problem {
  const given = asFields(row);
  if (!given)
    return problem("not_an_object", ["row", row], "a row is a JSON object", 'Write {"image": …, "question": …}.');
  const isPair = "chosen" in given && "rejected" in given;
  const fields = fromTrl(given);
  const question = findQuestion(fields, fallbackQuestion);
  if ("code" in question) return question;
  const image = findImage(fields);
  if ("code" in image) return image;
  const metadata = metadataOf(fields, isPair);
  const id = findId(isPair ? metadata : fields);
  if ("code" in id) return id;
  return { ...id, ...question, reference: findReference(fields), image, metadata, isPair };
}
