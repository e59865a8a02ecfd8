import { useEffect, useState } from "preact/hooks";
import { count, dollars } from "../../../report/format.ts";
import { useResource } from "../hooks.ts";
import { type ServiceError, storedKey, storeKey, type Usage, usage, whenKeyRefused } from "../service.ts";
import { Dialog } from "./dialog.tsx";
import { ProblemNote } from "./problem.tsx";

/** Who is asking, and what they have used today; opens by itself when the service wants a key. */
export function KeyPanel() {
  const [open, setOpen] = useState(false);
  const [refusal, setRefusal] = useState<ServiceError>();
  useEffect(() => {
    whenKeyRefused((problem) => {
      setRefusal(problem);
      setOpen(true);
    });
  }, []);
  const close = () => {
    setOpen(false);
    setRefusal(undefined);
  };
  return (
    <>
      <button type="button" class="quiet key" onClick={() => setOpen(true)}>
        {storedKey() === null ? "Key and usage" : "Key set"}
      </button>
      {open && (
        <Dialog title="Key and usage" onClose={close}>
          <KeyForm refusal={refusal} onClose={close} />
        </Dialog>
      )}
    </>
  );
}

function KeyForm({ refusal, onClose }: { refusal: ServiceError | undefined; onClose: () => void }) {
  const [key, setKey] = useState(storedKey() ?? "");
  const save = (next: string | null) => {
    storeKey(next);
    location.reload(); // everything on the page was asked for as somebody else
  };
  const submit = (event: Event) => {
    event.preventDefault();
    save(key.trim() === "" ? null : key.trim());
  };
  return (
    <form onSubmit={submit} class="stack">
      <ProblemNote error={refusal} />
      {refusal === undefined && <UsageTable />}
      <label>
        API key
        <input
          type="password"
          autocomplete="off"
          spellcheck={false}
          placeholder="rlk_…"
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
        <span class="fine">
          Kept in this tab until it is closed. <code>rlaifv keys create</code> makes one.
        </span>
      </label>
      <div class="buttons">
        <button type="submit" class="primary">
          Use this key
        </button>
        {storedKey() !== null && (
          <button type="button" onClick={() => save(null)}>
            Forget the key
          </button>
        )}
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </form>
  );
}

const ROWS: readonly { name: string; of: (usage: Usage) => Usage["usd"]; text: (value: number) => string }[] = [
  { name: "Money today", of: ({ usd }) => usd, text: dollars },
  { name: "Tokens today", of: ({ tokens }) => tokens, text: count },
  { name: "Requests this minute", of: ({ requests_this_minute }) => requests_this_minute, text: count },
  { name: "At the same time", of: ({ concurrent_requests }) => concurrent_requests, text: count },
];

const WHO: Record<Usage["kind"], string> = {
  owner: "You, on this machine",
  key: "The holder of this key",
  anonymous: "Anybody, without a key",
};

function UsageTable() {
  const { value, error } = useResource("usage", usage);
  if (value === undefined) return error === undefined ? <p class="fine">Asking …</p> : <ProblemNote error={error} />;
  return (
    <table>
      <caption>
        {WHO[value.kind]}, scopes {value.scopes.join(", ")}, {value.day} UTC
      </caption>
      <thead>
        <tr>
          <th scope="col">what</th>
          <th scope="col">used</th>
          <th scope="col">limit</th>
        </tr>
      </thead>
      <tbody>
        {ROWS.map(({ name, of, text }) => {
          const { used, reserved, limit } = of(value);
          return (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{text(used + reserved)}</td>
              <td>{limit === null ? "none" : text(limit)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
