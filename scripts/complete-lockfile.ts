/**
 * npm leaves the packages of platforms it cannot resolve out of the lock file, and `npm ci` then finds it incomplete.
 * This adds every optional package that a parent pins exactly. Run it after each change of dependencies: npm run lock.
 */
import { readFileSync, writeFileSync } from "node:fs";

type LockedPackage = {
  version?: string;
  optionalDependencies?: Record<string, string>;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
};
export type LockFile = { packages: Record<string, LockedPackage> };

const SYSTEMS = ["android", "darwin", "linux", "win32", "freebsd", "openbsd", "netbsd", "sunos", "aix", "openharmony"];
const PROCESSORS = ["arm64", "x64", "ia32", "arm", "ppc64", "s390x", "riscv64", "loong64", "mips64el"];

/** Optional packages that a parent names with an exact version and the lock does not have: `[path, parent's path, version]`. */
export function missingPackages({ packages }: LockFile): { path: string; parent: string; version: string }[] {
  return Object.entries(packages).flatMap(([parent, { optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(([, version]) => /^\d/.test(version))
      .map(([name, version]) => ({ path: `node_modules/${name}`, parent, version }))
      .filter(({ path }) => !(path in packages) && !(`${parent}/${path}` in packages)),
  );
}

/** The lock with those packages in it, in npm's order. */
export function completed(lock: LockFile): LockFile {
  const added = missingPackages(lock).map(({ path, parent, version }): [string, LockedPackage] => {
    const words = path.replace("linuxmusl", "linux-musl").split(/[-/]/);
    const os = SYSTEMS.filter((name) => words.includes(name));
    const cpu = PROCESSORS.filter((name) => words.includes(name));
    const dev = lock.packages[parent]?.dev === true ? { dev: true } : {};
    return [path, { version, ...(cpu.length > 0 && { cpu }), ...dev, optional: true, ...(os.length > 0 && { os }) }];
  });
  const sorted = Object.entries({ ...lock.packages, ...Object.fromEntries(added) }).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return { ...lock, packages: Object.fromEntries(sorted) };
}

if (import.meta.main) {
  const file = new URL("../package-lock.json", import.meta.url);
  const lock = JSON.parse(readFileSync(file, "utf8")) as LockFile;
  const missing = missingPackages(lock);
  if (missing.length > 0) writeFileSync(file, `${JSON.stringify(completed(lock), null, 2)}\n`);
  console.log(`${missing.length} packages added to package-lock.json`);
}
