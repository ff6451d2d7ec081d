import assert from 'node:assert/strict'
import type { NetworkInterfaceInfo } from 'node:os'
import { type TestContext, test } from 'node:test'
import { type ErrorCode, FrameType, type Stream, TunnelError } from 'tunnel-protocol'
import { framesIn, RecordingHandler, settle } from 'tunnel-protocol/testing'
import { MemoryServer, type Served } from '../testing/memory-server.js'
import { Agent } from './agent.js'

const HEAD = 'GET / HTTP/1.1\r\nHost: demo\r\n'
const OK = 'HTTP/1.1 200 OK\r\n'
const lost = (code: ErrorCode = 'TUN_ERR_CONNECT') => new TunnelError(code, 'as the test wants')

/** An agent and the server that the test plays, on a clock that only wait() moves. */
function world(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_000_000 })
  let nowMs = 0
  t.mock.method(performance, 'now', () => nowMs)
  const server = new MemoryServer()
  const heard: string[] = []
  const delays: number[] = []
  const streams: Array<{ stream: Stream; handler: RecordingHandler; session: string }> = []
  const network = { addresses: ['192.0.2.1'] }
  let stoppedBy: TunnelError | undefined
  const here = {
    server,
    /** What the agent said, in order. */
    heard,
    delays,
    streams,
    network,
    get stoppedBy() {
      return stoppedBy
    },
    agent: new Agent(
      {
        server: 'http://server.test',
        name: 'demo',
        token: undefined,
        software: 'test',
        pingIntervalMs: 15_000,
        pingDeadlineMs: 10_000,
        force: false,
        pool: false,
        rules: undefined,
        claims: { get: () => undefined, set() {} },
        openLink: server.openLink,
        readInterfaces: () => ({
          lo: [{ address: '127.0.0.1', internal: true } as NetworkInterfaceInfo],
          eth0: network.addresses.map((address) => ({ address, internal: false }) as NetworkInterfaceInfo),
        }),
      },
      {
        onOnline: (_, session) => heard.push(`online ${session}`),
        onOffline: (error, delayMs) => {
          heard.push(`offline ${error.code}`)
          delays.push(delayMs)
        },
        onStopped: (error) => {
          stoppedBy = error
          heard.push('stopped')
        },
        onStream: (stream, _, session) => {
          const handler = new RecordingHandler()
          handler.stream = stream
          streams.push({ stream, handler, session })
          return handler
        },
      },
    ),
    async wait(ms: number) {
      for (let left = ms; left > 0; left -= 1_000) {
        nowMs += Math.min(left, 1_000)
        t.mock.timers.tick(Math.min(left, 1_000))
        await settle()
      }
    },
    /** Wait for the attempt that is due, and say what comes of it. */
    async nextDial() {
      const before = server.dials.length
      await here.wait(here.delays.at(-1)! - 1)
      assert.equal(server.dials.length, before, 'no attempt was due')
      await here.wait(here.delays.at(-1) === 0 ? 1 : 2)
      assert.equal(server.dials.length, before + 1, 'an attempt was due')
      return server.lastDial
    },
    async accept(localAddress?: string) {
      server.lastDial.accept(localAddress)
      await settle()
    },
    async online(localAddress?: string) {
      here.agent.start()
      await here.accept(localAddress)
      assert.equal(here.agent.state, 'online')
      await here.wait(2_000) // for a while
      return server.last
    },
    async detached() {
      const served = await here.online()
      served.link.destroy()
      assert.equal(here.agent.state, 'detached')
      return served
    },
    async resuming() {
      const served = await here.detached()
      await here.nextDial()
      assert.equal(here.agent.state, 'resuming')
      return served
    },
    /** A visitor's request on a session, at the agent. */
    async visit({ session }: Served) {
      const visitor = new RecordingHandler()
      visitor.stream = session.openStream(1, 1, HEAD, true, visitor)
      await settle()
      const { stream, session: id } = streams.at(-1)!
      const answer = async (text: string) => {
        stream.sendHead(OK, false)
        stream.write(Buffer.from(text))
        stream.end()
        await settle()
      }
      return { visitor, stream, session: id, answer }
    },
  }
  return here
}

// Attempts

/** Neither --force nor --pool. */
const ALONE = { force: false, pool: false }

