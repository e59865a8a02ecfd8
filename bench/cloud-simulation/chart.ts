/** The picture of docs/scale.md: makespan against samples, and what the money goes to. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { usdByItem } from "./bill.ts";
import type { openShapes } from "./shapes.ts";

const SAMPLES = [1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000];
const GPUS = [8, 16, 48];
const WIDTH = 720;

/** An SVG; hours from the start to the pairs of one round, by GPUs, with the ideal dashed. */
export function makespanChart({ run }: Awaited<ReturnType<typeof openShapes>>): string {
  const points = GPUS.flatMap((gpus) =>
    SAMPLES.map((samples) => {
      const done = run({ samples, gpus, shard: 200, trains: false });
      return { gpus, samples, hours: done.makespanSeconds / 3600, ideal: done.idealSeconds / 3600 };
    }),
  );
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const last = points.filter(({ samples }) => samples === SAMPLES.at(-1));
  const svg = Plot.plot({
    document,
    width: WIDTH,
    height: 340,
    marginLeft: 48,
    marginRight: 80,
    marginBottom: 44,
    marginTop: 32,
    style: { background: "white", fontSize: "12px", fontFamily: "sans-serif" },
    x: {
      type: "log",
      label: "samples",
      grid: true,
      ticks: SAMPLES,
      tickFormat: (value: number) => value.toLocaleString("en"),
    },
    y: {
      type: "log",
      ticks: [0.1, 0.3, 1, 3, 10, 30, 100],
      tickFormat: String,
      label: "hours to the pairs of one round (dashed: ideal)",
      grid: true,
    },
    color: { domain: GPUS, range: ["#1b6ca8", "#c2571a", "#2f7d4f"] },
    marks: [
      Plot.lineY(points, { x: "samples", y: "ideal", z: "gpus", stroke: "gpus", strokeDasharray: "4 3" }),
      Plot.lineY(points, { x: "samples", y: "hours", z: "gpus", stroke: "gpus", strokeWidth: 2, marker: "circle" }),
      Plot.text(last, { x: "samples", y: "hours", text: ({ gpus }) => `${gpus} GPUs`, dx: 8, textAnchor: "start" }),
    ],
  });
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${svg.outerHTML}\n`;
}

/** Shares of the bill, as text beside the picture. */
export function costShares({ run }: Awaited<ReturnType<typeof openShapes>>): string {
  const items = usdByItem(run({ samples: 100_000, gpus: 16, shard: 200, trains: true }).bill);
  const total = items.reduce((sum, { usd }) => sum + usd, 0);
  const share = (wanted: (item: string) => boolean) =>
    (100 * items.filter(({ item }) => wanted(item)).reduce((sum, { usd }) => sum + usd, 0)) / total;
  const gpus = share((item) => item.endsWith(" seconds"));
  const beside = share((item) => item.startsWith("CPU"));
  return `Of 100,000 samples in four rounds: GPUs ${gpus.toFixed(1)} %, their CPU and memory ${beside.toFixed(1)} %, all of AWS ${(100 - gpus - beside).toFixed(1)} %.`;
}
