/** One run of `rlaifv pairs` in a process of its own; its last line is the time and the peak memory. */
import { pairsFromFiles } from "../functions/rlaifv-files/pairs.ts";

const [answers, labels, out, balance] = process.argv.slice(2);
if (answers === undefined || labels === undefined || out === undefined) {
  throw new Error("usage: node bench/pairs-once.ts ANSWERS LABELS OUT [--balance]");
}
await pairsFromFiles({ answers, labels, out, perQuestion: "all", balance: balance === "--balance" });
const { user, system } = process.cpuUsage();
// Since the process began, so that starting Node counts too; maxRSS is in KiB.
const seconds = { seconds: performance.now() / 1000, cpuSeconds: (user + system) / 1e6 };
console.log(JSON.stringify({ ...seconds, megabytes: process.resourceUsage().maxRSS / 1024 }));
