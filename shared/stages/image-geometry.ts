/** How LLaVA's image processors place a picture (rlaifv-spec; golden `image_geometry`): inference and training differ in it. */

export type Size = { width: number; height: number };

export const PAD_BACKGROUND = [122, 116, 104] as const; // CLIP's mean colour in 255 steps

/** Inference: the picture in the middle of a square as large as its longer side, on PAD_BACKGROUND. */
export function padToSquare({ width, height }: Size): { side: number; left: number; top: number } {
  const side = Math.max(width, height);
  return { side, left: Math.floor((side - width) / 2), top: Math.floor((side - height) / 2) };
}

/** Training: the shorter side to `side`, then the middle square cut out. */
export function centerCrop({ width, height }: Size, side: number): { resized: Size; left: number; top: number } {
  const shorter = Math.min(width, height);
  const resized = { width: Math.floor((width * side) / shorter), height: Math.floor((height * side) / shorter) };
  return { resized, left: Math.floor((resized.width - side) / 2), top: Math.floor((resized.height - side) / 2) };
}
