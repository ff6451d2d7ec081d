// Loaded into a command before it starts (node --expose-gc --import …): says on SIGUSR2 what its heap holds when all dead things are gone.
process.on('SIGUSR2', () => {
  globalThis.gc?.()
  process.stdout.write(`\nheap ${process.memoryUsage().heapUsed}\n`)
})
