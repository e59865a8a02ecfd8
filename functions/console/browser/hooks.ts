import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asServiceError, type ServiceError } from "./service.ts";

export type Resource<T> = {
  value: T | undefined;
  error: ServiceError | undefined;
  loading: boolean;
  reload: () => void;
};

/**
 * What `load` gives, again whenever `key` changes and every `everyMs` while the page is looked at. The old value of the
 * same key stays while a new one is on its way, so that nothing jumps.
 */
export function useResource<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  everyMs: number | undefined = undefined,
): Resource<T> {
  const [state, setState] = useState<{ key: string; value?: T; error?: ServiceError; loading: boolean }>({
    key,
    loading: true,
  });
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    const abort = new AbortController();
    setState((old) => (old.key === key ? { ...old, loading: true } : { key, loading: true }));
    latest.current(abort.signal).then(
      (value) => setState({ key, value, loading: false }),
      (cause) => {
        if (!abort.signal.aborted) setState((old) => ({ ...old, error: asServiceError(cause), loading: false }));
      },
    );
    return () => abort.abort();
  }, [key, turn]);
  const reload = useCallback(() => setTurn((old) => old + 1), []);
  useEvery(everyMs, reload);
  const current = state.key === key ? state : { key, loading: true };
  return { value: current.value, error: current.error, loading: current.loading, reload };
}

/** Calls while the page is visible; never in a hidden tab. */
export function useEvery(everyMs: number | undefined, act: () => void): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    if (everyMs === undefined) return;
    const timer = setInterval(() => {
      if (!document.hidden) latest.current();
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
}
