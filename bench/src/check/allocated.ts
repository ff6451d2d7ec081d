// Loaded into a command before it starts (node --import …): says on SIGUSR2 how many bytes it has allocated on its heap since it was last asked.
import { GCProfiler, getHeapStatistics } from 'node:v8'

let profiler = startProfiler()
let before = getHeapStatistics().used_heap_size

process.on('SIGUSR2', () => {
  const used = getHeapStatistics().used_heap_size
  let allocated = used - before
  // Collections take away from what is used: whatever they freed was allocated too.
  for (const { beforeGC, afterGC } of profiler.stop().statistics) {
    allocated += beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize
  }
  process.stdout.write(`\nallocated ${allocated}\n`)
  before = getHeapStatistics().used_heap_size
  profiler = startProfiler()
})

function startProfiler(): GCProfiler {
  const started = new GCProfiler()
  started.start()
  return started
}
