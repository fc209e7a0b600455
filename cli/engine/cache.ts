import { homedir } from "node:os";
import { join } from "node:path";

/** Where compiled kernels are kept between commands: $XDG_CACHE_HOME/halfwatch, or ~/.cache/halfwatch. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { XDG_CACHE_HOME } = environment;
  // The XDG specification ignores relative paths.
  const caches = XDG_CACHE_HOME?.startsWith("/") ? XDG_CACHE_HOME : join(homedir(), ".cache");
  return join(caches, "halfwatch");
}
