type Props = {
  label: string;
  value: string | undefined;
  /** Shown for no choice. */
  all: string;
  options: { value: string; name: string }[];
  choose: (value: string | undefined) => void;
};

export function Choice({ label, value, all, options, choose }: Props) {
  return (
    <label>
      {label}
      <select value={value ?? ""} onChange={(event) => choose(event.currentTarget.value || undefined)}>
        <option value="">{all}</option>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.name}
          </option>
        ))}
      </select>
    </label>
  );
}
