import { useEffect, useRef, useState } from "preact/hooks";
import { hrefOf, type Route, routeOf } from "../model/route.ts";
import { ChatPage } from "./pages/chat.tsx";
import { EvalPage } from "./pages/eval.tsx";
import { EvalsPage } from "./pages/evals.tsx";
import { NewRunPage } from "./pages/new-run.tsx";
import { PairsPage } from "./pages/pairs.tsx";
import { RunPage } from "./pages/run.tsx";
import { RunsPage } from "./pages/runs.tsx";
import { SamplePage } from "./pages/sample.tsx";
import { SamplesPage } from "./pages/samples.tsx";
import { KeyPanel } from "./parts/key-panel.tsx";

const TITLE: Record<Route["page"], string> = {
  runs: "Runs",
  "new-run": "New run",
  run: "Run",
  samples: "Samples",
  sample: "Sample",
  pairs: "Pairs",
  evals: "Evaluations",
  eval: "Evaluation",
  chat: "Chat",
  unknown: "Not found",
};

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case "runs":
      return <RunsPage />;
    case "new-run":
      return <NewRunPage />;
    case "run":
      return <RunPage runId={route.runId} />;
    case "samples":
      return <SamplesPage runId={route.runId} query={route.query} />;
    case "sample":
      return <SamplePage runId={route.runId} sampleId={route.sampleId} query={route.query} />;
    case "pairs":
      return <PairsPage runId={route.runId} query={route.query} />;
    case "evals":
      return <EvalsPage />;
    case "eval":
      return <EvalPage id={route.id} />;
    case "chat":
      return <ChatPage query={route.query} />;
    case "unknown":
      return (
        <section>
          <h1>There is no such page</h1>
          <p>
            <code>{route.path}</code> leads nowhere. <a href={hrefOf([])}>All runs</a>
          </p>
        </section>
      );
  }
}

/** The page of the address; moving the focus to its beginning is what a page load would do. */
function useRoute(): Route {
  const [route, setRoute] = useState(() => routeOf(location.hash));
  const first = useRef(true);
  useEffect(() => {
    const follow = () => setRoute(routeOf(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const place = placeOf(route);
  useEffect(() => {
    document.title = `${TITLE[route.page]} · rlaifv`;
    if (!first.current) {
      document.getElementById("main")?.focus();
      scrollTo(0, 0);
    }
    first.current = false;
  }, [place]);
  return route;
}

/** Filters and pages of one table are the same place. */
function placeOf(route: Route): string {
  const { query: _, ...place } = { query: undefined, ...route };
  return JSON.stringify(place);
}

const NAVIGATION = [
  { href: hrefOf([]), name: "Runs", pages: ["runs", "new-run", "run", "samples", "sample", "pairs"] },
  { href: hrefOf(["evals"]), name: "Evaluations", pages: ["evals", "eval"] },
  { href: hrefOf(["chat"]), name: "Chat", pages: ["chat"] },
];

export function App() {
  const route = useRoute();
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to content
      </button>
      <header class="masthead">
        <a class="brand" href={hrefOf([])}>
          <Mark /> rlaifv <span>console</span>
        </a>
        <nav aria-label="Main">
          {NAVIGATION.map(({ href, name, pages }) => (
            <a key={name} href={href} aria-current={pages.includes(route.page) ? "page" : undefined}>
              {name}
            </a>
          ))}
          <a href="/reference">API</a>
        </nav>
        <KeyPanel />
      </header>
      <main id="main" tabIndex={-1}>
        <Page key={placeOf(route)} route={route} />
      </main>
    </>
  );
}

/** Two answers, one chosen. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <rect class="no" x="1.5" y="3.5" width="7" height="13" rx="2" />
      <rect class="yes" x="11" y="3" width="8" height="14" rx="2" />
    </svg>
  );
}
