import * as op from "../autodiff/ops.ts";
import { compile, floats, floatsOf } from "../autodiff/session.ts";
import { feedsOf, type Weights } from "../autodiff/weights.ts";
import { HEAD_WIDTH, HEADS, IMAGE_TOKENS, TEXT_BLOCK, TEXT_BLOCKS, WIDTH } from "./architecture.ts";
import { block, ModelGraph } from "./layers.ts";
import { type ImageTokens, stackImages } from "./vision-graph.ts";

/** Keys and values of the image tokens in every text block: all that a text ever needs of its picture. */
export type Prefix = { keys: Float32Array[]; values: Float32Array[] };
export const PREFIX_VALUES = HEADS * IMAGE_TOKENS * HEAD_WIDTH;

const BATCH = 20; // pictures a pass

/** Runs the image tokens through the text blocks. They do not see the text, so this is done once for a picture. */
export async function prefixGraph() {
  const m = new ModelGraph({ trains: false });
  const image = m.input("image", [BATCH * IMAGE_TOKENS, WIDTH]);
  const position = op.slice(m.g, m.weight("text.position"), { axis: 0, from: 0, to: IMAGE_TOKENS });
  const placed = op.add(m.g, op.reshape(m.g, image, [BATCH, IMAGE_TOKENS, WIDTH]), position);
  let x = op.reshape(m.g, placed, [BATCH * IMAGE_TOKENS, WIDTH]);
  const kept = Array.from({ length: TEXT_BLOCKS }, (_, i) => {
    const result = block(m, { x, batch: BATCH, length: IMAGE_TOKENS }, TEXT_BLOCK(i));
    x = result.x;
    return result;
  });
  const program = await compile(
    m.g,
    kept.flatMap(({ key, value }) => [key, value]),
  );
  const names = [...m.weights.keys()];

  /** Throws the signal's reason between two passes when it is raised. */
  async function read(weights: Weights, images: readonly ImageTokens[], signal?: AbortSignal): Promise<Prefix[]> {
    const prefixes: Prefix[] = [];
    for (let start = 0; start < images.length; start += BATCH) {
      signal?.throwIfAborted();
      const part = images.slice(start, start + BATCH);
      const feeds = {
        ...feedsOf(weights, names),
        image: floats(stackImages(part, BATCH), [BATCH * IMAGE_TOKENS, WIDTH]),
      };
      const out = await program.run(feeds);
      const cut = (name: string, i: number) => floatsOf(out[name]).slice(i * PREFIX_VALUES, (i + 1) * PREFIX_VALUES);
      part.forEach((_, i) => {
        prefixes.push({
          keys: kept.map(({ key }) => cut(key.name, i)),
          values: kept.map(({ value }) => cut(value.name, i)),
        });
      });
    }
    return prefixes;
  }
  return { read, release: program.release };
}
