import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { errorTable, type PeerFacts, provenance, type RequestHead, withoutForwarding } from 'tunnel-protocol'
import {
  cut,
  cuts,
  fuzzing,
  mutated,
  type OpenedStream,
  readable,
  requests,
  SessionPair,
  type Walk,
  walkRequests,
  walkResponses,
} from 'tunnel-protocol/testing'
import { routeHost } from '../registry/route.js'
import {
  EDGE_DOMAIN,
  MAX_HEADER_BYTES,
  MemoryEdge,
  type MemoryVisitor,
  settle,
  TUNNEL_NAME,
} from '../testing/memory-edge.js'
import { keepsAlive } from './response.js'

const peer: PeerFacts = { address: '127.0.0.1', proto: 'http', port: 80, trusted: false, isTrusted: () => false }

const FORWARDING = /^(?:forwarded|x[-_]forwarded[-_](?:for|proto|host|port))[\t ]*:/gim

/** What a local app does with a request: one for each stream, in turn. */
const appKinds = ['echo', 'chunked', 'early', 'interim', 'empty', 'close', 'reset', 'enough', 'upgrade'] as const
type AppKind = (typeof appKinds)[number]
const apps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom<AppKind>('echo', 'chunked', 'early', 'interim', 'upgrade') },
    { weight: 1, arbitrary: fc.constantFrom<AppKind>(...appKinds) },
  ),
  { minLength: 1, maxLength: 5 },
)

function runApp({ stream, open, handler }: OpenedStream, kind: AppKind): void {
  const upgrade = open.kind === 2
  const answer = (status: string, lines: string, parts: Buffer[], trailers?: string) => {
    const bodyless = open.head.startsWith('HEAD ')
    stream.sendHead(`HTTP/1.1 ${status}\r\nX-Stream: ${stream.id}\r\n${lines}`, bodyless)
    if (bodyless) return
    for (const part of parts) stream.write(part)
    stream.end(trailers)
  }
  const whenRead = (run: () => void) => {
    // Who asks for an upgrade says nothing more before the answer, not even that this was all.
    if (upgrade) run()
    else handler.onEnd = run
  }
  switch (kind) {
    case 'early':
      answer('200 Early', 'Content-Length: 5\r\n', [Buffer.from('early')])
      return
    case 'interim':
      stream.sendInterim('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n')
      whenRead(() => answer('200 OK', 'Content-Length: 0\r\n', []))
      return
    case 'chunked':
      whenRead(() => {
        const parts = [Buffer.from('some'), Buffer.from('thing')]
        answer('200 OK', 'Transfer-Encoding: chunked\r\n', parts, 'X-Trailer: 1\r\n')
      })
      return
    case 'empty':
      whenRead(() => answer('204 No Content', '', []))
      return
    case 'close':
      whenRead(() => answer('200 OK', '', [Buffer.from('until the end')]))
      return
    case 'reset':
      whenRead(() => stream.reset('TUN_ERR_ORIGIN_RESET', 'broke off'))
      return
    case 'enough':
      answer('413 Enough', 'Content-Length: 0\r\n', [])
      if (!open.bodyless && !upgrade) stream.stopReceiving('TUN_ERR_NO_BODY_NEEDED', 'enough')
      return
    case 'upgrade':
      if (upgrade) stream.sendHead('HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n', false)
      else whenRead(() => answer('426 Upgrade', 'Content-Length: 0\r\n', []))
      return
    default:
      whenRead(() => answer('200 OK', `Content-Length: ${handler.bytes.length}\r\n`, [handler.bytes]))
  }
}

/** What has to come of a visitor's bytes. */
interface Expected {
  walk: Walk<RequestHead>
  /** Indexes of the messages that reach the agent. */
  streams: number[]
  /** Status and method of each answer that the visitor gets, in full. */
  answers: Array<[number, string]>
  end: 'waits' | 'closes' | 'resets' | 'raw' | 'handed over'
}

const answerOf: Record<AppKind, number> = {
  ...{
    echo: 200,
    chunked: 200,
    early: 200,
    interim: 200,
    empty: 204,
    close: 200,
    reset: 502,
    enough: 413,
    upgrade: 426,
  },
}

/**
 * The same decisions as the edge has to make, one message after the other and without any I/O. `arrived`: how many bytes are
 * there when the app first hears of the request whose head ends at an offset.
 */
