/** The tables of docs/scale.md, as Markdown. */
import { GPU_PRICES, PRICES_AS_OF } from "../../shared/budget/prices.ts";
import { AWS_PRICES, usdByItem } from "./bill.ts";
import { FIGURES, type Figure, STAGE_FIGURES, UNITS, type World } from "./figures.ts";
import { bestShard, efficiency, type openShapes, PAPER_SAMPLES, type Scaled } from "./shapes.ts";
import type { Simulation } from "./simulate.ts";

type Shapes = Awaited<ReturnType<typeof openShapes>>;

const HUNDRED_THOUSAND = 100_000;
const SHARDS = [50, 100, 150, 200, 300, 400, 500, 750, 1000];
/** On one H100 the slowest stage takes half a second a sample; a shard wastes about six in its two waves. */
const TYPICAL = { wasteSeconds: 6, secondsPerSample: 0.5 };

const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
const count = (figure: number): string => Math.round(figure).toLocaleString("en");
const usd = (figure: number): string => (figure < 100 ? figure.toFixed(2) : count(figure));
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const time = (seconds: number): string =>
  seconds < 5400
    ? `${count(seconds / 60)} min`
    : seconds < 172_800
      ? `${(seconds / 3600).toFixed(1)} h`
      : `${(seconds / 86_400).toFixed(1)} days`;

/** Share of the ideal by GPUs and shard size; pairs of one round from 100,000 samples. */
export function efficiencyTable({ run }: Shapes): string {
  const gpus = [4, 8, 16, 32, 48];
  const rows = gpus.map((many) => {
    const found = SHARDS.map((shard) =>
      efficiency(run({ samples: HUNDRED_THOUSAND, gpus: many, shard, trains: false })),
    );
    const best = Math.max(...found);
    const formula = bestShard({ samples: HUNDRED_THOUSAND, containers: many, ...TYPICAL });
    return [
      String(many),
      ...found.map((one) => (one === best ? `**${percent(one)}**` : percent(one))),
      String(formula),
    ];
  });
  return table(["GPUs", ...SHARDS.map(String), "formula"], rows);
}

const LEVERS: [string, Partial<World>][] = [
  ["as it is", {}],
  ["two batches at once in a container", { batchesAtOnce: 2 }],
  ["idle containers go after 10 s", { scaledown: 10 }],
  ["cold start of 30 s", { coldStart: 30 }],
  ["all three", { batchesAtOnce: 2, coldStart: 30, scaledown: 10 }],
  [
    "all three, and a table that takes 16,000 units/s",
    { batchesAtOnce: 2, coldStart: 30, scaledown: 10, tableWrites: 16_000, rowsAtOnce: 200 },
  ],
];

/** The best of all shard sizes, and which. */
export function leversTable({ run }: Shapes): string {
  const gpus = [4, 8, 16, 32, 48];
  const best = (shape: Omit<Scaled, "shard">) =>
    SHARDS.map((shard) => ({ shard, share: efficiency(run({ ...shape, shard })) })).reduce((a, b) =>
      b.share > a.share ? b : a,
    );
  const rows = LEVERS.map(([name, world]) => [
    name,
    ...gpus.map((many) => {
      const { shard, share } = best({ samples: HUNDRED_THOUSAND, gpus: many, trains: false, world });
      return `${percent(share)} (${shard})`;
    }),
  ]);
  return table(["", ...gpus.map((many) => `${many} GPUs`)], rows);
}

export const SIZES: { samples: number; gpus: number; shard: number }[] = [
  { samples: PAPER_SAMPLES, gpus: 8, shard: 100 },
  { samples: 10_000, gpus: 8, shard: 100 },
  { samples: 100_000, gpus: 16, shard: 200 },
  { samples: 1_000_000, gpus: 48, shard: 400 },
  { samples: 10_000_000, gpus: 48, shard: 1000 },
];

