/** `rlaifv --server URL …`: the same commands, done by a service elsewhere. */
import { type ConnectOptions, connect, type ServiceClient } from "../../client/client.ts";
import { serviceError } from "../../client/problem.ts";
import { UserError } from "../errors.ts";

/** A service, and the key it is asked with. */
export type Remote = { client: ServiceClient; url: string; apiKey: string | undefined };

/** The address named by `--server` or RLAIFV_SERVER; `undefined` means this machine. */
export function serverIn(args: readonly string[], env: NodeJS.ProcessEnv): string | undefined {
  const at = args.findLastIndex((arg) => arg === "--server" || arg.startsWith("--server="));
  const given = at < 0 ? env["RLAIFV_SERVER"] : args[at]!.includes("=") ? args[at]!.slice(9) : (args[at + 1] ?? "");
  if (given === undefined || (at < 0 && given === "")) return undefined;
  if (URL.canParse(given) && /^https?:$/.test(new URL(given).protocol)) return given.replace(/\/+$/, "");
  throw new UserError(`--server ${given} is not an address`, { fix: "give e.g. --server http://127.0.0.1:3000" });
}

/** Keys come from the environment: on a command line others could read them. */
export function openRemote(url: string, env: NodeJS.ProcessEnv, fetch?: ConnectOptions["fetch"]): Remote {
  const apiKey = env["RLAIFV_API_KEY"];
  return { url, apiKey, client: connect(url, { apiKey, fetch: fetch ?? reachable(url) }) };
}

/** The JSON of a route that answers in several forms. */
export async function getJson({ url, apiKey }: Remote, path: string): Promise<unknown> {
  const headers: Record<string, string> = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  const response = await reachable(url)(`${url}${path}`, { headers });
  if (!response.ok) throw await serviceError(response);
  return response.json();
}

/** A server that is not there is a problem the user can mend. */
function reachable(url: string): typeof fetch {
  return async (input, init) => {
    try {
      return await fetch(input, init);
    } catch (error) {
      if (init?.signal?.aborted) throw error;
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new UserError(`${url} cannot be reached (${cause})`, {
        fix: 'check the address; "rlaifv start" starts a service on this machine',
      });
    }
  };
}
