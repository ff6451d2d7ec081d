import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseResponseHead, type ResponseHead } from 'tunnel-protocol'
import {
  cut,
  cuts,
  fuzzing,
  interims,
  type MemorySocket,
  mutated,
  type RecordingHandler,
  readable,
  responses,
  SessionPair,
  socketPair,
  turn,
  type Walked,
  walkRequests,
  walkResponses,
} from 'tunnel-protocol/testing'
import type { Dialer } from './dial.js'
import { OriginExchange } from './exchange.js'
import { PatientDialer } from './patient-dialer.js'
import { OriginPool } from './pool.js'

// What an app says in answer to one request is marked with the number of the request, `{#<number>#}`, so that it is recognised in the answer
// to another one.

/** How an app answers one request. `@` stands for the mark. */
interface Script {
  answer: Buffer
  /** Behind what the answer should have been. */
  extra: string
  at: number[]
  /** What the app does behind the last piece, or behind piece `breakAt` in place of the others. */
  close: 'no' | 'end' | 'reset'
  breakAt: number
  /** It answers when it has the head of the request, or all of it. */
  early: boolean
}

/** In half of the cases an answer that leaves nothing to be desired, so that connections are kept. */
const right = fc.constantFrom(
  'HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX: @\r\n\r\n@@',
  'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: @\r\n\r\n',
  'HTTP/1.1 204 No Content\r\nX: @\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n@\r\n0\r\nX: @\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nX: @\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n@',
  `HTTP/1.1 200 OK\r\nContent-Length: 180000\r\n\r\n${'@'.repeat(30_000)}`,
)
const marked = fc.tuple(interims, mutated(responses)).map(([before, response]) => {
  // Behind the first line, as a field of its own.
  const end = response.indexOf('\r\n') + 2
  const pieces = [...before.map((each) => Buffer.from(each)), response.subarray(0, end), Buffer.from('X-Mark: @\r\n')]
  return Buffer.concat([...pieces, response.subarray(end)])
})
const scripts: fc.Arbitrary<Script> = fc.record({
  answer: fc
    .oneof(
      right.map((text) => Buffer.from(text)),
      marked,
    )
    .map(readable),
  extra: fc.oneof(
    { weight: 4, arbitrary: fc.constant('') },
    {
      weight: 1,
      arbitrary: fc.constantFrom('\r\n', '@', 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n@', 'HTTP/1.1 '),
    },
  ),
  at: cuts,
  close: fc.oneof(
    { weight: 4, arbitrary: fc.constant<Script['close']>('no') },
    { weight: 1, arbitrary: fc.constantFrom<Script['close']>('end', 'reset') },
  ),
  breakAt: fc.oneof({ weight: 6, arbitrary: fc.constant(99) }, { weight: 1, arbitrary: fc.nat(4) }),
  early: fc.boolean(),
})

/** The pieces of an answer, and whether all of it is among them. */
function piecesOf(script: Script, mark: string): { pieces: Buffer[]; close: Script['close'] } {
  const text = `${script.answer.toString('latin1')}${script.extra}`.replaceAll('@', mark)
  const pieces = cut(Buffer.from(text, 'latin1'), script.at)
  const broken = script.breakAt < pieces.length
  // An app that stops in the middle of its answer also closes: otherwise nobody would ever know.
  const close = broken && script.close === 'no' ? 'end' : script.close
  return { pieces: broken ? pieces.slice(0, script.breakAt) : pieces, close }
}

const REQUESTS: Array<[string, string, string]> = [
  ['GET', '', ''],
  ['GET', '', ''],
  ['HEAD', '', ''],
  ['POST', 'Content-Length: 5\r\n', 'hello'],
  ['PUT', 'Transfer-Encoding: chunked\r\n', 'hello'],
]
const asked = fc.array(fc.tuple(fc.constantFrom(...REQUESTS), scripts), { minLength: 2, maxLength: 6 })
type Asked = Array<[[string, string, string], Script]>

const markOf = (number: number) => `{#${String(number).padStart(2, '0')}#}`

/** A visitor's request on its way to the app, by way of a session in memory. */
function ask(pair: SessionPair, number: number, [method, line, body]: [string, string, string]): RecordingHandler {
  const head = `${method} /${String(number).padStart(2, '0')} HTTP/1.1\r\nHost: app\r\n${line}`
  const { near, stream } = pair.open(head, body === '')
  if (body === '') return near
  stream.write(Buffer.from(body))
  stream.end()
  return near
}

function serve(pair: SessionPair, pool: OriginPool): void {
  const options = { pool, hostMapping: undefined, observer: undefined, originName: 'app' }
  pair.handlerOf = ({ stream, open }) => new OriginExchange(stream, 's', open, options)
}

const isOver = ({ events }: RecordingHandler) => events.includes('end') || events.includes('reset')

/** What a stream heard is one well-formed response to its own request, or the beginning of one and a reset that says why. */
function checkStream(near: RecordingHandler, number: number, method: string): void {
  const { heads, bytes, trailers, events, error } = near
  const all = `${heads.join('')}${bytes.toString('latin1')}${trailers}`
  const marks = new Set([...all.matchAll(/\{#\d\d#\}/g)].map(([mark]) => mark))
  marks.delete(markOf(number))
  assert.deepEqual([...marks], [], `bytes of another answer: ${JSON.stringify(all.slice(0, 500))}`)
  assert.match(trailers, /^(?:[^\s:]+:[^\r\n]*\r\n)*$/)
  let final: ResponseHead | undefined
  for (const [i, text] of heads.entries()) {
    const head = parseResponseHead(text, method)
    if (i < heads.length - 1 || !events.includes('head')) assert.ok(head.status < 200 && head.status !== 101)
    else final = head
  }
  if (error !== undefined) {
    assert.match(error.code, /^TUN_ERR_ORIGIN_(?:RESET|REFUSED)$/)
    return
  }
  if (!events.includes('end')) return
  assert.ok(final !== undefined && (final.status >= 200 || final.status === 101))
  if (final.status === 101) return
  if (final.framing === 'length') assert.equal(bytes.length, final.contentLength)
  if (final.framing === 'none') assert.equal(bytes.length, 0)
}

/** The answer as the parser takes it from the app's bytes in one piece. */
function finalAnswer(pieces: Buffer[], method: string): Walked<ResponseHead> | undefined {
  const { messages } = walkResponses([Buffer.concat(pieces)], [method], {
    maxHeadBytes: 256 * 1024,
    last: (head) => ('status' in head && head.status >= 200 ? 'message' : undefined),
  })
  return messages.find(({ head }) => head.status >= 200 || head.status === 101)
}

/** An app in memory: one step for each connection and turn. */
class MemoryApp {
  readonly sockets: MemorySocket[] = []
  /** What the agent should not have done. */
  readonly complaints: string[] = []
  readonly #scripts: Asked
  readonly #steps: Array<Array<() => void>> = []
  /** Listeners on a connection when it was new. */
  readonly #listeners: number[] = []

  constructor(scripts: Asked) {
    this.#scripts = scripts
  }

  readonly dialer = {
    dial: (onConnected: (socket: Socket) => void) => {
      const [near, far] = socketPair()
      let given = false
      process.nextTick(() => {
        if (given) return
        this.#accept(far)
        this.sockets.push(near)
        onConnected(near as unknown as Socket)
        this.#listeners.push(listenersOf(near))
      })
      return () => {
        given = true
      }
    },
  } as unknown as Dialer

  /** Connections that have other listeners now than when they were new. */
  get leaking(): number {
    return this.sockets.filter((socket, i) => !socket.destroyed && listenersOf(socket) !== this.#listeners[i]).length
  }

  /** Do the next thing on each connection. Returns whether there was any. */
  step(): boolean {
    let moved = false
    for (const steps of this.#steps) {
      const next = steps.shift()
      if (next === undefined) continue
      moved = true
      next()
    }
    return moved
  }

  #accept(socket: MemorySocket): void {
    const steps: Array<() => void> = []
    this.#steps.push(steps)
    let received = Buffer.alloc(0)
    let answered = 0
    /** Why no other request may come on this connection. */
    let spent: string | undefined
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('close', () => steps.splice(0))
    socket.on('data', (part: Buffer) => {
      received = Buffer.concat([received, part])
      const { messages, fault } = walkRequests([received])
      if (fault !== undefined) this.complaints.push(fault.message)
      const message = messages[answered]
      if (message === undefined) return
      const number = Number(message.head.target.slice(1))
      const [, script] = this.#scripts[number]!
      if (!message.complete && !script.early) return
      answered++
      steps.splice(0) // what was left of the last answer is not said any more
      if (spent !== undefined) this.complaints.push(spent)
      spent = 'the last answer is not complete'
      const { pieces, close } = piecesOf(script, markOf(number))
      const answer = finalAnswer(pieces, this.#scripts[number]![0][0])
      let said = 0
      for (const piece of pieces) {
        steps.push(() => {
          said += piece.length
          if (answer !== undefined && said >= answer.end) spent = whySpent(answer, said)
          socket.write(piece)
        })
      }
      if (close === 'end') steps.push(() => socket.end())
      if (close === 'reset') steps.push(() => socket.resetAndDestroy())
    })
  }
}

function whySpent({ head, complete, end }: Walked<ResponseHead>, said: number): string | undefined {
  if (!complete) return 'the last answer is not complete'
  if (said > end) return 'more was said than the last answer'
  const closes = head.connectionClose || head.framing === 'close' || (head.minor === 0 && !head.connectionKeepAlive)
  return closes ? 'the last answer ends the connection' : undefined
}

function listenersOf(socket: MemorySocket): number {
  return ['data', 'drain', 'end', 'error', 'close'].reduce((sum, event) => sum + socket.listenerCount(event), 0)
}

const QUIET_TURNS = 3

async function settle(pair: SessionPair, app: MemoryApp): Promise<void> {
  for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
    await turn()
    const moved = [pair.pump(), app.step()]
    if (moved.includes(true)) quiet = 0
  }
}

test('whatever an app answers, each visitor gets the answer to its own request, or a reset', async () => {
  const seen = { whole: 0, reset: 0, reused: 0 }
  const check = fc.asyncProperty(asked, fc.boolean(), async (exchanges, atOnce) => {
    const pair = new SessionPair()
    const app = new MemoryApp(exchanges)
    const pool = new OriginPool(new PatientDialer(app.dialer, 0))
    serve(pair, pool)
    const nears: RecordingHandler[] = []
    const next = () => {
      const near = ask(pair, nears.length, exchanges[nears.length]![0])
      nears.push(near)
      if (!atOnce) return
      // The next request comes in the turn in which this answer is complete, and meets the connection as it is then.
      const { onEnd } = near
      near.onEnd = () => {
        onEnd.call(near)
        if (nears.length < exchanges.length) setImmediate(next)
      }
    }
    while (nears.length < exchanges.length) {
      next()
      await settle(pair, app)
      const last = nears.at(-1)!
      if (!isOver(last)) last.stream!.reset('TUN_ERR_VISITOR_GONE')
      await settle(pair, app)
    }

    assert.deepEqual([app.complaints, pair.closed.server, pair.closed.agent], [[], [], []])
    for (const [i, near] of nears.entries()) {
      const [[method], script] = exchanges[i]!
      checkStream(near, i, method)
      const { pieces, close } = piecesOf(script, markOf(i))
      const answer = finalAnswer(pieces, method)
      const whole = answer?.complete === true || (answer?.head.framing === 'close' && close === 'end')
      if (near.error !== undefined) seen.reset++
      if (answer === undefined || !whole || answer.head.status === 101) {
        assert.ok(!near.events.includes('end') || answer?.head.status === 101, 'an answer out of nothing')
        continue
      }
      // All of it came, and nothing that came behind it takes anything away.
      if (near.error !== undefined && close === 'reset') continue
      seen.whole++
      assert.equal(near.error, undefined)
      assert.equal(near.bytes.toString('latin1'), answer.body.toString('latin1'))
      assert.equal(near.trailers, answer.trailers)
      assert.ok(near.events.includes('end'))
    }
    seen.reused += nears.length - app.sockets.length

    await settle(pair, app)
    assert.equal(app.leaking, 0)
    assert.deepEqual([pair.server.streamCount, pair.agent.streamCount], [0, 0])
    assert.ok(pool.size <= app.sockets.filter((socket) => !socket.destroyed).length)
    pool.close()
    await settle(pair, app)
    assert.equal(pool.size, 0)
    assert.ok(app.sockets.every((socket) => socket.destroyed))
  })
  await fc.assert(check, fuzzing(1_000))
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `no case of: ${what}`)
})

test('what an app said too much while nobody could read it is not the answer to the next request', async () => {
  const right: Omit<Script, 'answer'> = { extra: '', at: [], close: 'no', breakAt: 99, early: true }
  const bigHead = 'HTTP/1.1 200 OK\r\nContent-Length: 180000\r\n\r\n'
  const small = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n@'
  const post: [string, string, string] = ['POST', 'Content-Length: 5\r\n', 'hello']
  const big = Buffer.from(bigHead + '@'.repeat(30_000))
  const app = new MemoryApp([
    [post, { ...right, answer: big, extra: small, at: [bigHead.length + 180_000] }],
    [['GET', '', ''], { ...right, answer: Buffer.from(small) }],
  ])
  const pair = new SessionPair()
  const pool = new OriginPool(new PatientDialer(app.dialer, 0))
  serve(pair, pool)
  const { near, stream } = pair.open('POST /00 HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n')
  near.slow = true
  await settle(pair, app)
  // The app has answered, and more than that, and its socket is paused. Now the end of the request comes together with the next one.
  stream.write(Buffer.from('hello'))
  stream.end()
  pair.turn()
  const second = ask(pair, 1, ['GET', '', ''])
  await settle(pair, app)
  checkStream(second, 1, 'GET')
  assert.equal(second.bytes.toString(), markOf(1))
  near.slow = false
  near.read()
  await settle(pair, app)
  assert.equal(near.bytes.length, 180_000)
  pool.close()
})
