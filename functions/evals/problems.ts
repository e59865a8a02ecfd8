/** A problem of an evaluation that its user can mend: what is wrong, and what to do. */
export class EvaluationError extends Error {
  override name = "EvaluationError";
  readonly fix: string;
  constructor(problem: string, fix: string) {
    super(problem);
    this.fix = fix;
  }
}

/** The next requests could cost more than is left. Every reply so far is kept: the same command goes on from there. */
export class BudgetSpent extends Error {
  override name = "BudgetSpent";
  readonly missingUsd: number;
  constructor(missingUsd: number) {
    super(`the budget has no room for the next requests: ${missingUsd.toFixed(4)} USD are missing`);
    this.missingUsd = missingUsd;
  }
}
