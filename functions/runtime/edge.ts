/**
 * What the function at CloudFront's edge (stacks/api.ts) tells in headers of its own: the signature with which CloudFront
 * asks the API takes the place of the client's `Authorization`, and the connection is CloudFront's, not the client's.
 */
export const EDGE_HEADERS = { authorization: "x-rlaifv-authorization", address: "x-rlaifv-address" } as const;

/**
 * The headers of a function URL's event (names in lower case) as the client sent them: its key back in `authorization`, none
 * where it sent none, and its address alone in `x-forwarded-for`. Only for a function that nobody but the edge can call:
 * anybody else could write these headers.
 */
export function fromEdge(headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const { authorization: key, address } = EDGE_HEADERS;
  const told = { authorization: headers[key], "x-forwarded-for": headers[address] };
  const own = { ...headers, ...told, [key]: undefined, [address]: undefined };
  return Object.fromEntries(
    Object.entries(own).filter((header): header is [string, string] => header[1] !== undefined),
  );
}
