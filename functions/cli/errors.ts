/** Endings of a command: what a shell script can tell apart. */
export const EXIT = {
  ok: 0,
  /** Something broke that should not: the message is a bug report. */
  failed: 1,
  /** Wrong arguments or configuration. */
  usage: 2,
  /** The budget is spent; everything made so far is kept. */
  paused: 3,
  /** The data has bad rows and `--strict` was given, or no good row at all. */
  badData: 4,
  /** Another process works in this folder. */
  busy: 5,
  /** An evaluation is done, and its `--gate` does not hold. */
  gateFailed: 6,
  /** Stopped by Ctrl-C; `rlaifv resume` goes on. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A problem the user can mend: what is wrong, and what to do. */
export class UserError extends Error {
  readonly exitCode: ExitCode;
  readonly fix: string;
  constructor(problem: string, options: { fix: string; exitCode?: ExitCode }) {
    super(problem);
    this.name = "UserError";
    this.fix = options.fix;
    this.exitCode = options.exitCode ?? EXIT.usage;
  }
}
