/** What may be written: `sha256` is 64 hex digits, of the bytes to come; `seconds` is how long the URL lives. */
export type UploadTarget = { uploadId: string; key: string; bytes: number; sha256: string; seconds: number };

/** `url`: relative where it is the service's own. `tokenHash`: of the secret in such a URL, as SHA-256 in hex. */
export type UploadPermit = { url: string; headers: Record<string, string>; tokenHash?: string };

/** A way for large bodies around what stands before the service. */
export interface Uploads {
  /** Longer bodies do not come through to the service; `undefined`: all of them do. */
  readonly straightBytes: number | undefined;
  /** Where its URLs lead, if not to the service itself: pages must be allowed to send there. E.g. `https://b.s3.amazonaws.com`. */
  origin(): Promise<string | undefined>;
  /** A URL for one PUT of exactly these bytes to the key, and the headers that go with it. */
  permit(target: UploadTarget): Promise<UploadPermit>;
}
