import { count } from "../../../report/format.ts";
import type { RunDetail } from "../service.ts";

/** What the run is made of: folded, at the end. */
export function RunFacts({ run }: { run: RunDetail }) {
  const { warnings, bad_rows: bad, models, config } = run;
  return (
    <section>
      <h2>Made of</h2>
      {warnings.map((text) => (
        <p key={text} class="warning">
          <b>Note.</b> {text}
        </p>
      ))}
      {bad.count > 0 && <BadRows bad={bad} />}
      <div class="card scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">role</th>
              <th scope="col" class="text">
                model
              </th>
              <th scope="col" class="text">
                engine
              </th>
              <th scope="col" class="text">
                revision
              </th>
            </tr>
          </thead>
          <tbody>
            {models.map(({ role, model, engine, revision }) => (
              <tr key={role}>
                <th scope="row">{role}</th>
                <td class="text">{model}</td>
                <td class="text">{engine}</td>
                <td class="text">
                  <code>{revision.slice(0, 16)}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <details class="folded">
        <summary>Config</summary>
        <pre>{JSON.stringify(config, null, 2)}</pre>
      </details>
    </section>
  );
}

export function BadRows({ bad }: { bad: RunDetail["bad_rows"] }) {
  return (
    <details class="warning">
      <summary>
        <b>{count(bad.count)} bad rows were left out</b>
      </summary>
      <ul>
        {bad.first.map(({ line, field, reason, fix }) => (
          <li key={`${line} ${field}`}>
            Row {line}, <code>{field}</code>: {reason} {fix}
          </li>
        ))}
      </ul>
    </details>
  );
}
