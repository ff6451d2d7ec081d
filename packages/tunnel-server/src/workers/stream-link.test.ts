import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Session, type SessionHandler } from 'tunnel-protocol'
import { linkPair, type MemoryLink } from 'tunnel-protocol/testing'
import { passLinkOn, StreamLink } from './stream-link.js'

/** An agent's link, which ends in one worker, on its way to another one. */
function world() {
  const deferred: Array<() => void> = []
  const way = linkPair()
  const [agentEnd, serverEnd] = linkPair()
  const session = (role: 'server' | 'agent', handler: SessionHandler) => {
    const made = new Session({ role, handler, defer: (flush) => deferred.push(flush) })
    made.endWithLink()
    made.setPeerWindow(made.windowBytes)
    return made
  }
  const heard: string[] = []
  let link: StreamLink | undefined
  const here = session('server', { onControl() {}, onClose() {} })
  const there = session('agent', {
    onControl() {},
    onClose() {},
    onOpen(stream, open) {
      link = new StreamLink(stream)
      link.handler = {
        onBytes: (chunk) => heard.push(chunk.toString()),
        onDrained: () => heard.push('drained'),
        onClosed: (reason) => heard.push(`closed: ${reason}`),
      }
      link.handler.onBytes(Buffer.from(open.head, 'latin1'))
      return link
    },
  })
  here.attach(way[0])
  there.attach(way[1])
  const atAgent: string[] = []
  agentEnd.handler = {
    onBytes: (chunk) => atAgent.push(chunk.toString()),
    onDrained() {},
    onClosed: () => atAgent.push('closed'),
  }
  const pump = async () => {
    for (let quiet = 0; quiet < 3; quiet++) {
      for (const flush of deferred.splice(0)) flush()
      for (const end of [...way, agentEnd, serverEnd]) if (end.deliver()) quiet = 0
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  passLinkOn(serverEnd, Buffer.from('greeting'), here)
  return { agentEnd, serverEnd, way, heard, atAgent, pump, link: () => link! }
}

const say = (end: MemoryLink, text: string) => end.send([Buffer.from(text)])

test('what was read of a link and what follows goes on in order, and so does what comes back', async () => {
  const { agentEnd, heard, atAgent, pump, link } = world()
  say(agentEnd, ' more')
  await pump()
  assert.equal(heard.join(''), 'greeting more')
  link().send([Buffer.from('one '), Buffer.from('two')])
  await pump()
  assert.equal(atAgent.join(''), 'one two')
  assert.equal(link().bufferedBytes, 0)
})

test('an agent that does not read holds back the session, which hears when there is room again', async () => {
  const { serverEnd, heard, pump, link } = world()
  await pump()
  serverEnd.stalled = true
  for (let i = 0; i < 100; i++) link().send([Buffer.alloc(64 * 1024)])
  await pump()
  assert.ok(serverEnd.bufferedBytes < 1024 * 1024)
  assert.ok(link().bufferedBytes > 4 * 1024 * 1024)
  assert.ok(!heard.includes('drained'))
  serverEnd.stalled = false
  await pump()
  assert.equal(link().bufferedBytes, 0)
  assert.ok(heard.includes('drained'))
})

test('while the other worker takes nothing, nothing more is read from the agent', async () => {
  const { serverEnd, agentEnd, way, pump } = world()
  const heard: string[] = []
  Object.assign(serverEnd, { pause: () => heard.push('pause'), resume: () => heard.push('resume') })
  await pump()
  way[0].stalled = true
  for (let i = 0; i < 10; i++) agentEnd.send([Buffer.alloc(64 * 1024)])
  await pump()
  assert.equal(heard[0], 'pause')
  assert.ok(!heard.includes('resume'))
  way[0].stalled = false
  await pump()
  assert.equal(heard.at(-1), 'resume')
})

test('an end on either side, or of the way, ends the link for both, once', async () => {
  const lost = world()
  await lost.pump()
  lost.agentEnd.destroy()
  await lost.pump()
  assert.equal(lost.heard.filter((each) => each.startsWith('closed')).length, 1)

  for (const how of ['close', 'destroy'] as const) {
    const given = world()
    await given.pump()
    given.link().send([Buffer.from('goodbye')])
    if (how === 'close') given.link().close()
    else given.link().destroy()
    await given.pump()
    assert.equal(given.atAgent.at(-1), 'closed')
    if (how === 'close') assert.equal(given.atAgent[0], 'goodbye')
    assert.equal(given.heard.filter((each) => each.startsWith('closed')).length, 1)
  }

  const cut = world()
  await cut.pump()
  cut.way[0].destroy()
  await cut.pump()
  assert.deepEqual([cut.atAgent, cut.heard.filter((each) => each.startsWith('closed')).length], [['closed'], 1])
})
