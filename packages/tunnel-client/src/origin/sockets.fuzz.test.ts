import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import {
  cut,
  cuts,
  fuzzing,
  mutated,
  type RecordingHandler,
  responses,
  SessionPair,
  turn,
} from 'tunnel-protocol/testing'
import { Dialer } from './dial.js'
import { OriginExchange } from './exchange.js'
import { PatientDialer } from './patient-dialer.js'
import { OriginPool } from './pool.js'
import { originTarget } from './target.js'

// The same as in exchange.fuzz.test.ts over the sockets of the system, where a reset throws away what was not read, and an end may
// come together with the last bytes.

interface Script {
  pieces: Buffer[]
  close: 'end' | 'reset' | 'destroy'
}

const scripts: fc.Arbitrary<Script> = fc
  .tuple(mutated(responses), cuts, fc.constantFrom('end', 'reset', 'destroy'), fc.nat(12))
  .map(([bytes, at, close, kept]) => ({ pieces: cut(bytes, at).slice(0, kept), close }))

let current: Script[] = []
const open = new Set<Socket>()
const app = net.createServer({ allowHalfOpen: true }, (socket) => {
  open.add(socket)
  socket.on('close', () => open.delete(socket))
  socket.on('error', () => {})
  socket.on('end', () => socket.end())
  socket.once('data', () => {
    socket.resume()
    const script = current.shift()
    if (script !== undefined) void answer(socket, script)
  })
})

async function answer(socket: Socket, { pieces, close }: Script): Promise<void> {
  for (const piece of pieces) {
    socket.write(piece)
    await turn()
  }
  if (close === 'end') socket.end()
  else if (close === 'reset') socket.resetAndDestroy()
  else socket.destroy()
}

before(async () => {
  app.listen(0, '127.0.0.1')
  await once(app, 'listening')
})
after(() => app.close())

const isOver = ({ events }: RecordingHandler) => events.includes('end') || events.includes('reset')

test('whatever an app answers and however it ends it, every exchange ends, and no connection is left', async () => {
  const { port } = app.address() as AddressInfo
  const observer = { onUnreachable() {}, onReachable() {} }
  const target = originTarget({ url: `127.0.0.1:${port}` })
  const seen = { end: 0, reset: 0 }
  const check = fc.asyncProperty(fc.array(scripts, { minLength: 1, maxLength: 3 }), async (list) => {
    const pair = new SessionPair()
    const pool = new OriginPool(new PatientDialer(new Dialer(target, undefined, observer), 0))
    const options = { pool, hostMapping: undefined, observer: undefined, originName: 'app' }
    pair.handlerOf = ({ stream, open }) => new OriginExchange(stream, 's', open, options)
    current = [...list]
    for (const _ of list) {
      const { near, stream } = pair.open('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n')
      stream.write(Buffer.from('hello'))
      stream.end()
      // An answer may be one that promises more than comes, on a connection that the app upgraded: then nobody ends it but the visitor.
      await pair.until(() => isOver(near) || near.heads.at(-1)?.startsWith('HTTP/1.1 101') === true)
      stream.reset('TUN_ERR_VISITOR_GONE')
      if (near.error === undefined) seen.end++
      else {
        seen.reset++
        assert.match(near.error.code, /^TUN_ERR_ORIGIN_RESET$/)
      }
    }
    assert.deepEqual([pair.closed.server, pair.closed.agent], [[], []])
    pair.pump()
    assert.deepEqual([pair.server.streamCount, pair.agent.streamCount], [0, 0])
    pool.close()
    await pair.until(() => pool.size === 0 && open.size === 0)
  })
  await fc.assert(check, fuzzing(300))
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `no case of: ${what}`)
})
