import { useState } from "preact/hooks";
import { count } from "../../../report/format.ts";
import { asNdjson } from "../../model/new-run.ts";
import { asServiceError, type Manifest, type ServiceError, uploadManifest } from "../service.ts";
import { ProblemNote } from "./problem.tsx";
import { BadRows } from "./run-facts.tsx";

type Props = {
  question: string;
  onQuestion: (question: string) => void;
  onManifest: (id: string | undefined) => void;
};

/** Bytes; larger files are streamed as they are, without looking whether they are a JSON array. */
const LOOKED_INTO = 8 * 1024 * 1024;

/** Sends the file at once: its bad rows are told before anything is paid. */
export function ManifestPicker({ question, onQuestion, onManifest }: Props) {
  const [manifest, setManifest] = useState<Manifest>();
  const [error, setError] = useState<ServiceError>();
  const [sending, setSending] = useState(false);
  const send = async (file: File | undefined) => {
    setManifest(undefined);
    setError(undefined);
    onManifest(undefined);
    if (file === undefined) return;
    setSending(true);
    try {
      const rows = file.size > LOOKED_INTO ? file : new Blob([asNdjson(await file.text())]);
      const sent = await uploadManifest(rows, question);
      setManifest(sent);
      onManifest(sent.id);
    } catch (cause) {
      setError(asServiceError(cause));
    }
    setSending(false);
  };
  return (
    <>
      <label>
        Question of rows that have none
        <input
          name="question"
          value={question}
          placeholder="Describe the picture."
          onInput={(event) => onQuestion(event.currentTarget.value)}
        />
      </label>
      <label>
        Manifest
        <input
          type="file"
          name="manifest"
          accept=".jsonl,.ndjson,.json,application/json,application/x-ndjson"
          onChange={(event) => send(event.currentTarget.files?.[0])}
        />
        <span class="fine">
          One row a line: <code>{'{"image": "https://…", "question": "…"}'}</code>; an image is an address, a data URL,
          or the id of an uploaded one.
        </span>
      </label>
      <p class="fine" role="status">
        {sending && "Sending and checking …"}
        {manifest !== undefined && `${count(manifest.samples)} samples are ready.`}
      </p>
      {manifest !== undefined && manifest.bad_rows.count > 0 && <BadRows bad={manifest.bad_rows} />}
      <ProblemNote error={error} />
    </>
  );
}
