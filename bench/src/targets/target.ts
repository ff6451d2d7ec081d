import type { Address } from '../load/job.js'
import type { Path } from '../path/path.js'
import type { Child } from '../process/child.js'
import type { Stage } from '../process/stage.js'

/** One way for visitors to reach the app: the app itself, a proxy, or a tunnel. */
export interface Target {
  readonly name: string
  /** There can't be two of it at once on a machine. */
  readonly alone?: boolean
  /** Names of workloads that it is known not to carry. */
  readonly unable?: string[]
  /** Looks for what it needs. Resolves to why it can't run here, or undefined. */
  missing(): Promise<string | undefined>
  /** Resolves once a visitor gets the app's answer. */
  start(setting: Setting): Promise<Running>
}

/** Where a target is put, and what a workload changes about it. */
export interface Setting {
  stage: Stage
  /** Between the server and its agent. */
  path: Path
  /** Of the app, on the far side of the path. */
  originPort: number
  /** Arguments that the server of this repository gets on top. */
  serverArgs?: string[]
  /** Arguments that node gets in front of the commands of this repository. */
  nodeArgs?: string[]
  /** Where programs on Node leave their CPU profiles; undefined without --profile. */
  profileDir: string | undefined
}

export interface Running {
  /** For visitors. */
  address: Address
  /** What it consists of; the app is not among them. */
  parts: Part[]
  /** From the start of the client's command to the app's first answer; undefined where there is no client. */
  firstAnswerMs: number | undefined
  stop(): Promise<void>
}

export interface Part {
  role: 'proxy' | 'server' | 'agent'
  child: Child
}
