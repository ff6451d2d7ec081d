import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { TunnelError } from 'tunnel-protocol'
import { settle } from 'tunnel-protocol/testing'
import { MemoryServer } from '../testing/memory-server.js'
import { AgentLinks } from './agent-links.js'

/** An agent on several links; the test accepts every attempt unless it says otherwise. */
function world(t: TestContext, links: number | undefined) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_000_000 })
  const server = new MemoryServer()
  const heard: string[] = []
  const agent = new AgentLinks(
    {
      server: 'http://server.test',
      name: 'demo',
      token: undefined,
      software: 'test',
      pingIntervalMs: 15_000,
      pingDeadlineMs: 10_000,
      force: true,
      pool: false,
      rules: undefined,
      links,
      claims: { get: () => undefined, set() {} },
      openLink: server.openLink,
      readInterfaces: () => ({}),
    },
    {
      onOnline: (_, session) => heard.push(`online ${session}`),
      onOffline: (error) => heard.push(`offline ${error.code}`),
      onStopped: (error) => heard.push(`stopped ${error?.code ?? 'in order'}`),
      onStream: () => {
        throw new TunnelError('TUN_ERR_INTERNAL', 'no visitors here')
      },
    },
  )
  let accepted = 0
  const acceptAll = async () => {
    await settle()
    while (accepted < server.dials.length) {
      server.dials[accepted++]!.accept()
      await settle()
    }
  }
  return { server, heard, agent, acceptAll }
}

type World = ReturnType<typeof world>

async function online(t: TestContext, links: number | undefined): Promise<World> {
  const here = world(t, links)
  here.agent.start()
  await here.acceptAll()
  return here
}

const hellos = ({ server }: World) =>
  server.served.map(({ controls }) => controls.find(({ type }) => type === 'hello') as Record<string, unknown>)

test('the first link gets the name, the others join it, and it is online once', async (t) => {
  const here = await online(t, 3)
  const all = hellos(here)
  assert.deepEqual(
    all.map(({ link }) => link),
    [0, 1, 2],
  )
  assert.equal(new Set(all.map(({ instance }) => instance)).size, 1)
  const binds = all.map(({ binds }) => (binds as Array<Record<string, unknown>>)[0]!)
  assert.deepEqual(
    binds.map(({ claim, force }) => [claim, force]),
    [
      [undefined, true],
      ['claim 1', false],
      ['claim 2', false],
    ],
  )
  assert.deepEqual(here.heard, ['online 1'])
  here.server.served[1]!.link.destroy()
  t.mock.timers.tick(1)
  await here.acceptAll()
  assert.deepEqual(
    here.server.dials.map(({ query }) => query),
    ['', '?session=1&link=1', '?session=1&link=2', '?session=2'],
    'the server is told what each link is for',
  )
})

const counts: Array<[given: number | undefined, asked: number | undefined, expected: number]> = [
  [undefined, undefined, 1],
  [undefined, 0, 1],
  [undefined, 2, 2],
  [undefined, 1_000, 8],
  [1, 4, 1],
  [5, 4, 5],
]
for (const [given, asked, expected] of counts) {
  test(`told ${given ?? 'nothing'}, and asked by its server for ${asked ?? 'nothing'}, it has ${expected}`, async (t) => {
    const here = world(t, given)
    here.server.links = asked
    here.agent.start()
    await here.acceptAll()
    assert.equal(here.server.served.length, expected)
  })
}

test('it is offline when the last link is lost, and online with the first that is back', async (t) => {
  const { server, heard, acceptAll } = await online(t, 3)
  for (const { link } of server.served.slice(0, 2)) link.destroy()
  await settle()
  assert.deepEqual(heard, ['online 1'])
  server.served[2]!.link.destroy()
  assert.deepEqual(heard, ['online 1', 'offline TUN_ERR_SESSION_CLOSED'])
  t.mock.timers.tick(1)
  await settle()
  for (const dial of server.dials.slice(3)) dial.fail(new TunnelError('TUN_ERR_CONNECT', 'as the test wants'))
  assert.equal(heard.length, 3, 'the attempts of one link are told')
  t.mock.timers.tick(1_000)
  await acceptAll()
  assert.equal(heard.length, 4)
  assert.match(heard[3]!, /^online/)
})

test('leaving is one goodbye on each link', async (t) => {
  const { server, heard, agent } = await online(t, 3)
  const stopped = agent.stop(1_000)
  await settle()
  await stopped
  for (const { controls, closed } of server.served) {
    assert.equal(controls.at(-1)?.type, 'leave')
    assert.ok(closed !== undefined)
  }
  assert.deepEqual(heard, ['online 1', 'stopped in order'])
})

test('who is refused on one link leaves on all, for that reason, once', async (t) => {
  const { server, heard } = await online(t, 3)
  const error = new TunnelError('TUN_ERR_UNAUTHORIZED', 'the token is gone')
  server.served[1]!.session.close(error)
  await settle()
  for (const { closed } of server.served) assert.ok(closed !== undefined)
  assert.deepEqual(heard, ['online 1', 'stopped TUN_ERR_UNAUTHORIZED'])
})

test('when all are refused at once, that is told once', async (t) => {
  const { server, heard } = await online(t, 2)
  for (const { session } of server.served) session.close(new TunnelError('TUN_ERR_UNAUTHORIZED', 'the token is gone'))
  await settle()
  assert.deepEqual(heard, ['online 1', 'stopped TUN_ERR_UNAUTHORIZED'])
})
