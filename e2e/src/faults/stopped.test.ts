import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { World } from '../support/world.js'
import { Load, ROOM, startApp } from './load.js'

const MIB = 2 ** 20
const BYTES = 256 * MIB
/** Less than the ping interval and deadline together: nobody may give the link up. */
const STOPPED_MS = 20_000

test('an agent that is stopped for 20 seconds under load and goes on: visitors see a pause', async (t) => {
  await using world = await World.start({ args: ROOM })
  const agent = await world.agent('demo', await startApp(world))
  const load = await Load.start(world, 'demo', BYTES)
  load.allow(BYTES / 2)
  await load.reaches(BYTES / 4)
  load.checkUnderWay()
  agent.kill('SIGSTOP')
  await sleep(STOPPED_MS)
  load.checkUnderWay()
  agent.kill('SIGCONT')
  t.diagnostic(await load.finish())
  assert.ok(agent.running && world.server.running)
})
