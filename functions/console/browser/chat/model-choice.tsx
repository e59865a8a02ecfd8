type Props = { ids: string[]; chosen: string[]; onChoose: (chosen: string[]) => void };

/** One model, or two side by side. */
export function ModelChoice({ ids, chosen, onChoose }: Props) {
  const [first, second] = chosen;
  const without = ids.filter((id) => id !== first);
  return (
    <div class="fields models">
      <label>
        Model
        <select
          name="model"
          value={first ?? ""}
          onChange={({ currentTarget: { value } }) =>
            onChoose([value, ...(second && second !== value ? [second] : [])])
          }
        >
          {ids.map((id) => (
            <option key={id} value={id}>
              {id}
            </option>
          ))}
        </select>
      </label>
      <label>
        Beside it
        <select
          name="beside"
          value={second ?? ""}
          onChange={({ currentTarget: { value } }) =>
            first !== undefined && onChoose(value === "" ? [first] : [first, value])
          }
        >
          <option value="">nothing</option>
          {without.map((id) => (
            <option key={id} value={id}>
              {id}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
