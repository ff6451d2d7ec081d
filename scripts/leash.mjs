// Loaded into every program that start.mjs starts (node --import). The channel to the parent closes whenever the parent
// goes, even when it was killed and could not clean up: then this process leaves too.
const PATIENCE_MS = 5_000

if (process.channel) {
  process.once('disconnect', () => {
    process.kill(process.pid, 'SIGTERM')
    setTimeout(() => process.exit(1), PATIENCE_MS).unref()
  })
  process.channel.unref()
}
