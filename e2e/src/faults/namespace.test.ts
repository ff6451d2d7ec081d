import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { World } from '../support/world.js'
import { Load, ROOM, startApp } from './load.js'
import { missing, Namespace } from './namespace.js'

const MIB = 2 ** 20
const BYTES = 256 * MIB
/** Times without a network, in milliseconds. */
const OUTAGES = [1_000, 3_000, 1_500, 2_000]
const STEP_BYTES = BYTES / (OUTAGES.length + 3)
const PATIENCE = ['--ping-interval', '500ms', '--ping-deadline', '1s']

const skip = missing() ?? false
test('an agent whose network goes down and comes back, once with another address: visitors see pauses', {
  skip,
}, async (t) => {
  using namespace = new Namespace()
  const { launcher, hostAddress } = namespace
  await using world = await World.start({ args: ['--host', `127.0.0.1,${hostAddress}`, ...PATIENCE, ...ROOM] })
  const agent = await world.agent('demo', await startApp(world, launcher), {
    args: [...PATIENCE, '--local-host', '127.0.0.1'],
    env: { TUNNEL_SERVER: `http://${hostAddress}:${world.port}` },
    launcher,
  })
  const load = await Load.start(world, 'demo', BYTES)
  let step = 0
  const reachNext = async () => {
    load.allow((step + 2) * STEP_BYTES)
    await load.reaches(++step * STEP_BYTES)
    load.checkUnderWay()
  }
  for (const ms of OUTAGES) {
    await reachNext()
    namespace.down()
    await sleep(ms)
    namespace.up()
  }
  await reachNext()
  namespace.move()
  t.diagnostic(`${OUTAGES.length} outages and another address; ${await load.finish()}`)
  assert.ok(agent.running && world.server.running)
  assert.match(world.server.output, /agent is back/)
  assert.equal(world.server.output.split('tunnel open').length - 1, 1, 'the session went on')
})
