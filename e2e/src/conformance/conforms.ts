import { after, before, test } from 'node:test'
import { World } from '../support/world.js'
import type { Step } from './play.js'
import { type Route, Stage } from './stage.js'

/** What has to happen in the same way with the tunnel and without. */
export type Case = [name: string, steps: Step[]]

/** Where the tunnel is not like a direct connection: what happens with each. */
export interface Difference {
  /** The entry in docs/protocol.md, "Differences from a direct connection". */
  entry: string
  name: string
  /** Left out where no app would do anything sensible. */
  direct?: Step[]
  tunnel: Step[]
}

let stages: Record<Route, Stage>
let world: World

before(async () => {
  world = await World.start()
  stages = await Stage.both(world)
})
after(() => world[Symbol.asyncDispose]())

/** Each case twice, the app being the same: the visitor is connected to it, or comes through the tunnel. */
export function conforms(cases: Case[]): void {
  for (const [name, steps] of cases) {
    for (const route of ['direct', 'tunnel'] as const) test(`${route}: ${name}`, () => stages[route].perform(steps))
  }
}

export function differs(cases: Difference[]): void {
  for (const { entry, name, direct, tunnel } of cases) {
    if (direct !== undefined) test(`direct: ${entry}: ${name}`, () => stages.direct.perform(direct, true))
    test(`tunnel: ${entry}: ${name}`, () => stages.tunnel.perform(tunnel, true))
  }
}

/** What only a tunnel does. */
export function tunnels(cases: Case[]): void {
  for (const [name, steps] of cases) test(`tunnel: ${name}`, () => stages.tunnel.perform(steps, true))
}
