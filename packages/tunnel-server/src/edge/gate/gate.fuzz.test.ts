import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hashPassword, type Rules } from 'tunnel-protocol'
import {
  cut,
  cuts,
  fuzzing,
  mutate,
  mutated,
  mutations,
  readable,
  requests,
  SessionPair,
} from 'tunnel-protocol/testing'
import { MemoryEdge, settle, TUNNEL_NAME, TUNNEL_NUMBER } from '../../testing/memory-edge.js'
import { Passes, ruleDigest } from './passes.js'

const hash = hashPassword('open sesame')
const pass = { tunnel: TUNNEL_NAME, rule: ruleDigest('password', hash), path: '/', ends: Date.now() + 3_600_000 }
/** Of a pass that is one in all but its key. */
const forged = new Passes(Buffer.alloc(32, 9)).sign(pass)

/** What somebody who wants to get in may put anywhere. */
const tokens = [
  `Cookie: tunnel-pass=${forged}\r\n`,
  `cookie:tunnel-pass=${forged};__Host-tunnel-pass=${forged}\r\n`,
  'Authorization: Basic YWxpY2U6c2VjcmV0\r\n',
  'X-Forwarded-For: 192.0.2.1\r\n',
  'Forwarded: for=192.0.2.1\r\n',
  'Connection: cookie, authorization, host\r\n',
  'Tunnel-Skip-Warning: 1\r\n',
  '/.tunnel/sign-in',
  '\r\n\r\n',
  `GET / HTTP/1.1\r\nHost: ${TUNNEL_NAME}.localhost\r\n\r\n`,
].map((text) => Buffer.from(text))

const attempts = fc
  .tuple(mutated(requests()), mutations(2_000, ['token']))
  .map(([bytes, change]) => readable(mutate(bytes, [change], tokens)))

const guards: Rules[] = [
  { password: { hash } },
  { allowIp: ['192.0.2.0/24'] },
  { password: { hash }, basicAuth: [{ user: 'bob', hash }] },
]

test('whatever visitors send who may not come in, the agent sees nothing, and nothing is left behind', async () => {
  let refused = 0
  const check = fc.asyncProperty(attempts, cuts, fc.constantFrom(...guards), async (bytes, at, rules) => {
    const pair = new SessionPair()
    const edge = new MemoryEdge(pair.server)
    const { directory } = edge.settings
    const { holder } = directory.pick(directory.find(TUNNEL_NAME)!)!
    directory.setRules(TUNNEL_NAME, rules)
    directory.enter(TUNNEL_NAME, holder, TUNNEL_NUMBER)
    const visitor = edge.connect()
    for (const part of cut(bytes, at)) visitor.socket.write(part)
    await settle(() => pair.pump())
    assert.equal(pair.opened.length, 0)
    if (/ 40[13] /.test(visitor.received.toString('latin1'))) refused++
    visitor.socket.destroy()
    await settle(() => pair.pump())
    assert.deepEqual([edge.connections.size, edge.admission.visitors, edge.admission.parking.count], [0, 0, 0])
  })
  await fc.assert(check, fuzzing(1_000))
  assert.ok(refused > 100, `only ${refused} of the cases came as far as the gate`)
})
