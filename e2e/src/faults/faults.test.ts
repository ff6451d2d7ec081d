import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cutter } from '../support/cutter.js'
import { World } from '../support/world.js'
import { schedule } from './faults.js'
import { Load, ROOM, startApp } from './load.js'

const MIB = 2 ** 20
const BYTES = 1_024 * MIB
const FAULTS = 100
/** Of each transfer, between two faults. */
const STEP_BYTES = BYTES / (FAULTS + 2)
/** So far may one transfer be ahead of the other, so that both are under way at each fault. */
const LEAD_STEPS = 4
/** A link that is half open is noticed soon. */
const PATIENCE = ['--ping-interval', '300ms', '--ping-deadline', '700ms']

test('a hundred faults of the line during 1 GiB down, 1 GiB up, 50 WebSockets and 200 requests a second: visitors see pauses', async (t) => {
  await using world = await World.start({ args: [...PATIENCE, ...ROOM] })
  const cutter = await Cutter.start(world)
  const agent = await world.agent('demo', await startApp(world), { args: PATIENCE, env: { TUNNEL_SERVER: cutter.url } })
  const load = await Load.start(world, 'demo', BYTES)
  let step = 0
  for (const [what, fault] of schedule(FAULTS)) {
    load.allow(Math.min(step + LEAD_STEPS, FAULTS + 1) * STEP_BYTES)
    await load.reaches(++step * STEP_BYTES)
    load.checkUnderWay()
    await fault(cutter).catch((error: Error) => assert.fail(`${what}: ${error.message}`))
  }
  load.checkUnderWay()
  t.diagnostic(`${step} faults, ${cutter.count} connections; ${await load.finish()}`)
  assert.ok(agent.running && world.server.running)
  assert.equal(world.server.output.split('tunnel open').length - 1, 1, 'each new link resumed the session')
})
