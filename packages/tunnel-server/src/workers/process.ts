// What a worker is started with, by the main process.
import 'tunnel-command/memory'

const { runWorker } = await import('./worker.js')
runWorker()
