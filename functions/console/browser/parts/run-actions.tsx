import { useState } from "preact/hooks";
import { type ActionName, actionOn } from "../../model/actions.ts";
import { asServiceError, type RunDetail, runs, type ServiceError } from "../service.ts";
import { ActionButton } from "./action-button.tsx";
import { BudgetForm } from "./budget-form.tsx";
import { Dialog } from "./dialog.tsx";

export type Outcome = { onChange: (run: RunDetail) => void; onRefusal: (error: ServiceError) => void };
type Props = { run: RunDetail } & Outcome;

/** Pause, resume, cancel, and more money; what cannot be done now says why. */
export function RunActions({ run, onChange, onRefusal }: Props) {
  const [dialog, setDialog] = useState<"cancel" | "budget">();
  const act = (action: "pause" | "resume" | "cancel") => runs.act(run.id, action).then(onChange, refused(onRefusal));
  const close = () => setDialog(undefined);
  const possible = (name: Exclude<ActionName, "retry-parked">) => actionOn(run, name);
  return (
    <fieldset class="buttons">
      <legend class="hidden">Control the run</legend>
      <ActionButton label="Pause" possible={possible("pause")} act={() => act("pause")} />
      <ActionButton label="Resume" possible={possible("resume")} act={() => act("resume")} />
      <ActionButton label="Raise budget …" possible={possible("budget")} act={() => setDialog("budget")} />
      <ActionButton label="Cancel …" tone="danger" possible={possible("cancel")} act={() => setDialog("cancel")} />
      {dialog === "budget" && (
        <Dialog title="Raise the budget" onClose={close}>
          <BudgetForm run={run} onChange={onChange} onClose={close} />
        </Dialog>
      )}
      {dialog === "cancel" && (
        <Dialog title="Cancel this run?" onClose={close}>
          <CancelForm onClose={close} onSure={() => act("cancel").then(close)} />
        </Dialog>
      )}
    </fieldset>
  );
}

export const refused = (onRefusal: Outcome["onRefusal"]) => (cause: unknown) => onRefusal(asServiceError(cause));

function CancelForm({ onClose, onSure }: { onClose: () => void; onSure: () => Promise<void> }) {
  return (
    <div class="stack">
      <p>Everything made so far is kept and can be exported. The rest of the budget is free again.</p>
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Keep it running
        </button>
        <button type="button" class="danger" onClick={onSure}>
          Cancel the run
        </button>
      </div>
    </div>
  );
}
