/** Where a tooltip stands: inside the window, below what it belongs to. */
export type Place = { left: number; top: number };

/** As `.tip` in console.css: widest and usual height of a tooltip, and its distance from the window's edge, in pixels. */
const WIDTH = 288;
const HEIGHT = 96;
const EDGE = 8;

export function below(element: HTMLElement): Place {
  const { bottom, top, left } = element.getClientRects()[0] ?? element.getBoundingClientRect();
  const room = document.documentElement.clientWidth - Math.min(WIDTH, document.documentElement.clientWidth) - EDGE;
  const fits = bottom + HEIGHT < window.innerHeight;
  return { left: Math.max(EDGE, Math.min(left, room)), top: fits ? bottom + 6 : Math.max(EDGE, top - HEIGHT) };
}
