import { shorten } from "./bad-row.ts";

/** What a URL is for: the first part of every code. The first two are named by strangers, the last leads to a benchmark's file. */
export type UrlField = "image_url" | "webhook_url" | "file_url";

export type WebProblem =
  | "malformed"
  | "not_https"
  | "credentials"
  | "port"
  | "odd_host"
  | "unknown_host"
  | "private_address"
  | "too_many_redirects"
  | "bad_status"
  | "encoded_reply"
  | "too_large"
  | "timed_out"
  | "no_connection"
  | "cut_off";

/** What to do about each; the reason beside it tells what happened. */
const FIXES: Record<WebProblem, string> = {
  malformed: "Give an absolute URL such as https://example.org/a.jpg.",
  not_https: "Give an https URL.",
  credentials: "Leave user name and password out of the URL.",
  port: "Serve it on the port of https, 443.",
  odd_host: "Write the host as a name, or its address in the usual form.",
  unknown_host: "Check the host's name.",
  private_address: "Give a URL on the public internet, or send the bytes themselves.",
  too_many_redirects: "Give the URL the redirects end at.",
  bad_status: "Check that the URL answers without a login.",
  encoded_reply: "Serve it without content-encoding, which images do not need.",
  too_large: "Scale or compress it.",
  timed_out: "Try again, or use a faster server.",
  no_connection: "Check that the server is up and its certificate valid.",
  cut_off: "Try again.",
};

/** A URL for messages: short, without user name and password. */
export function shownUrl(url: string): string {
  return shorten(url.replace(/\/\/[^/?#]*@/, "//…@"));
}

/** A URL that was refused or did not answer as it must. Never tells the addresses a name has inside this network. */
export class WebError extends Error {
  override readonly name = "WebError";
  readonly what: WebProblem;
  readonly code: `${UrlField}.${WebProblem}`;
  readonly field: UrlField;
  readonly value: string;
  readonly reason: string;
  readonly fix: string;

  constructor(what: WebProblem, [field, url]: readonly [UrlField, string], reason: string) {
    super(`${field}: ${reason}. ${FIXES[what]}`);
    this.what = what;
    this.code = `${field}.${what}`;
    this.field = field;
    this.value = shownUrl(url);
    this.reason = reason;
    this.fix = FIXES[what];
  }
}
