import { setTimeout as sleep } from 'node:timers/promises'
import type { Answers } from '../load/job.js'
import type { Loads } from '../load/run-load.js'
import { forgetPeak, memoryBytes, openFiles } from '../process/usage.js'
import type { Arena } from './arena.js'
import type { Attack, Tally } from './scene.js'

/** Requests of the bystander's visitors run over so many connections, each as soon as the last one is answered. */
export const BYSTANDERS = 4
/** After an attack, files and memory get so long to come back. */
const RECOVERY_MS = 10_000
const LOOK_EVERY_MS = 100

/** What one attack did. Memory in bytes, of the server. */
export interface Outcome {
  attack: Attack
  count: number
  tally: Tally
  seconds: number
  bystander: { before: Answers; during: Answers; after: Answers }
  memory: { before: number; peak: number; after: number }
  files: { before: number; peak: number; after: number }
  /** The same process runs, and serves the tunnel that was attacked. */
  survived: boolean
}

/** Run one attack and look at everybody else before, during and after it. `holdSeconds`: how long what it builds up stands. */
export async function measure(
  attack: Attack,
  count: number,
  arena: Arena,
  loads: Loads,
  holdSeconds: number,
): Promise<Outcome> {
  const { pid } = arena.server
  const job = { ...arena.bystander, path: '/1k', connections: BYSTANDERS }
  const look = () => loads.steady(job)
  const whileSleeping = async (seconds: number) => {
    const stop = await look()
    await sleep(seconds * 1_000)
    return stop()
  }

  await whileSleeping(1) // compilers and pools are warm from here on
  const before = await whileSleeping(holdSeconds)
  const memory = { before: memoryBytes(pid, 'VmRSS'), peak: 0, after: 0 }
  const files = { before: openFiles(pid), peak: 0, after: 0 }
  forgetPeak(pid)
  const counting = setInterval(() => {
    files.peak = Math.max(files.peak, openFiles(pid))
  }, LOOK_EVERY_MS)

  const stop = await look()
  const startedAt = performance.now()
  const tally = await attack.run(
    {
      port: arena.port,
      victim: arena.victim.host,
      async tunnel(name, appPort) {
        await arena.agent(name, appPort)
        return `${name}.localhost`
      },
      hold: () => sleep(holdSeconds * 1_000),
    },
    count,
  )
  const seconds = (performance.now() - startedAt) / 1_000
  const during = await stop()
  clearInterval(counting)
  memory.peak = memoryBytes(pid, 'VmHWM')

  const after = await whileSleeping(holdSeconds)
  await sleep(RECOVERY_MS - holdSeconds * 1_000)
  memory.after = memoryBytes(pid, 'VmRSS')
  files.after = openFiles(pid)
  const survived = arena.server.running && (await arena.servesVictim())
  return { attack, count, tally, seconds, bystander: { before, during, after }, memory, files, survived }
}

/** Why it counts as lost; undefined for an attack that nobody else noticed. */
export function defeat({ bystander: { before, during, after }, survived }: Outcome): string | undefined {
  if (!survived) return 'the server does not serve the tunnel that was attacked any more'
  const failed = before.errors + during.errors + after.errors
  if (failed > 0) return `${failed} requests to the other tunnel failed`
  return during.count === 0 ? 'the other tunnel got no answer while the attack lasted' : undefined
}