test('the first attempt comes at once; after ones that fail the delays double, until one succeeds', async (t) => {
  const { agent, server, delays, nextDial, accept, heard } = world(t)
  assert.equal(agent.state, 'idle')
  agent.start()
  agent.start()
  for (let i = 0; i < 10; i++) {
    assert.equal(agent.state, 'connecting')
    server.lastDial.fail(lost())
    assert.equal(agent.state, 'waiting')
    await nextDial()
  }
  delays.forEach((delay, i) => {
    const ceiling = i === 0 ? 0 : Math.min(15_000, 125 * 2 ** i)
    assert.ok(delay >= ceiling / 2 && delay <= ceiling, `attempt ${i} after ${delay} ms`)
  })
  await accept()
  assert.deepEqual([agent.state, heard.at(-1)], ['online', 'online 1'])
})

test('a link that is lost before the session has its name, and a session that ends by then, are one more failure', async (t) => {
  const { agent, server, nextDial, accept, delays } = world(t)
  agent.start()
  server.lastDial.accept().destroy()
  assert.equal(agent.state, 'waiting')
  await nextDial()
  server.refusal = lost('TUN_ERR_DRAINING')
  await accept()
  assert.equal(agent.state, 'waiting')
  assert.equal(delays.length, 2)
  server.refusal = undefined
  await nextDial()
  await accept()
  assert.equal(agent.state, 'online')
})

test('a server that says nothing is given up', async (t) => {
  const { agent, server, wait } = world(t)
  agent.start()
  server.lastDial.accept().handler = undefined
  await wait(14_000)
  assert.equal(agent.state, 'connecting')
  await wait(2_000)
  assert.equal(server.dials.length, 2)
})

for (const code of ['TUN_ERR_UNAUTHORIZED', 'TUN_ERR_NAME_TAKEN', 'TUN_ERR_ACCOUNT_LIMIT'] as const) {
  test(`${code} ends an agent that has never been online`, async (t) => {
    for (const how of ['in the handshake', 'in the session']) {
      await t.test(how, async (t) => {
        const here = world(t)
        const { agent, server, heard } = here
        agent.start()
        if (how === 'in the handshake') server.lastDial.fail(lost(code))
        else {
          server.refusal = lost(code)
          await here.accept()
        }
        assert.deepEqual([agent.state, heard, here.stoppedBy?.code], ['stopped', ['stopped'], code])
        await agent.stop(0)
        assert.deepEqual(heard, ['stopped'])
      })
    }
  })
}

test('a server that gives the name and breaks off at once is not hammered', async (t) => {
  const { agent, server, nextDial, accept, delays } = world(t)
  agent.start()
  for (let i = 0; i < 8; i++) {
    await accept()
    assert.equal(agent.state, 'online')
    server.last.session.close(lost('TUN_ERR_INTERNAL'))
    await settle()
    assert.equal(agent.state, 'waiting')
    await nextDial()
  }
  assert.equal(delays[0], 0)
  assert.ok(delays.at(-1)! > 5_000)
})

// A lost link

test('a lost link is resumed at once, on the same session, and what was open goes on', async (t) => {
  const { agent, visit, online, nextDial, accept, heard, server, delays, wait } = world(t)
  const served = await online()
  const { visitor, answer } = await visit(served)
  served.link.destroy()
  assert.equal(agent.state, 'detached')
  assert.equal(delays.at(-1), 0)
  await nextDial()
  assert.equal(agent.state, 'resuming')
  await answer('written without a link')
  await accept()
  assert.equal(agent.state, 'online')
  assert.deepEqual(heard, ['online 1', 'offline TUN_ERR_SESSION_CLOSED', 'online 1'])
  assert.equal(visitor.bytes.toString(), 'written without a link')
  assert.equal(server.served.length, 1)
  await wait(server.graceMs)
  assert.equal(agent.state, 'online', 'the time without a link is over')
})