function expect(bytes: Buffer, kinds: AppKind[], arrived: (offset: number) => number): Expected {
  const options = { maxHeadBytes: MAX_HEADER_BYTES }
  const walk = walkRequests([bytes], options)
  const expected: Expected = { walk, streams: [], answers: [], end: 'waits' }
  for (const [index, { head, complete, headEnd }] of walk.messages.entries()) {
    const { method } = head
    const route = routeHost(head.host, EDGE_DOMAIN)
    if (route.kind === 'server') return { ...expected, end: 'handed over' }
    if (route.kind === 'foreign' || route.name !== TUNNEL_NAME) {
      expected.answers.push([404, method])
      if (head.framing !== 'none' || !keepsAlive(head)) return { ...expected, end: 'closes' }
      continue
    }
    const kind = kinds[expected.streams.length % kinds.length]!
    const upgrade = head.upgrade !== undefined
    const early = kind === 'early' || kind === 'enough'
    expected.streams.push(index)
    if (kind === 'upgrade' && upgrade) {
      expected.answers.push([101, method])
      return { ...expected, end: 'raw' }
    }
    // What is malformed, or complete, before the app could say that it wants no more goes another way than what is so afterwards.
    const atAnswer = walkRequests([bytes.subarray(0, arrived(headEnd))], options)
    const message = atAnswer.messages[index]!
    const tooLate = !message.complete && atAnswer.fault !== undefined
    if (complete || (early && !tooLate)) expected.answers.push([answerOf[kind], method])
    if (kind === 'enough' && !message.complete && !tooLate) return { ...expected, end: 'closes' }
    if (!complete) {
      if (walk.fault === undefined) return expected
      if (early && !tooLate) return { ...expected, end: 'resets' }
      expected.answers.push([errorTable[walk.fault.code].status!, method])
      return { ...expected, end: 'closes' }
    }
    const unframed = kind === 'close' && method !== 'HEAD'
    const dechunked = kind === 'chunked' && head.minor === 0 && method !== 'HEAD'
    const cutShort = kind === 'reset' && head.framing !== 'none'
    if (unframed || dechunked || cutShort || !keepsAlive(head)) return { ...expected, end: 'closes' }
  }
  if (walk.fault === undefined) return expected
  expected.answers.push([errorTable[walk.fault.code].status!, ''])
  return { ...expected, end: 'closes' }
}

/** A visitor's answers are the ones expected, each well-formed and in its place, with nothing behind them. */
function checkAnswers({ answers, end }: Expected, visitor: MemoryVisitor): void {
  const methods = answers.map(([, method]) => method)
  const { messages, fault, started } = walkResponses([visitor.received], methods, {
    last: (head) => ('status' in head && head.status === 101 ? 'message' : undefined),
  })
  assert.deepEqual([fault, started], [undefined, false])
  const finals = messages.filter(({ head }) => head.status >= 200 || head.status === 101)
  assert.deepEqual(
    finals.map(({ head }) => (head.status === 431 ? 400 : head.status)),
    // Whether a head is too large before it is malformed depends on where the bytes are cut.
    answers.map(([status]) => (status === 431 ? 400 : status)),
  )
  const streams = finals.flatMap(({ head }) => /^X-Stream: (\d+)\r$/m.exec(head.forward)?.[1] ?? []).map(Number)
  assert.deepEqual(
    streams,
    [...new Set(streams)].sort((a, b) => a - b),
    'answers in the order of the requests',
  )
  for (const [i, { head, complete }] of finals.entries()) {
    const last = i === finals.length - 1
    assert.ok(complete || (last && head.framing === 'close'))
    // An app that reads no further than its answer has said nothing of it before. An early answer may have to end a connection that does not
    // get as far.
    if (!last) assert.equal(head.connectionClose, false, 'the connection has gone on')
    else if (end === 'closes' && head.status !== 413) assert.equal(head.connectionClose, true, 'the visitor is told')
  }
}

const conversation = fc
  .array(mutated(requests()), { minLength: 1, maxLength: 5 })
  .map((list) => readable(Buffer.concat(list)))
const leaving = fc.constantFrom('end', 'destroy', 'reset')

function leave({ socket }: MemoryVisitor, how: string): void {
  if (how === 'end') socket.end()
  else if (how === 'destroy') socket.destroy()
  else socket.resetAndDestroy()
}

async function nothingIsLeft(edge: MemoryEdge, pair: SessionPair): Promise<void> {
  await settle(() => pair.pump())
  assert.equal(edge.connections.size, 0)
  assert.deepEqual([pair.server.streamCount, pair.agent.streamCount], [0, 0])
  assert.equal(edge.admission.visitors, 0)
  assert.deepEqual([pair.server.heldBytes, pair.closed.server, pair.closed.agent], [0, [], []])
}

