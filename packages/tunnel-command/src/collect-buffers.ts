import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collect = (options: { type: 'minor' }) => void

let collect: Collect | undefined

/**
 * Collect the young generation now: some tenths of a millisecond. What buffers for bulk data leave behind is seen by V8 only as memory outside its heap, which it
 * answers with collecting all of the heap, five milliseconds and more each time. See docs/decisions/018.
 */
export function collectYoungGeneration(): void {
  collect ??= exposedCollector()
  collect({ type: 'minor' })
}

/** A context of its own has `gc` as a global while the flag is set; ours stays as it is. */
function exposedCollector(): Collect {
  setFlagsFromString('--expose-gc')
  const exposed = runInNewContext('gc') as Collect
  setFlagsFromString('--no-expose-gc')
  return exposed
}
