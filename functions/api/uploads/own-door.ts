/** Uploads through a URL of the service itself. */
import { sha256Hex } from "../../../shared/ids.ts";
import type { Uploads } from "../../../shared/ports/uploads.ts";
import { base64url, secureBytes } from "../keys/new-key.ts";

/** The URL holds a token of 256 random bits: who knows it may send the bytes, as with a presigned one. */
export function ownDoor(straightBytes?: number): Uploads {
  return {
    straightBytes,
    origin: async () => undefined,
    async permit({ uploadId, bytes }) {
      const token = base64url(secureBytes(32));
      return {
        url: `/v1/uploads/${uploadId}?token=${token}`,
        headers: { "content-length": `${bytes}` },
        tokenHash: sha256Hex(token),
      };
    },
  };
}
