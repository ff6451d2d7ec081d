import type { Loads } from '../load/run-load.js'
import type { Path } from '../path/path.js'
import type { Stage } from '../process/stage.js'
import type { Running } from '../targets/target.js'

/** One kind of traffic and the figures that it yields. */
export interface Workload {
  /** For --only. */
  name: string
  title: string
  metrics: Metric[]
  /** Once on one target. A figure that this target can't have is left out. */
  measure(context: Context): Promise<Sample>
  /** Whether to run it once more beforehand, unmeasured, so that compilers and pools are warm. */
  warmUp: boolean
  /** At most so many rounds, for what takes long and hardly varies. */
  maxRounds?: number
  /** Starts fresh instances beside the running ones. */
  fresh?: boolean
  /** Takes long: --quick does without it unless it is named. */
  long?: boolean
  /** Names of the targets that it is measured on; all unless given. */
  targets?: string[]
  /** What it puts between servers and agents; nothing unless given. Resolves to why that can't be had here. */
  path?(stage: Stage): Promise<Path | string>
  /** What its CPU time and system calls are counted per; the sample then has their number as `units`. */
  unit?: 'request' | 'round trip' | 'GiB'
}

export interface Metric {
  key: string
  label: string
  unit: string
}

/** Figures by the key of their metric, and `units`. */
export type Sample = Record<string, number>

export interface Context {
  running: Running
  loads: Loads
  /** Between servers and agents. */
  path: Path
  /** Of the app, on the far side of the path. */
  originPort: number
  plan: Plan
  /** Another instance of the same target, for what changes it for good. The caller stops it. */
  startFresh(serverArgs?: string[]): Promise<Running>
}

/** How much of everything. */
export interface Plan {
  /** Of one measurement by time. */
  seconds: number
  /** Of one measurement by bytes. */
  bytes: number
}
