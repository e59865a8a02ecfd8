/** Who needs no key: the user of the machine, on a server that listens on this machine only. */

/** What a request says of its origin; header values as they came. */
export type Arrival = {
  remoteAddress: string | undefined;
  host: string | undefined;
  origin: string | undefined;
  /** `Sec-Fetch-Site`, which browsers set and pages cannot. */
  fetchSite: string | undefined;
};

const LOOPBACK_NAMES = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** A host to listen on that no other machine can reach. */
export function isLoopbackHost(host: string): boolean {
  return host === "::1" || host === "localhost" || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Whether a request comes from a program or page of this machine's user, and not from some website in their browser: such
 * a page would send its own `Origin` (forged requests), or arrive under its own name in `Host` (DNS rebinding).
 */
export function fromOwnMachine({ remoteAddress, host, origin, fetchSite }: Arrival): boolean {
  if (remoteAddress === undefined || host === undefined) return false;
  if (!isLoopbackHost(remoteAddress.replace(/^::ffff:/i, ""))) return false;
  if (!LOOPBACK_NAMES.has(host.toLowerCase().replace(/:\d+$/, ""))) return false;
  if (origin !== undefined && origin !== `http://${host}`) return false;
  return fetchSite === undefined || fetchSite === "same-origin" || fetchSite === "none";
}
