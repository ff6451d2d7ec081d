import type { World } from '../support/world.js'

/** What a suite said of one of its cases. */
export interface Verdict {
  passed: boolean
  /** How: what the suite said, or what came instead of the expected. The same words both ways mean the same outcome. */
  words: string
}

/** One run of a suite: its cases by name. */
export type Score = Map<string, Verdict>

/** Where a suite finds the app: directly, or through the tunnel. */
export interface Place {
  /** On 127.0.0.1. */
  port: number
  /** Empty; for what the suite writes. */
  folder: string
}

/** A suite that is there and can be run, any number of times. */
export interface Ready {
  /** Starts the app that the suite wants to see. Returns its port. */
  startApp(world: World): Promise<number>
  run(place: Place): Promise<Score>
}

/** A suite that others wrote and that comes from a registry. */
export interface Suite {
  name: string
  version: string
  /** The host that its requests name, as `<name>.<domain>`. Most take it from the URL they are given: 127.0.0.1. */
  host?: [name: string, domain: string]
  /** Fetches it unless it is there already. Resolves to why it can't be had, where it can't. */
  obtain(choice: Choice): Promise<Ready | string>
  /** Cases that pass directly and not through the tunnel, and why that is right. */
  known?: Array<[cases: RegExp, why: string]>
}

/** What whoever runs the suites may choose. */
export interface Choice {
  /** Cases that take long, too. */
  full: boolean
  /** The path of `http_test.ts` of h1spec, which no registry has. */
  h1spec: string | undefined
}
