/**
 * `npm run bench -- cloud`: the tables of docs/scale.md. `node bench/cloud.ts --write` puts them into the
 * page, between its marks, and draws docs/scale.svg.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { costShares, makespanChart } from "./cloud-simulation/chart.ts";
import { openShapes } from "./cloud-simulation/shapes.ts";
import {
  costTable,
  efficiencyTable,
  figuresTable,
  leversTable,
  limitsTable,
  paperTable,
  pricesTable,
  sizesTable,
} from "./cloud-simulation/tables.ts";

const { values } = parseArgs({ options: { write: { type: "boolean", default: false } } });
const shapes = await openShapes();
const tables: Record<string, string> = {
  sizes: sizesTable(shapes),
  costs: costTable(shapes),
  shares: costShares(shapes),
  limits: limitsTable(shapes),
  efficiency: efficiencyTable(shapes),
  levers: leversTable(shapes),
  paper: paperTable(shapes),
  prices: pricesTable(),
  figures: figuresTable(),
};
for (const [name, text] of Object.entries(tables)) console.log(`${name}\n\n${text}\n`);
if (values.write) {
  const page = new URL("../docs/scale.md", import.meta.url);
  writeFileSync(page, Object.entries(tables).reduce(withTable, readFileSync(page, "utf8")));
  writeFileSync(new URL("../docs/scale.svg", import.meta.url), makespanChart(shapes));
}

function withTable(page: string, [name, text]: [string, string]): string {
  const [open, close] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(open), page.indexOf(close)];
  if (from < 0 || to < from) throw new Error(`docs/scale.md has no marks for the table "${name}"`);
  return `${page.slice(0, from + open.length)}\n${text}\n\n${page.slice(to)}`;
}
