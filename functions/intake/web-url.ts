/** Is this text a URL that may be called at all? Nothing is resolved or connected here. */
import { isIPv4 } from "node:net";
import { type UrlField, WebError } from "./web-error.ts";

export type UrlRules = {
  field: UrlField;
  /** Plain http too; for tests and for an operator's own network. */
  allowHttp?: boolean | undefined;
  /** Ports beside the scheme's own. */
  allowPorts?: readonly number[] | undefined;
};

const LONGEST = 2048; // our choice: as long as browsers of old took, longer than any signed URL of S3
/** URL parsers silently drop or turn these, so that two parsers may see two hosts. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const AMBIGUOUS = /[\u0000-\u0020\u007f\\]/;
const AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]+)/i;
const SCHEME = /^[a-z][a-z0-9+.-]*:/i;

function withoutPort(authority: string): string {
  return authority.replace(/:\d*$/, "");
}

/** The URL a text means, absolute or (with `base`) relative to the URL that redirected. Throws a WebError. */
export function checkUrl(text: string, rules: UrlRules, base?: URL): URL {
  const at = [rules.field, text] as const;
  if (text.length > LONGEST) throw new WebError("malformed", at, `${text.length} characters are more than ${LONGEST}`);
  if (AMBIGUOUS.test(text)) throw new WebError("malformed", at, "white space, control characters or backslashes");
  const url = URL.parse(text, base?.href);
  if (url === null) throw new WebError("malformed", at, "no absolute URL");
  const schemes = rules.allowHttp ? ["https:", "http:"] : ["https:"];
  if (!schemes.includes(url.protocol)) throw new WebError("not_https", at, `${url.protocol} is not called`);
  checkAuthority(base && !SCHEME.test(text) ? absolute(text, base) : text, url, rules);
  const ports = ["", ...(rules.allowPorts ?? []).map(String)];
  if (!ports.includes(url.port)) throw new WebError("port", at, `port ${url.port} is not called`);
  return url;
}

/** A reference without scheme: `//host/path` names a host, every other form keeps the base's. */
function absolute(text: string, base: URL): string {
  return text.startsWith("//") ? `${base.protocol}${text}` : base.href;
}

/** Compares the host as it is written with the host as it is understood. */
function checkAuthority(text: string, url: URL, { field }: UrlRules): void {
  const written = AUTHORITY.exec(text)?.[1];
  const at = [field, text] as const;
  if (written === undefined) throw new WebError("malformed", at, "no //host after the scheme");
  if (written.includes("@")) throw new WebError("credentials", at, "the URL holds a user name or password");
  if (url.hostname.endsWith(".")) throw new WebError("odd_host", at, "the host ends in a dot");
  if (isIPv4(url.hostname) && withoutPort(written) !== url.hostname) {
    throw new WebError("odd_host", at, "an address in an unusual form (decimal, octal, hexadecimal or shortened)");
  }
}
