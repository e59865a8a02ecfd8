/** The rules for BlobStore keys, for every adapter. */

/** S3 takes 1,024 bytes; a file name takes 255. */
const LONGEST_KEY = 900;
const LONGEST_SEGMENT = 255;

/** Returns the key, or throws with the reason and the rule. */
export function checkKey(key: string): string {
  const problem = problemOf(key);
  if (problem === undefined) return key;
  throw new RangeError(
    `blob key ${JSON.stringify(key)}: ${problem}; use a relative path of letters, digits, dots, dashes, underscores and slashes, such as "runs/demo/report.json"`,
  );
}

export const isKey = (key: string): boolean => problemOf(key) === undefined;

/** A prefix is the beginning of a key: it may be empty, and may end in the middle of a name or with a slash. */
export function checkPrefix(prefix: string): string {
  if (prefix !== "") checkKey(prefix.endsWith("/") ? prefix.slice(0, -1) : prefix);
  return prefix;
}

export function unknownKey(key: string): Error {
  return new Error(`blob ${JSON.stringify(key)} does not exist`);
}

/** A folder cannot be a file at the same time; object stores could, so every adapter refuses it. */
export function keyConflict(key: string, other: string): Error {
  return new Error(
    `blob key ${JSON.stringify(key)}: clashes with ${JSON.stringify(other)}, one would be a file and a folder at once`,
  );
}

function problemOf(key: string): string | undefined {
  if (!/^[A-Za-z0-9._/-]+$/.test(key)) return key === "" ? "is empty" : "holds a character that is not allowed";
  if (key.length > LONGEST_KEY) return `is longer than ${LONGEST_KEY} characters`;
  const segments = key.split("/");
  if (segments.includes("")) return "begins or ends with a slash or has two in a row";
  if (segments.some((segment) => segment === "." || segment === "..")) return "would leave its folder";
  if (segments.some(({ length }) => length > LONGEST_SEGMENT)) return `has a part over ${LONGEST_SEGMENT} characters`;
  return undefined;
}
