export type Decoding = { temperature: string; maxTokens: string; seed: string };

export const DECODING: Decoding = { temperature: "0.7", maxTokens: "", seed: "" }; // RLAIF-V script/data_gen: temperature 0.7

const FIELDS: readonly { name: keyof Decoding; label: string; min: string; max?: string; step: string }[] = [
  { name: "temperature", label: "Temperature", min: "0", max: "2", step: "0.1" },
  { name: "maxTokens", label: "Most tokens", min: "1", step: "1" },
  { name: "seed", label: "Seed", min: "0", step: "1" },
];

type Props = { decoding: Decoding; onChange: (decoding: Decoding) => void };

export function DecodingFields({ decoding, onChange }: Props) {
  return (
    <details>
      <summary>Decoding</summary>
      <div class="fields">
        {FIELDS.map(({ name, label, ...range }) => (
          <label key={name}>
            {label}
            <input
              type="number"
              name={name}
              {...range}
              value={decoding[name]}
              onInput={(event) => onChange({ ...decoding, [name]: event.currentTarget.value })}
            />
          </label>
        ))}
      </div>
    </details>
  );
}
