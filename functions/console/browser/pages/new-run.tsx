import { useState } from "preact/hooks";
import { DEMO, demoBody, FIRST_CONFIG, type OwnForm, ownBody } from "../../model/new-run.ts";
import { hrefOf } from "../../model/route.ts";
import { Launch } from "../parts/launch.tsx";
import { ManifestPicker } from "../parts/manifest-picker.tsx";

export function NewRunPage() {
  return (
    <>
      <p class="kicker">
        <a href={hrefOf([])}>Runs</a>
      </p>
      <h1>New run</h1>
      <div class="grid two">
        <DemoCard />
        <OwnCard />
      </div>
    </>
  );
}

function DemoCard() {
  const [form, setForm] = useState(DEMO);
  const field = (name: keyof typeof form, label: string, hint: string) => (
    <label>
      {label}
      <input
        name={name}
        inputMode="numeric"
        value={form[name]}
        onInput={(event) => setForm({ ...form, [name]: event.currentTarget.value })}
      />
      <span class="fine">{hint}</span>
    </label>
  );
  return (
    <section class="card stack" aria-labelledby="demo-title">
      <h2 id="demo-title">The demo</h2>
      <p class="fine">
        The whole loop on a small world of pictures, with models that run on this machine: answers, claims, pairs,
        training and evaluation. Nothing else is needed.
      </p>
      <div class="fields">
        {field("rounds", "Rounds", "the paper runs 4")}
        {field("images", "Images a round", "more: narrower intervals")}
        {field("seed", "Seed", "of everything drawn")}
      </div>
      <Launch filled={demoBody(form)} label="Start the demo" estimateFirst={false} />
    </section>
  );
}

function OwnCard() {
  const [form, setForm] = useState<OwnForm>({
    config: FIRST_CONFIG,
    manifestId: undefined,
    question: "",
    strict: false,
  });
  const set = (part: Partial<OwnForm>) => setForm((old) => ({ ...old, ...part }));
  return (
    <section class="card stack" aria-labelledby="own-title">
      <h2 id="own-title">Your own images</h2>
      <label>
        Config
        <textarea
          name="config"
          rows={12}
          spellcheck={false}
          value={form.config}
          onInput={(event) => set({ config: event.currentTarget.value })}
        />
        <span class="fine">
          JSON, as <code>rlaifv init</code> writes it; what is left out has a default.
        </span>
      </label>
      <ManifestPicker
        question={form.question}
        onQuestion={(question) => set({ question })}
        onManifest={(manifestId) => set({ manifestId })}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={form.strict}
          onChange={(event) => set({ strict: event.currentTarget.checked })}
        />
        Refuse the run when any row is bad
      </label>
      <Launch filled={ownBody(form)} label="Start the run" estimateFirst />
    </section>
  );
}
