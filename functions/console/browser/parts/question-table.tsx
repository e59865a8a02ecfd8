import { probability } from "../../../report/format.ts";
import { type ShownClaim, SIGN } from "../../model/claims.ts";

/** Every claim with the question the labeler saw and what it answered; folded. */
export function QuestionTable({ claims }: { claims: readonly ShownClaim[] }) {
  return (
    <details class="data">
      <summary>Questions</summary>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col" class="text">
                question
              </th>
              <th scope="col">p(yes)</th>
              <th scope="col" class="text">
                verdict
              </th>
            </tr>
          </thead>
          <tbody>
            {claims.map(({ text, question, pYes, verdict, repeated }, index) => (
              <tr key={index}>
                <td class="text">
                  {question ?? "not yet asked"}
                  <span class="fine">{text}</span>
                </td>
                <td>{probability(pYes)}</td>
                <td class="text">
                  {verdict === null ? "–" : `${SIGN[verdict]} ${verdict}`}
                  {repeated && <span class="fine">said before</span>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
