import { freePort, untilListening } from '../process/ports.js'
import type { Stage } from '../process/stage.js'

/** Start the app in a process of its own. Resolves to its port. */
export async function startOrigin(stage: Stage): Promise<number> {
  const port = await freePort()
  await untilListening(stage.startScript('the app', 'origin/main.js', [String(port)]), port)
  return port
}
