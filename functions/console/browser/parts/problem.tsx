import type { ServiceError } from "../service.ts";

/** What went wrong and what to do; read out as soon as it appears. */
export function ProblemNote({ error }: { error: ServiceError | undefined }) {
  if (error === undefined) return null;
  const errors = error.problem.errors ?? [];
  return (
    <div class="warning" role="alert">
      <b>{error.message}</b> {error.fix}
      {errors.length > 1 && (
        <ul>
          {errors.map(({ field, detail }) => (
            <li key={field}>
              <code>{field}</code> {detail}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
