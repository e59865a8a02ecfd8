/** Which addresses a server may call for a stranger: public unicast ones, and what the operator names. */
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** The only IPv6 block that IANA gives out for the public internet; all that embeds IPv4 or is special lies outside or below. */
const PUBLIC_IPV6 = ipaddr.IPv6.parseCIDR("2000::/3");
/** Azure serves its virtual machines here: a public number that is not on the internet (its docs: "What is IP address 168.63.129.16?"). */
const CLOUD_HOSTS = new Set(["168.63.129.16"]);

/** Words for the ranges of ipaddr.js that people meet; the others are called by their own name. */
const RANGE_WORDS: Record<string, string> = {
  carrierGradeNat: "carrier-grade NAT",
  linkLocal: "link-local",
  uniqueLocal: "private",
  ipv4Mapped: "IPv4 inside IPv6",
  rfc6052: "NAT64",
  rfc6145: "NAT64",
};

/** Ranges as `10.1.0.0/16`. Throws a RangeError for a text that is none. */
function contains(range: string, address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  if (!ipaddr.isValidCIDR(range)) throw new RangeError(`allowRanges: ${range} is no range such as 10.1.0.0/16`);
  const [network, bits] = ipaddr.parseCIDR(range);
  return (
    network.kind() === address.kind() && address.match([network, bits] as [ipaddr.IPv4, number] & [ipaddr.IPv6, number])
  );
}

/**
 * Why this address must not be called, in words, or undefined. IPv4 within IPv6 (mapped, NAT64, 6to4, Teredo) is refused
 * whatever it holds: no public name has such an address.
 * @param allowRanges CIDR ranges that are fine although not public
 */
export function unsafeAddress(text: string, allowRanges: readonly string[] = []): string | undefined {
  if (isIP(text) === 0) return "no address";
  const address = ipaddr.parse(text);
  if (allowRanges.some((range) => contains(range, address))) return undefined;
  if (CLOUD_HOSTS.has(address.toString())) return "cloud metadata";
  const range = address.range();
  if (range !== "unicast") return RANGE_WORDS[range] ?? range;
  if (address.kind() === "ipv6" && !(address as ipaddr.IPv6).match(PUBLIC_IPV6)) return "reserved";
  return undefined;
}
