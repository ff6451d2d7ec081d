import type { Tally } from './scene.js'

/** Do `work` `count` times, `atOnce` at a time, and count what came of it. */
export async function crowd(count: number, atOnce: number, work: (index: number) => Promise<string>): Promise<Tally> {
  const outcomes: string[] = []
  let next = 0
  const one = async () => {
    while (next < count) outcomes.push(await work(next++))
  }
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, one))
  return tally(outcomes)
}

export function tally(outcomes: string[]): Tally {
  const counts: Tally = {}
  for (const outcome of [...outcomes].sort()) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}
