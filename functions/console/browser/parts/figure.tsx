import { useEffect, useRef } from "preact/hooks";
import type { Figure } from "../../model/figures.ts";

/** Observable Plot is large and only needed here: it comes as a file of its own, once. */
const plot = () => import("../charts/draw.ts");

/** A chart with its numbers as a table. The room for the drawing is kept, so that nothing jumps when it comes. */
export function ChartFigure({ figure }: { figure: Figure }) {
  const { title, hint, table } = figure;
  return (
    <figure>
      <figcaption>
        <h3>{title}</h3>
        <span class="fine">{hint}</span>
      </figcaption>
      <Drawing figure={figure} />
      <details class="data">
        <summary>Numbers</summary>
        <div class="scroll">
          <table>
            <thead>
              <tr>
                {table.head.map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {table.rows.map(([first, ...cells]) => (
                <tr key={first}>
                  <th scope="row">{first}</th>
                  {cells.map((cell, index) => (
                    <td key={index}>{cell}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

function Drawing({ figure }: { figure: Figure }) {
  const place = useRef<HTMLDivElement>(null);
  const points = figure.points.length === 0 ? "" : JSON.stringify(figure.points);
  useEffect(() => {
    let gone = false;
    void plot().then(({ draw }) => {
      if (!gone) place.current?.replaceChildren(draw(figure));
    });
    return () => {
      gone = true;
    };
  }, [figure.id, points]);
  return <div class="drawing" ref={place} />;
}
