/**
 * Modal's gRPC service as the installed SDK speaks it. The SDK carries the generated definition and its codecs but does not
 * export them: a sibling of its module with those exports is written below node_modules when a test asks for it, so that
 * nothing of Modal is kept here and the codecs are always those of the client under test.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { ModalClient } from "modal";
import type { ServerError } from "nice-grpc";

/** The version whose RPCs the fake knows; Modal does not call them a public interface. */
export const MODAL_VERSION = "0.11.1";
const EXPORTED = ["ModalClientDefinition", "RPCRetryPolicy", "RPCStatus", "ClassParameterSet"];

type Rpcs = ModalClient["cpClient"];
export type RpcName = keyof Rpcs & string;
export type Asked<Name extends RpcName> = Parameters<Rpcs[Name]>[0];
type Deep<T> = T extends Uint8Array | Date
  ? T
  : T extends (infer Item)[]
    ? Deep<Item>[]
    : T extends object
      ? { [Key in keyof T]?: Deep<T[Key]> | undefined }
      : T;
export type Answer<Name extends RpcName> = Deep<Awaited<ReturnType<Rpcs[Name]>>>;

type Codec<Message> = {
  create(message: Partial<Message>): Message;
  encode(message: Message): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Message;
};
export type ParameterValue = {
  name: string;
  stringValue?: string;
  intValue?: number;
  boolValue?: boolean;
  bytesValue?: Uint8Array;
};
export type ModalProto = {
  ModalClientDefinition: object;
  RPCRetryPolicy: Codec<{ retryAfterSecs: number }>;
  RPCStatus: Codec<{ code: ServerError["code"]; message: string; details: { typeUrl: string; value: Uint8Array }[] }>;
  ClassParameterSet: Codec<{ parameters: ParameterValue[] }>;
};
export type ModalPackage = { name: string; version: string; repository: { url: string } };

/** Where the installed SDK lies, links followed, and its package.json. */
export function installedModal(): { entry: string; manifest: ModalPackage } {
  const entry = fileURLToPath(import.meta.resolve("modal"));
  return { entry, manifest: JSON.parse(readFileSync(join(dirname(entry), "../package.json"), "utf8")) };
}

/** Throws unless it is Modal's SDK in the version that the fake speaks: npm has another package of this name. */
export function checkModalPackage({ version, repository }: ModalPackage): void {
  if (!repository.url.includes("modal-labs/modal-client"))
    throw new Error(
      `the installed package "modal" is of ${repository.url}, not Modal's SDK: pin modal@${MODAL_VERSION}`,
    );
  if (version !== MODAL_VERSION)
    throw new Error(
      `the fake speaks the gRPC of modal@${MODAL_VERSION}, installed is ${version}: bump both together (test/support/modal/proto.ts)`,
    );
}

export async function loadModalProto(): Promise<ModalProto> {
  const { entry, manifest } = installedModal();
  checkModalPackage(manifest);
  const module = `${readFileSync(entry, "utf8")}\nexport { ${EXPORTED.join(", ")} };\n`;
  const mark = createHash("sha256").update(module).digest("hex").slice(0, 12);
  // below the same node_modules, so that its own imports find the same copies
  const folder = join(dirname(entry), "../../.cache");
  const path = join(folder, `modal-proto-${manifest.version}-${mark}.mjs`);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    const unfinished = `${path}.${process.pid}`;
    writeFileSync(unfinished, module);
    renameSync(unfinished, path);
  }
  return await import(pathToFileURL(path).href);
}
