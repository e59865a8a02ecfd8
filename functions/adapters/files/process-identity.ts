import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/**
 * One process on one machine. `startTicks` (clock ticks since boot, /proc/<pid>/stat field 22, proc(5)) tells it apart
 * from a later process with the same number; absent where there is no /proc.
 */
export type ProcessIdentity = { pid: number; host: string; startTicks?: string };

export function thisProcess(): ProcessIdentity {
  const ticks = statOf(process.pid)?.startTicks;
  return { pid: process.pid, host: hostname(), ...(ticks === undefined ? {} : { startTicks: ticks }) };
}

/** Whether that very process still runs. Of another machine nothing can be known: such a process counts as running. */
export function isRunning({ pid, host, startTicks }: ProcessIdentity): boolean {
  if (host !== hostname()) return true;
  if (!hasPid(pid)) return false;
  const stat = statOf(pid);
  if (!stat) return true;
  return stat.state !== "Z" && (startTicks === undefined || stat.startTicks === startTicks);
}

function hasPid(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, under another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function statOf(pid: number): { state: string; startTicks: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command's name may hold spaces and brackets: fields are counted from the last bracket on.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const [state, startTicks] = [fields[0], fields[19]];
    return state !== undefined && startTicks !== undefined ? { state, startTicks } : undefined;
  } catch {
    return undefined;
  }
}