test('whatever a visitor sends, its requests and nothing else reach the app, and it gets their answers', async () => {
  const seen = { streams: 0, waits: 0, closes: 0, resets: 0, raw: 0, 'handed over': 0 }
  const check = fc.asyncProperty(
    conversation,
    cuts,
    fc.boolean(),
    apps,
    leaving,
    async (bytes, at, slowly, kinds, how) => {
      const pair = new SessionPair()
      pair.onOpen = (opened) => runApp(opened, kinds[(pair.opened.length - 1) % kinds.length]!)
      const edge = new MemoryEdge(pair.server)
      const visitor = edge.connect()
      for (const part of cut(bytes, at)) {
        visitor.socket.write(part)
        if (slowly) await settle(() => pair.pump())
      }
      await settle(() => pair.pump())

      const offsets = slowly
        ? cut(bytes, at).map(
            (
              (sum) => (part: Buffer) =>
                (sum += part.length)
            )(0),
          )
        : [bytes.length]
      const expected = expect(bytes, kinds, (offset) => offsets.find((each) => each >= offset)!)
      const { walk, streams, end } = expected
      seen.streams += streams.length
      seen[end]++
      assert.equal(pair.opened.length, streams.length)
      for (const [i, { open, handler }] of pair.opened.entries()) {
        const { head, body, trailers, complete } = walk.messages[streams[i]!]!
        const upgradeLines = head.upgrade === undefined ? '' : `Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n`
        const lines = `${head.forward}${provenance(head, peer).lines}${upgradeLines}`
        assert.equal(open.head, `${head.method} ${head.target} HTTP/1.1\r\n${lines}`)
        // Whatever may be taken for it: where a request comes from, the edge alone says.
        const says = [...`${open.head}${handler.trailers}`.matchAll(FORWARDING)]
        assert.equal(says.length, 5)
        const last = i === streams.length - 1
        if (last && end === 'raw') {
          assert.ok(handler.bytes.equals(bytes.subarray(walk.messages[streams[i]!]!.end)))
          continue
        }
        // An app that had enough looks at nothing more; a request that breaks off may have lost what had not left yet.
        if (kinds[i % kinds.length] === 'enough') continue
        if (handler.error === undefined || complete)
          assert.equal(handler.bytes.toString('latin1'), body.toString('latin1'))
        else assert.ok(body.subarray(0, handler.bytes.length).equals(handler.bytes))
        assert.equal(handler.trailers, complete ? withoutForwarding(trailers) : '')
      }
      assert.deepEqual([visitor.over, visitor.wasReset], [end === 'closes' || end === 'resets', end === 'resets'])
      if (end === 'handed over') assert.equal(edge.handedOver.length, 1)
      else assert.equal(edge.handedOver.length, 0)
      checkAnswers(expected, visitor)

      leave(visitor, how)
      // After an upgrade a visitor who has ended may still be read from; it is the app that has to end as well.
      if (end === 'raw' && how !== 'reset') pair.opened.at(-1)!.stream.end()
      await nothingIsLeft(edge, pair)
    },
  )
  await fc.assert(check, fuzzing(2_000))
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `no case of: ${what}`)
})

test('a visitor who leaves at any byte leaves nothing behind', async () => {
  const check = fc.asyncProperty(conversation, cuts, fc.nat(8), apps, leaving, async (bytes, at, parts, kinds, how) => {
    const pair = new SessionPair()
    pair.onOpen = (opened) => runApp(opened, kinds[(pair.opened.length - 1) % kinds.length]!)
    const edge = new MemoryEdge(pair.server)
    const visitors = [edge.connect(), edge.connect()]
    for (const visitor of visitors) {
      for (const [i, part] of cut(bytes, at).entries()) {
        if (i === parts) break
        visitor.socket.write(part)
        if (i % 2 === 0) await settle(() => pair.pump())
      }
      leave(visitor, how)
    }
    await settle(() => pair.pump())
    // Only an upgraded connection outlives the visitor's end: the app has to end it too.
    for (const { stream } of pair.opened) stream.end()
    await nothingIsLeft(edge, pair)
  })
  await fc.assert(check, fuzzing(500))
})

/** Requests whose answers cost the edge more than they cost the visitor. */
const cheapRequests: Array<[string, string]> = [
  ['to no tunnel', 'GET / HTTP/1.1\r\nHost: none.localhost\r\n\r\n'],
  ['for an empty answer', `GET / HTTP/1.1\r\nHost: ${TUNNEL_NAME}.localhost\r\n\r\n`],
]
for (const [what, request] of cheapRequests) {
  test(`requests ${what} are not read on while their answers are not`, async () => {
    const pair = new SessionPair()
    pair.onOpen = (opened) => runApp(opened, 'empty')
    const edge = new MemoryEdge(pair.server)
    const visitor = edge.connect()
    visitor.socket.pause()
    const pieces = 40
    const piece = Buffer.from(request.repeat(100))
    for (let i = 0; i < pieces; i++) {
      visitor.socket.write(piece)
      await settle(() => pair.pump())
    }
    const held = visitor.far.writableLength
    assert.ok(held < 512 * 1024, `${held} bytes of answers are held`)
    visitor.socket.resume()
    for (let before = -1; visitor.received.length > before; ) {
      before = visitor.received.length
      await settle(() => pair.pump())
    }
    assert.equal(walkResponses([visitor.received], []).messages.length, pieces * 100)
    leave(visitor, 'end')
    await nothingIsLeft(edge, pair)
  })
}
