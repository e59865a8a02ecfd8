import { hrefOf } from "../../model/route.ts";
import { runs } from "../service.ts";
import { ReportLink } from "./report-link.tsx";

const TABS = [
  { at: "run", name: "Overview", path: [] },
  { at: "samples", name: "Samples", path: ["samples"] },
  { at: "pairs", name: "Pairs", path: ["pairs"] },
] as const;

/** The pages of one run. */
export function RunTabs({ runId, at }: { runId: string; at: (typeof TABS)[number]["at"] }) {
  return (
    <nav class="tabs" aria-label="This run">
      {TABS.map((tab) => (
        <a key={tab.at} href={hrefOf(["runs", runId, ...tab.path])} aria-current={tab.at === at ? "page" : undefined}>
          {tab.name}
        </a>
      ))}
      <ReportLink address={runs.reportAddress(runId)} />
    </nav>
  );
}