test('an attempt to resume that fails is followed by another one; an answer that does not come fails too', async (t) => {
  const { agent, server, resuming, nextDial, wait, accept, delays } = world(t)
  await resuming()
  server.lastDial.fail(lost())
  assert.equal(agent.state, 'detached')
  await nextDial()
  assert.equal(agent.state, 'resuming')
  const silent = server.lastDial.accept()
  silent.handler = undefined
  await wait(15_000)
  assert.deepEqual([agent.state, silent.closed], ['detached', true])
  assert.ok(delays.at(-1)! > 0)
  await nextDial()
  await accept()
  assert.equal(agent.state, 'online')
  assert.equal(server.served.length, 1)
})

test('a server that has given the session up is asked for a new one at once', async (t) => {
  const { agent, server, resuming, accept, heard } = world(t)
  await resuming()
  server.forgetful = true
  const before = server.dials.length
  await accept()
  assert.deepEqual([agent.state, server.dials.length], ['connecting', before + 1])
  await accept()
  assert.deepEqual([agent.state, heard.at(-1)], ['online', 'online 2'])
  assert.equal(server.last.controls[0]!.type, 'hello')
  assert.deepEqual(server.last.controls[0]!.binds, [{ tunnel: 1, name: 'demo', claim: 'claim 1', ...ALONE }])
})

test('when the time of a session without a link is over, the attempt to resume it is given up and a new one begun', async (t) => {
  const { agent, server, resuming, nextDial, wait, accept } = world(t)
  await resuming()
  const resume = server.lastDial
  await wait(61_000)
  assert.equal(resume.givenUp, true)
  if (agent.state === 'waiting') await nextDial()
  assert.equal(agent.state, 'connecting')
  await accept()
  assert.deepEqual([agent.state, server.served.length], ['online', 2])
})

test('a session whose time is over between two attempts is given up as well', async (t) => {
  const { agent, server, detached, nextDial, accept, wait } = world(t)
  server.graceMs = 100
  await detached()
  await nextDial()
  server.lastDial.fail(lost())
  await wait(90)
  assert.equal(agent.state, 'detached')
  await wait(10)
  assert.equal(agent.state, 'waiting')
  await nextDial()
  await accept()
  assert.equal(server.served.length, 2)
})

test('a link that was given up says nothing any more', async (t) => {
  const { agent, server, online, accept, streams, heard, network, wait } = world(t)
  const served = await online('192.0.2.1')
  // The agent finds its address gone; the server does not know yet, and what it sends on the old link arrives late.
  const old = served.link
  old.peer.silent = true
  network.addresses = ['192.0.2.2']
  await wait(2_000)
  assert.equal(agent.state, 'resuming')
  served.session.openStream(1, 1, HEAD, true, new RecordingHandler())
  await settle()
  assert.equal(streams.length, 0)
  await accept()
  assert.equal(streams.length, 1, 'it is said again on the new link')
  old.send([Buffer.alloc(100, 0xff)])
  old.destroy()
  await settle()
  assert.deepEqual([agent.state, heard.at(-1)], ['online', 'online 1'])
  assert.equal(server.served.length, 1)
})

// The network

test('a change of addresses in a long wait: the next attempt comes at once, and delays start over', async (t) => {
  for (const state of ['waiting', 'detached'] as const) {
    await t.test(state, async (t) => {
      const here = world(t)
      const { agent, server, delays } = here
      server.graceMs = 3_600_000
      if (state === 'waiting') agent.start()
      else await here.resuming()
      for (let i = 0; i < 9; i++) {
        server.lastDial.fail(lost())
        await here.nextDial()
      }
      server.lastDial.fail(lost())
      assert.equal(agent.state, state)
      assert.ok(delays.at(-1)! > 5_000)
      const before = server.dials.length
      here.network.addresses = ['192.0.2.7']
      await here.wait(2_000)
      assert.equal(server.dials.length, before + 1)
      server.lastDial.fail(lost())
      assert.equal(delays.at(-1), 0)
      for (let i = 0; i < 7; i++) {
        await here.nextDial()
        server.lastDial.fail(lost())
      }
    })
  }
})

test('a change of addresses while an attempt is under way: it is begun again', async (t) => {
  const here = world(t)
  here.agent.start()
  const first = here.server.lastDial
  here.network.addresses = ['192.0.2.7']
  await here.wait(2_000)
  assert.deepEqual([first.givenUp, here.server.dials.length, here.agent.state], [true, 2, 'connecting'])
})

