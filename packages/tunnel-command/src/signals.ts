import { constants } from 'node:os'

type StopSignal = 'SIGINT' | 'SIGTERM'

/**
 * The first SIGINT or SIGTERM runs `stop`, after which the process exits with 0; a second one ends it at once with 128 plus
 * the signal's number.
 */
export function stopOnSignals(stop: (signal: StopSignal) => Promise<void>): void {
  let stopping = false
  const onSignal = (signal: StopSignal) => {
    if (stopping) process.exit(128 + constants.signals[signal])
    stopping = true
    stop(signal).then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`)
        process.exit(70)
      },
    )
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
}
