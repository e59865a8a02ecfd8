import { useId, useState } from "preact/hooks";
import type { Possible } from "../../model/actions.ts";

type Props = { label: string; possible: Possible; act: () => Promise<void> | void; tone?: "primary" | "danger" };

/** A button that says why it cannot be pressed: it stays in the focus order, and the reason is its description. */
export function ActionButton({ label, possible, act, tone }: Props) {
  const [busy, setBusy] = useState(false);
  const why = useId();
  const press = async () => {
    if (!possible.possible || busy) return;
    setBusy(true);
    try {
      await act();
    } finally {
      setBusy(false);
    }
  };
  const blocked = !possible.possible || busy;
  return (
    <button
      type="button"
      class={tone ?? ""}
      aria-disabled={blocked}
      aria-describedby={possible.possible ? undefined : why}
      title={possible.possible ? undefined : possible.why}
      onClick={press}
    >
      {label}
      {!possible.possible && (
        <span id={why} class="hidden">
          {possible.why}
        </span>
      )}
    </button>
  );
}
