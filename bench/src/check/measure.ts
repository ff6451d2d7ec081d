import { noPath } from '../path/path.js'
import type { Stage } from '../process/stage.js'
import { tell } from '../process/tell.js'
import { readsAndWrites } from '../process/usage.js'
import { ours } from '../targets/ours.js'
import type { Part, Running, Setting } from '../targets/target.js'
import type { Counted } from './counted.js'
import { cpuRatio } from './cpu.js'
import { type Figures, figureName, type Kind } from './figures.js'
import { reference } from './reference.js'
import { get, type Traffic } from './traffic.js'

const ALLOCATING = ['--import', new URL('allocated.js', import.meta.url).href]
/**
 * Compilers leave out calls that they have put into the caller. And buffers are counted from one collection to the next one that is asked for, so that there must
 * be none in between: the young generation has 64 MiB.
 */
const COUNTING = [
  ...['--no-opt', '--no-maglev', '--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'],
  ...['--import', new URL('counted.js', import.meta.url).href],
]

/** Counts vary less than costs, and processes that count are slow. */
const COUNTING_SHARE = 3

/** What one look at a process says per unit; undefined or NaN for what it could not see. */
type Look = Partial<Record<Kind, number | undefined>>

export interface Measurement {
  stage: Stage
  originPort: number
  traffics: Traffic[]
  /** More arguments for node, in front of the commands. */
  nodeArgs?: string[]
  cpu: boolean
}

/** All figures, of processes of their own. The least of several looks counts, for what disturbs a look only adds to it. Figures that can't be had here are not among them. */
export async function measure({ stage, originPort, traffics, nodeArgs = [], cpu }: Measurement): Promise<Figures> {
  const setting: Setting = { stage, originPort, path: noPath(stage), profileDir: undefined }
  const figures: Figures = {}
  const run = async (args: string[], work: (running: Running) => Promise<void>) => {
    const running = await ours.start({ ...setting, nodeArgs: [...args, ...nodeArgs] })
    try {
      await work(running)
    } finally {
      await running.stop()
    }
  }
  await run(ALLOCATING, async (running) => {
    for (const traffic of traffics) {
      await traffic.carry(running.address, traffic.warmUp)
      Object.assign(figures, await leastOf(running, traffic, traffic.batch, traffic.looks, lookAtCosts))
    }
  })
  await run(COUNTING, async (running) => {
    for (const traffic of traffics) {
      const { countedBatch, looks } = traffic
      await traffic.carry(running.address, countedBatch)
      Object.assign(
        figures,
        await leastOf(running, traffic, countedBatch, Math.ceil(looks / COUNTING_SHARE), lookAtCounts),
      )
    }
  })
  if (!cpu) return figures
  await run([], async (running) => {
    const relay = await reference.start(setting)
    const ratio = await cpuRatio(running, relay)
    await relay.stop()
    if (ratio !== undefined) figures[figureName(get.name, 'both', 'cpu')] = ratio
  })
  return figures
}

/** Begins a look at a process; what it resolves to ends it. */
type Observer = (part: Part) => Promise<() => Promise<Look>>

async function leastOf(
  running: Running,
  traffic: Traffic,
  batch: number,
  looks: number,
  observe: Observer,
): Promise<Figures> {
  const least: Figures = {}
  for (let look = 0; look < looks; look++) {
    const ends: Array<() => Promise<Look>> = []
    for (const part of running.parts) ends.push(await observe(part))
    await traffic.carry(running.address, batch)
    for (const [index, { role }] of running.parts.entries()) {
      for (const [kind, seen] of Object.entries(await ends[index]!())) {
        if (seen === undefined || Number.isNaN(seen)) continue
        const name = figureName(traffic.name, role, kind as Kind)
        least[name] = Math.min(least[name] ?? Number.POSITIVE_INFINITY, seen / batch)
      }
    }
  }
  return least
}

async function lookAtCosts({ child }: Part): Promise<() => Promise<Look>> {
  await tell(child, 'allocated')
  const before = readsAndWrites(child.pid)
  return async () => {
    const after = readsAndWrites(child.pid)
    const allocated = Number(await tell(child, 'allocated'))
    return { allocated, reads: after.reads - before.reads, writes: after.writes - before.writes }
  }
}

async function lookAtCounts({ child }: Part): Promise<() => Promise<Look>> {
  await tell(child, 'counted')
  return async () => {
    const { code, nodeCode, buffers } = JSON.parse(await tell(child, 'counted')) as Counted
    return { code, nodeCode, buffers: buffers ?? undefined }
  }
}
