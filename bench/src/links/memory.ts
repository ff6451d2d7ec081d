import type { Child } from '../process/child.js'
import { tell } from '../process/tell.js'
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
  const heap = Number(await tell(child, 'heap'))
  return { resident: memoryBytes(child.pid, 'VmRSS'), heap }
}
