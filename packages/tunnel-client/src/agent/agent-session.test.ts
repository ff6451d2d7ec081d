import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FrameType, type Rules, TunnelError } from 'tunnel-protocol'
import { frame, framesIn, linkPair, RecordingHandler } from 'tunnel-protocol/testing'
import { AgentSession } from './agent-session.js'

/** An agent's session with a tunnel, whose server the test speaks for. */
function online(welcome: object, rules?: Rules, bound: object = {}) {
  const heard: Buffer[] = []
  const detached: string[] = []
  const ended: string[] = []
  const [link, server] = linkPair()
  server.handler = { onBytes: (chunk) => heard.push(chunk), onDrained() {}, onClosed() {} }
  const session = new AgentSession(
    { token: undefined, software: 'test', pingIntervalMs: 10_000, pingDeadlineMs: 10_000 },
    {
      onBound() {},
      onDrain() {},
      onRevoked() {},
      onDetached: (reason) => detached.push(reason),
      onEnd: (error) => ended.push(error.code),
      onStream: () => new RecordingHandler(),
    },
  )
  session.start(link, { name: 'demo', claim: undefined, instance: 'one', link: 0, force: false, pool: false, rules })
  const say = (type: number, payload: Buffer | string, streamId = 0) => {
    server.send([frame(type, 0, streamId, payload)])
    server.deliver()
  }
  say(FrameType.Control, JSON.stringify({ type: 'welcome', session: 'one', window: 65_536, ...welcome }))
  say(
    FrameType.Control,
    JSON.stringify({ type: 'bound', tunnel: 1, name: 'demo', url: 'http://demo', claim: 'c', ...bound }),
  )
  return { link, session, say, heard, detached, ended }
}

const rows: Array<[what: string, welcome: object, resumable: boolean]> = [
  ['no grace', { secret: 's' }, false],
  ['a grace of 0', { secret: 's', grace: 0 }, false],
  ['no secret', { grace: 60_000 }, false],
  ['secret and grace', { secret: 's', grace: 60_000 }, true],
]
for (const [what, welcome, resumable] of rows) {
  test(`a welcome with ${what}: the session ${resumable ? 'waits for another link' : 'ends with its link'}`, async () => {
    const { link, session, say, heard, detached, ended } = online(welcome)
    say(0x0f, Buffer.alloc(65_536)) // of a type that nobody knows
    await new Promise(setImmediate)
    link.deliver()
    assert.equal(
      framesIn(Buffer.concat(heard)).some(({ type }) => type === FrameType.Ack),
      resumable,
    )
    link.destroy()
    link.deliver()
    assert.deepEqual([detached.length, ended.length], resumable ? [1, 0] : [0, 1])
    session.close(new TunnelError('TUN_ERR_SESSION_CLOSED', 'the test is over'))
    assert.deepEqual(ended, ['TUN_ERR_SESSION_CLOSED'])
  })
}

test('an agent that has rules wants to hear that they are applied, or nobody gets in', () => {
  const rules = { allowIp: ['10.0.0.0/8'] }
  for (const bound of [{}, { rules: false }]) {
    const { session, ended } = online({ secret: 's', grace: 60_000 }, rules, bound)
    assert.deepEqual([ended, session.bound], [['TUN_ERR_RULES'], undefined])
  }
  const { session, ended } = online({ secret: 's', grace: 60_000 }, rules, { rules: true })
  assert.deepEqual([ended, session.bound?.name], [[], 'demo'])
  session.close(new TunnelError('TUN_ERR_SESSION_CLOSED', 'the test is over'))
})

test('an agent takes as many streams as a server can be told to open', () => {
  const { session, say } = online({ secret: 's', grace: 60_000 })
  const payload = Buffer.from('\x01\0\0\0\x01GET / HTTP/1.1\r\nHost: demo\r\n')
  for (let id = 1; id <= 65_536; id++) say(FrameType.Open, payload, id)
  assert.equal(session.streamCount, 65_536)
  session.close(new TunnelError('TUN_ERR_SESSION_CLOSED', 'the test is over'))
})
