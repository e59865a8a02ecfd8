type Props = {
  cursor: string | undefined;
  next: string | null;
  go: (cursor: string | undefined) => void;
  what: string;
};

/** Pages by cursor: onward, and back to the first. Nothing is shown where one page is all. */
export function Pager({ cursor, next, go, what }: Props) {
  if (cursor === undefined && next === null) return null;
  return (
    <nav class="pager" aria-label={`Pages of ${what}`}>
      <button type="button" disabled={cursor === undefined} onClick={() => go(undefined)}>
        ⇤ First page
      </button>
      <button type="button" disabled={next === null} onClick={() => next !== null && go(next)}>
        Next page →
      </button>
    </nav>
  );
}
