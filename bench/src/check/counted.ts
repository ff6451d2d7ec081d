// Loaded into a command before it starts (node --import …): says on SIGUSR2 what it has done since it was last asked, as JSON (Counted).
import { type Profiler, Session } from 'node:inspector'
import { GCProfiler, getHeapStatistics } from 'node:v8'
import { textRun } from './text.js'

export interface Counted {
  /** Characters of source text run: of files, and of Node itself. */
  code: number
  nodeCode: number
  /** Bytes of buffers made outside the heap; null when there was a collection, which takes some away. */
  buffers: number | null
}

const session = new Session()
session.connect()
const profiler = (method: string, parameters = {}): unknown => {
  let answer: unknown
  // On the thread that it asks, the inspector answers before post returns.
  session.post(method, parameters, (error, result) => {
    if (error !== null) throw error
    answer = result
  })
  return answer
}
profiler('Profiler.enable')
profiler('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
let collections = watchCollections()
let before = getHeapStatistics().external_memory

process.on('SIGUSR2', () => {
  const buffers = getHeapStatistics().external_memory - before
  const collected = collections.stop().statistics.length > 0
  const coverage = profiler('Profiler.takePreciseCoverage') as Profiler.TakePreciseCoverageReturnType
  const run = (isFile: boolean) =>
    coverage.result
      .filter(({ url }) => url.startsWith('file:') === isFile)
      .reduce((sum, { functions }) => sum + textRun(functions.flatMap(({ ranges }) => ranges)), 0)
  const counted: Counted = { code: run(true), nodeCode: run(false), buffers: collected ? null : buffers }
  process.stdout.write(`\ncounted ${JSON.stringify(counted)}\n`)
  // The buffers of one collection are freed beside the program, until the next one waits for that.
  globalThis.gc?.()
  globalThis.gc?.()
  collections = watchCollections()
  before = getHeapStatistics().external_memory
})

function watchCollections(): GCProfiler {
  const started = new GCProfiler()
  started.start()
  return started
}
