import { useState } from "preact/hooks";
import { useResource } from "../hooks.ts";
import { Choice } from "../parts/choice.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Picture } from "../parts/picture.tsx";
import { ProblemNote } from "../parts/problem.tsx";
import { runs } from "../service.ts";
import { keptImage, type PickedImage } from "./picked-image.ts";

const SHOWN = 24;
type Props = { onImage: (image: PickedImage) => void; onClose: () => void };

/** Pictures of a run's samples. */
export function Gallery({ onImage, onClose }: Props) {
  const all = useResource("gallery runs", (signal) => runs.list({ limit: 50 }, signal));
  const [chosen, setChosen] = useState<string>();
  const runId = chosen ?? all.value?.items[0]?.id;
  return (
    <Dialog title="A picture of a run" onClose={onClose}>
      <div class="stack">
        <ProblemNote error={all.error} />
        {all.value?.items.length === 0 && <p>There is no run yet; the demo brings pictures.</p>}
        {all.value !== undefined && all.value.items.length > 1 && (
          <Choice
            label="Run"
            value={runId}
            all="newest"
            options={all.value.items.map(({ id }) => ({ value: id, name: id }))}
            choose={setChosen}
          />
        )}
        {runId !== undefined && <Pictures runId={runId} onImage={onImage} onClose={onClose} />}
        <div class="buttons">
          <button type="button" onClick={onClose}>
            Close
          </button>
        </div>
      </div>
    </Dialog>
  );
}

function Pictures({ runId, onImage, onClose }: Props & { runId: string }) {
  const { value, error } = useResource(`gallery ${runId}`, (signal) => runs.samples(runId, { limit: SHOWN }, signal));
  const images = [...new Map(value?.items.map(({ image, question }) => [image.sha256, question]))];
  const pick = async (sha256: string) => {
    onImage(await keptImage(sha256));
    onClose();
  };
  return (
    <>
      <ProblemNote error={error} />
      <div class="gallery">
        {images.map(([sha256], index) => (
          <button
            key={sha256}
            type="button"
            class="bare"
            onClick={() => pick(sha256)}
            aria-label={`Picture ${index + 1}`}
          >
            <Picture sha256={sha256} alt="" width={96} height={96} size="thumbnail" />
          </button>
        ))}
      </div>
    </>
  );
}