/** Four rounds with training, by size. */
export function sizesTable({ run }: Shapes): string {
  const rows = SIZES.map((size) => {
    const done = run({ ...size, trains: true });
    const { aws } = done.bill;
    const most = Math.max(...done.dispatched);
    return [
      count(size.samples),
      `${size.gpus} / ${size.shard}`,
      time(done.makespanSeconds),
      percent(efficiency(done)),
      count(done.calls),
      count(aws.transitions),
      `${count(most)} (${(most / 60).toFixed(1)}/s)`,
      count(aws.dynamoWrites),
      `${(aws.dynamoWrites / size.samples).toFixed(1)}`,
      count(done.peakWrites),
      count(aws.s3Writes),
      count(aws.s3Reads),
      count(aws.s3GigabyteMonths),
    ];
  });
  return table(
    [
      "samples",
      "GPUs / shard",
      "makespan",
      "of ideal",
      "GPU calls",
      "transitions",
      "children in the busiest minute",
      "write units",
      "a sample",
      "peak units/s",
      "S3 writes",
      "S3 reads",
      "GB",
    ],
    rows,
  );
}

/** USD of the same runs. */
export function costTable({ run }: Shapes): string {
  const bills = SIZES.map((size) => ({ size, items: usdByItem(run({ ...size, trains: true }).bill) }));
  const names = bills[0]!.items.map(({ item }) => item);
  const rows = names.map((name) => [
    name,
    ...bills.map(({ items }) => usd(items.find(({ item }) => item === name)!.usd)),
  ]);
  const totals = bills.map(({ items }) => items.reduce((sum, { usd: one }) => sum + one, 0));
  return table(
    ["USD", ...SIZES.map(({ samples }) => count(samples))],
    [
      ...rows,
      ["**together**", ...totals.map(usd)],
      ["a sample", ...totals.map((total, at) => (total / SIZES[at]!.samples).toFixed(4))],
    ],
  );
}

/** The limits that the same runs would meet. */
export function limitsTable({ run }: Shapes): string {
  const rows = SIZES.map((size) => {
    const { broken } = run({ ...size, trains: true });
    return [count(size.samples), broken.length === 0 ? "none" : broken.join("; ")];
  });
  return table(["samples, four rounds", "limits met"], rows);
}

/** Stage by stage, the example as it stands. */
export function paperTable({ paper }: Shapes): string {
  const { stages, ...run }: Simulation = paper();
  const rows = stages.map(({ round, stage, startedAt, endedAt, idealSeconds }) => [
    String(round),
    stage,
    time(endedAt - startedAt),
    time(idealSeconds),
  ]);
  const all = ["", "**all**", time(run.makespanSeconds), time(run.idealSeconds)];
  return table(["round", "stage", "took", "ideal"], [...rows.slice(0, 5), ["…", "", "", ""], all]);
}

export function pricesTable(): string {
  const gpus = Object.entries(GPU_PRICES).map(([kind, price]) => [`${kind}, a second`, `$${price}`, PRICES_AS_OF]);
  const aws = Object.values(AWS_PRICES).map(({ unit, usd: price, per, asOf }) => [
    per === 1 ? unit : `${count(per)} ${unit}`,
    `$${price}`,
    asOf,
  ]);
  return table(["what", "price", "as of"], [...gpus, ...aws]);
}

export function figuresTable(): string {
  const row = (name: string, { value, unit, how, source }: Figure) => [name, `${value} ${unit}`, how, source];
  return table(
    ["figure", "value", "how", "from"],
    [
      ...Object.entries(FIGURES).map(([name, figure]) => row(name, figure)),
      ...Object.entries(UNITS).map(([name, figure]) => row(name, figure)),
      ...Object.entries(STAGE_FIGURES).flatMap(([name, stages]) =>
        Object.entries(stages).map(([stage, figure]) => row(`${name}, ${stage}`, figure)),
      ),
    ],
  );
}
