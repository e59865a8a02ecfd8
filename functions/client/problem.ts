/** What the service refuses, as an error. */

/** The fields of a problem (RFC 9457) that clients use. */
export type ServiceProblem = {
  status: number;
  code: string;
  detail: string;
  fix: string;
  field?: string;
  value?: string;
  errors?: { field: string; detail: string; value?: string }[];
};

/** A refusal of the service, or an answer that is none of its own (`code: "answer.unknown"`). */
export class ServiceError extends Error {
  override name = "ServiceError";
  readonly problem: ServiceProblem;
  /** Seconds after which the same request may succeed; told with 429 and some 409. */
  readonly retryAfterSeconds: number | undefined;
  readonly requestId: string | undefined;
  constructor(
    problem: ServiceProblem,
    facts: { retryAfterSeconds?: number | undefined; requestId?: string | undefined } = {},
  ) {
    super(problem.detail);
    this.problem = problem;
    this.retryAfterSeconds = facts.retryAfterSeconds;
    this.requestId = facts.requestId;
  }

  get code(): string {
    return this.problem.code;
  }

  get fix(): string {
    return this.problem.fix;
  }
}

/** The error of an answer that is not ok. Reads the answer's body. */
export async function serviceError(response: Response): Promise<ServiceError> {
  const text = await response.text();
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  return new ServiceError(problemIn(text) ?? stranger(response, text), {
    retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
    requestId: response.headers.get("x-request-id") ?? undefined,
  });
}

function problemIn(text: string): ServiceProblem | undefined {
  try {
    const value = JSON.parse(text) as Partial<ServiceProblem> | null;
    return typeof value?.code === "string" && typeof value.detail === "string" ? (value as ServiceProblem) : undefined;
  } catch {
    return undefined;
  }
}

const SHOWN = 200;

function stranger({ status, url }: Response, text: string): ServiceProblem {
  return {
    status,
    code: "answer.unknown",
    detail: `${url} answered ${status}, and not as this service does: ${text.slice(0, SHOWN)}`,
    fix:
      status === 413
        ? "Send it through POST /v1/uploads: something before the service takes no body of this length."
        : "Check the address: it may be a proxy's or another server's.",
  };
}
