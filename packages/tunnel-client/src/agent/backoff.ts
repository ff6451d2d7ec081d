const FIRST_MS = 250
const MAX_MS = 15_000

/**
 * Delay before attempt number `failures` (0: the one right after a link was lost), in milliseconds. Doubles up to 15 s;
 * the upper half is random, so that the agents of a server that restarts do not come back in step.
 */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  if (failures === 0) return 0
  const ceiling = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(failures - 1, 16))
  return Math.round(ceiling / 2 + (ceiling / 2) * random())
}
