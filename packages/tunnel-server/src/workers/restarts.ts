/** A worker that ran for less has failed to start, or will soon fail again. In milliseconds. */
const LASTING_MS = 30_000
const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 5_000

/** How many times in a row workers have ended early, when one more has ended that ran for `ranMs`. */
export function nextFailures(failures: number, ranMs: number): number {
  return ranMs >= LASTING_MS ? 0 : failures + 1
}

/** How long to wait before the next one is started, in milliseconds: nothing after the first failure, then more and more. */
export function restartDelayMs(failures: number): number {
  return failures <= 1 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures - 2, 16))
}
