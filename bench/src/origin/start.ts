import { fileURLToPath } from 'node:url'
import { noPath, type Path } from '../path/path.js'
import type { Child } from '../process/child.js'
import { freePort, untilListening } from '../process/ports.js'
import type { Stage } from '../process/stage.js'

const MAIN = fileURLToPath(new URL('main.js', import.meta.url))

/** Start the app in a process of its own on the far side of a path. */
export async function startApp(path: Path): Promise<{ child: Child; port: number }> {
  const port = await freePort()
  const child = path.startFar('the app', [process.execPath, MAIN, String(port), path.farHost])
  await untilListening(child, port, path.farHost)
  return { child, port }
}

/** Start the app on this machine. Resolves to its port. */
export async function startOrigin(stage: Stage): Promise<number> {
  return (await startApp(noPath(stage))).port
}
