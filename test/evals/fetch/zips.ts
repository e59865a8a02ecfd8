/** Zip archives for tests: made by the writer that this project sends its datasets with. */
import { downloadZip } from "client-zip";

export async function zipOf(files: Record<string, string | Uint8Array>): Promise<Buffer> {
  const entries = Object.entries(files).map(([name, input]) => ({ name, input, lastModified: new Date(0) }));
  return Buffer.from(await downloadZip(entries).arrayBuffer());
}