test('a link whose address is gone is dropped at once; one whose address stays is asked, one over loopback too', async (t) => {
  for (const [address, expected] of [
    ['192.0.2.1', 'resuming'],
    ['192.0.2.9', 'online'],
    ['127.0.0.1', 'online'],
    ['127.0.0.7', 'online'],
    [undefined, 'online'],
  ] as const) {
    await t.test(String(address), async (t) => {
      const here = world(t)
      here.network.addresses = ['192.0.2.1', '192.0.2.9']
      const served = await here.online(address)
      const heard: Buffer[] = []
      const { onBytes } = served.session
      served.session.onBytes = (chunk) => {
        heard.push(chunk)
        onBytes.call(served.session, chunk)
      }
      here.network.addresses = ['192.0.2.9', '192.0.2.5']
      await here.wait(2_000)
      assert.equal(here.agent.state, expected)
      if (expected === 'online') assert.ok(framesIn(Buffer.concat(heard)).some(({ type }) => type === FrameType.Ping))
    })
  }
})

// A server that shuts down

test('a server that drains keeps what is open while the agent goes on with its successor; both serve', async (t) => {
  const { agent, visit, online, nextDial, accept, server, heard, delays, streams } = world(t)
  const old = await online()
  const open = await visit(old)
  old.session.sendControl({ type: 'drain' })
  await settle()
  assert.equal(agent.state, 'waiting')
  assert.deepEqual([heard.at(-1), delays.at(-1)], ['offline TUN_ERR_DRAINING', 0])
  await nextDial()
  await accept()
  assert.deepEqual([agent.state, heard.at(-1), server.served.length], ['online', 'online 2', 2])
  assert.deepEqual(server.last.controls[0]!.instance, old.controls[0]!.instance)
  assert.deepEqual(server.last.controls[0]!.binds, [{ tunnel: 1, name: 'demo', claim: 'claim 1', ...ALONE }])
  await open.answer('on the old one')
  assert.equal(open.visitor.bytes.toString(), 'on the old one')
  for (const served of [old, server.last]) {
    const each = await visit(served)
    await each.answer('on both')
    assert.equal(each.visitor.bytes.toString(), 'on both')
  }
  assert.deepEqual(
    streams.map(({ session }) => session),
    ['1', '1', '2'],
  )
  old.session.sendControl({ type: 'drain' })
  old.session.close(lost('TUN_ERR_REPLACED'))
  await settle()
  assert.deepEqual([agent.state, heard.length], ['online', 3], 'what the old one says changes nothing')
})

test('a session that drains is not resumed, and its end disturbs no attempt', async (t) => {
  const { agent, online, nextDial, accept, server } = world(t)
  const old = await online()
  old.session.sendControl({ type: 'drain' })
  await settle()
  await nextDial()
  old.link.destroy()
  await settle()
  assert.deepEqual([agent.state, server.dials.length], ['connecting', 2])
  server.lastDial.fail(lost())
  await nextDial()
  await accept()
  assert.deepEqual([agent.state, server.served.length], ['online', 2])
})

test('a session whose server drains before it has given the name is tried again elsewhere', async (t) => {
  const { agent, server, nextDial, accept, heard } = world(t)
  agent.start()
  server.drainsAtOnce = true
  await accept()
  assert.deepEqual([agent.state, heard], ['waiting', ['offline TUN_ERR_DRAINING']])
  server.drainsAtOnce = false
  await nextDial()
  await accept()
  assert.equal(agent.state, 'online')
})

test('a server that drains each new session is asked again within half a second, and not without end', async (t) => {
  const { agent, server, nextDial, accept, delays } = world(t)
  agent.start()
  for (let i = 0; i < 8; i++) {
    await accept()
    server.last.session.sendControl({ type: 'drain' })
    await settle()
    await nextDial()
  }
  assert.equal(delays[0], 0)
  for (const delay of delays.slice(3)) assert.ok(delay >= 250 && delay <= 500, `${delay} ms`)
})

// Leaving

