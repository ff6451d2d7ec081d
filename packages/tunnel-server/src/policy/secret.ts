import { timingSafeEqual } from 'node:crypto'

/** Compares in a time that tells nothing of where the two differ. Only the length may show. */
export function isSecret(expected: string, given: string | undefined): boolean {
  const [ours, theirs] = [Buffer.from(expected), Buffer.from(given ?? '')]
  return ours.length === theirs.length && timingSafeEqual(ours, theirs)
}
