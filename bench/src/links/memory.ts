import type { Child } from '../process/child.js'
import { untilTrue } from '../process/ports.js'
import { memoryBytes } from '../process/usage.js'

/** What follows `node` to start a command that tells of its heap. */
export const TELLING = ['--expose-gc', '--import', new URL('heap.js', import.meta.url).href]

/** What a process holds, in bytes. */
export interface Held {
  resident: number
  /** Of its heap, when all dead things are gone. Buffers lie outside: how many are on their way is another matter at each look. */
  heap: number
}

/** Of a process that was started with TELLING. */
export async function heldBy(child: Child): Promise<Held> {
  const told = () => [...child.stdout.matchAll(/^heap (\d+)$/gm)].map(([, bytes]) => Number(bytes))
  const before = told().length
  child.signal('SIGUSR2')
  await untilTrue(child, 'tell of its heap', async () => told().length > before)
  return { resident: memoryBytes(child.pid, 'VmRSS'), heap: told().at(-1)! }
}