test('an agent that leaves says so, serves what comes before the server has heard of it, and closes', async (t) => {
  const { agent, visit, online, heard } = world(t)
  const served = await online()
  const stopped = agent.stop(3_000)
  assert.equal(agent.state, 'leaving')
  const late = await visit(served) // it crosses the leave on its way
  assert.equal(served.controls.at(-1)!.type, 'leave')
  assert.equal(agent.state, 'leaving')
  await late.answer('served')
  await stopped
  assert.equal(late.visitor.bytes.toString(), 'served')
  assert.deepEqual(late.visitor.events.at(-1), 'end')
  assert.deepEqual([agent.state, heard.at(-1), served.closed?.detail], ['stopped', 'stopped', 'the agent is leaving'])
})

test('open requests have so long to end and no longer', async (t) => {
  const { agent, visit, online, wait } = world(t)
  const open = await visit(await online())
  const stopped = agent.stop(3_000)
  await wait(2_999)
  assert.equal(agent.state, 'leaving')
  await wait(1)
  await stopped
  assert.equal(open.visitor.events.at(-1), 'reset')
})

test('without time to spare an agent leaves at once, whatever is open', async (t) => {
  const { agent, visit, online } = world(t)
  const served = await online()
  await visit(served)
  const stopped = agent.stop(0)
  assert.equal(agent.state, 'stopped')
  await stopped
  await settle()
  assert.equal(served.controls.at(-1)!.type, 'leave')
})

test('an agent that leaves waits for the sessions of servers that drain too', async (t) => {
  const { agent, visit, online, nextDial, accept } = world(t)
  const old = await online()
  const open = await visit(old)
  old.session.sendControl({ type: 'drain' })
  await settle()
  await nextDial()
  await accept()
  const stopped = agent.stop(3_000)
  await settle()
  assert.equal(agent.state, 'leaving')
  await open.answer('in the end')
  await stopped
  assert.equal(open.visitor.bytes.toString(), 'in the end')
})

test('an agent whose link is lost while it leaves is done', async (t) => {
  const { agent, visit, online, server } = world(t)
  const served = await online()
  await visit(served)
  const stopped = agent.stop(3_000)
  await settle()
  served.link.destroy()
  await stopped
  assert.deepEqual([agent.state, server.dials.length], ['stopped', 1])
})

for (const state of ['idle', 'connecting', 'waiting', 'detached', 'resuming'] as const) {
  test(`an agent that is ${state} leaves at once, and tries nothing more`, async (t) => {
    const here = world(t)
    const { agent, server } = here
    if (state === 'detached' || state === 'resuming') await here[state]()
    else if (state !== 'idle') agent.start()
    if (state === 'waiting') server.lastDial.fail(lost())
    assert.equal(agent.state, state)
    const before = server.dials.length
    await agent.stop(3_000)
    assert.deepEqual([agent.state, here.heard.at(-1), here.stoppedBy], ['stopped', 'stopped', undefined])
    if (state === 'connecting' || state === 'resuming') assert.ok(server.lastDial.givenUp)
    agent.start()
    await here.wait(120_000)
    assert.equal(server.dials.length, before)
  })
}

test('an agent whose name is taken away lets open requests end, and stops saying why', async (t) => {
  const here = world(t)
  const served = await here.online()
  const open = await here.visit(served)
  const refused = { type: 'refused', tunnel: 1, code: 'TUN_ERR_REPLACED', message: 'somebody took "demo"' }
  served.session.sendControl(refused)
  await settle()
  assert.equal(here.agent.state, 'leaving')
  await open.answer('to the end')
  assert.equal(open.visitor.bytes.toString(), 'to the end')
  assert.equal(here.agent.state, 'stopped')
  assert.equal(here.stoppedBy?.message, 'TUN_ERR_REPLACED: somebody took "demo"')
})

test('a name that is taken away for a reason that passes is asked for again', async (t) => {
  const here = world(t)
  const served = await here.online()
  served.session.sendControl({ type: 'refused', tunnel: 1, code: 'TUN_ERR_ACCOUNT_LIMIT', message: 'too many' })
  await settle()
  assert.equal(here.agent.state, 'waiting')
  await here.nextDial()
  await here.accept()
  assert.equal(here.heard.at(-1), 'online 2')
})

test('a final word on a link that was to be resumed ends the agent', async (t) => {
  const here = world(t)
  await here.resuming()
  here.server.lastDial.fail(lost('TUN_ERR_VERSION'))
  assert.deepEqual([here.agent.state, here.stoppedBy?.code], ['stopped', 'TUN_ERR_VERSION'])
})
