import assert from 'node:assert/strict'
import { METHODS } from 'node:http'
import { test } from 'node:test'
import fc from 'fast-check'
import { Gather } from '../gather.js'
import { fuzzing } from '../testing/fuzz.js'
import { mutated, requests, responses } from '../testing/http-messages.js'
import { type Walked, walkRequests, walkResponses } from '../testing/http-walk.js'
import { fieldsOf, NodeClient, type NodeMessage, NodeServer } from '../testing/node-http.js'
import { writeChunk, writeLastChunk } from './chunked.js'
import { provenance } from './forwarded.js'
import type { RequestHead, ResponseHead } from './head.js'

// node's own parser, in its strict mode, is the second opinion: what we take for one message has to be that message for others too.

const peer = { address: '10.1.2.3', proto: 'http' as const, port: 80, trusted: false, isTrusted: () => false }
const BEHIND = 'GET /behind HTTP/1.1\r\nHost: behind\r\n\r\n'
const ANSWER_BEHIND = 'HTTP/1.1 299 Behind\r\nContent-Length: 2\r\n\r\nok'
const node = new NodeServer()

/** `body` as it goes out again: what was chunked in some way is chunked in ours. */
function framed({ head, body, trailers }: Walked<RequestHead | ResponseHead>): Buffer {
  if (head.framing !== 'chunked') return body
  const to = new Gather()
  writeChunk(to, body)
  writeLastChunk(to, trailers)
  return Buffer.concat(to.take())
}

/** Bytes that RFC 9112 section 3.2 gives no meaning, passed on as they came: apps of old expect them. */
const LATIN1_TARGET = /[\x80-\xff]/

/** Why node refuses what we pass on, where it does. Each of them is refused by the app itself, or means one thing only. */
function nodeIsStricter(head: RequestHead | ResponseHead): string | undefined {
  if (!('method' in head)) return undefined
  if (!METHODS.includes(head.method)) return 'a method that is not registered'
  return LATIN1_TARGET.test(head.target) ? 'latin1 in the target' : undefined
}

/** What we refuse and node takes, by our words, and why that is right. */
const weAreStricter: Array<[RegExp, string]> = [
  [/^the request line is malformed$/, 'RFC 9112 3: one space between the parts; node takes several'],
  [/^the request target and the Host header disagree$/, 'RFC 9112 3.2.2 lets the target win; the app behind may not'],
  [/^the request target is malformed$/, 'RFC 9112 3.2: neither a path nor a URL of http'],
  [/^the Host header is malformed$/, 'RFC 9112 3.2: 400 is a must'],
  [/^the Host header is missing$/, 'node answers 400 as well, and takes the request behind it'],
  [/^there is more than one Host header$/, 'RFC 9112 3.2: 400 is a must'],
  [/^Transfer-Encoding is not part of HTTP\/1\.0$/, 'RFC 9112 6.1: the framing counts as faulty'],
  [/^no transfer coding but chunked is served$/, 'RFC 9112 6.1: 501'],
  [/^Transfer-Encoding is malformed$/, 'RFC 9112 6.1: what is not understood has no length'],
  [/^both Transfer-Encoding and Content-Length are present$/, 'RFC 9112 6.1: also where one of them is empty'],
  [/^Content-Length is not a number$/, 'over 2^53 - 1 it is none that can be counted'],
  [/^HTTP\/[0-9]\.[0-9] is not served here$/, 'RFC 9110 15.6.6: 505'],
  [/^(?:CONNECT|TRACE) is not carried$/, 'RFC 9110 9.3.6, 9.3.8: 405'],
]
const answersWeRefuse: Array<[RegExp, string]> = [
  [/: Transfer-Encoding is not part of HTTP\/1\.0$/, 'RFC 9112 6.1'],
  [/: Transfer-Encoding is malformed$/, 'RFC 9112 6.1'],
  [/: both Transfer-Encoding and Content-Length are present$/, 'RFC 9112 6.1: also where one of them is empty'],
  [/: Content-Length is not a number$/, 'over 2^53 - 1 it is none that can be counted'],
  [/^lines must end in CRLF$/, 'node takes any run of CR and LF behind a status line; RFC 9112 2.2: CRLF'],
  [/: the status line is malformed$/, 'RFC 9112 4: a status under 100, or a control byte in the reason'],
]

function known(list: Array<[RegExp, string]>, words: string | undefined): boolean {
  return list.some(([pattern]) => pattern.test(words ?? ''))
}

/** White space around an extension, and bytes in it that are not ASCII: RFC 9112 section 7.1.1 has them ignored, node refuses them. */
const ODD_CHUNK_LINE = /^[0-9A-Fa-f]+(?:[\t ]|;[^\r\n]*[^\r\n!-~])/m

/** node takes a line without a version for HTTP/0.9. */
const ZERO_NINE = /^[\r\n]*[A-Z]+ [^ \r\n]*\r?\n/

test('whoever takes a request line that the other does not has a reason', async () => {
  const check = fc.asyncProperty(mutated(requests()), async (bytes) => {
    const { messages, fault } = walkRequests([bytes])
    const { requests: seen } = await node.read(bytes)
    const text = bytes.toString('latin1')
    if (messages.length > 0 && seen.length === 0) {
      assert.ok(nodeIsStricter(messages[0]!.head) !== undefined, `only we take ${JSON.stringify(text)}`)
    }
    if (messages.length === 0 && seen.length > 0 && !ZERO_NINE.test(text)) {
      assert.ok(known(weAreStricter, fault?.detail), `only node takes, ${fault?.detail}: ${JSON.stringify(text)}`)
    }
  })
  await fc.assert(check, fuzzing(1_200))
})

test('a request that was accepted with its body is, as it came, the same for node', async () => {
  let accepted = 0
  const check = fc.asyncProperty(mutated(requests()), async (bytes) => {
    const [first] = walkRequests([bytes]).messages
    if (first?.complete !== true || nodeIsStricter(first.head) !== undefined) return
    const { requests: seen } = await node.read(bytes.subarray(0, first.end))
    const wire = bytes.toString('latin1', first.headEnd, first.end)
    if (first.head.framing === 'chunked' && ODD_CHUNK_LINE.test(wire) && seen[0]?.complete !== true) return
    accepted++
    assert.equal(seen[0]?.complete, true)
    assert.equal(seen[0].body.toString('latin1'), first.body.toString('latin1'))
    assert.deepEqual(seen[0].trailers, fieldsOf(first.trailers))
  })
  await fc.assert(check, fuzzing(1_200))
  assert.ok(accepted > fuzzing(300).numRuns, `only ${accepted} requests were accepted`)
})

function assertSame(seen: NodeMessage, ours: Walked<RequestHead | ResponseHead>, lines: string): void {
  assert.deepEqual(seen.fields, fieldsOf(lines))
  assert.equal(seen.body.toString('latin1'), ours.body.toString('latin1'))
  assert.deepEqual(seen.trailers, fieldsOf(ours.trailers))
  assert.equal(seen.complete, true)
}

test('a request that was accepted is, passed on, exactly one request for node, and the same', async () => {
  let accepted = 0
  const check = fc.asyncProperty(mutated(requests()), async (bytes) => {
    const [first] = walkRequests([bytes]).messages
    if (first?.complete !== true || nodeIsStricter(first.head) !== undefined) return
    if (first.head.host === undefined) return // HTTP/1.0 only, and then for the server's own pages
    accepted++
    const { method, target, forward, upgrade } = first.head
    const upgradeLines = upgrade === undefined ? '' : `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`
    const lines = `${forward}${provenance(first.head, peer).lines}${upgradeLines}`
    // Nothing follows a request for an upgrade: it gets a connection of its own.
    const behind = upgrade === undefined ? BEHIND : ''
    const head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'latin1')
    const { requests: seen, refused } = await node.read(Buffer.concat([head, framed(first), Buffer.from(behind)]))
    assert.equal(refused, false)
    const starts = seen.map(({ start }) => start)
    assert.deepEqual(starts, [[method, target], ...(upgrade === undefined ? [['GET', '/behind']] : [])])
    assertSame(seen[0]!, first, lines)
  })
  await fc.assert(check, fuzzing(1_200))
  assert.ok(accepted > fuzzing(400).numRuns, `only ${accepted} requests were accepted`)
})

test('whoever takes a response head that the other does not has a reason', async () => {
  const check = fc.asyncProperty(mutated(responses), fc.constantFrom('GET', 'HEAD'), async (bytes, method) => {
    const { messages, fault } = walkResponses([bytes], [method], { last: () => 'head' })
    const client = new NodeClient()
    const { response, interims, error } = await client.ask(method, bytes, true)
    client.close()
    const text = JSON.stringify(bytes.toString('latin1'))
    const [first] = messages
    if (first !== undefined && response === undefined && interims.length === 0) {
      // node waits for a response behind an interim one, and hands a 101 out only where somebody listens for it.
      const final = first.head.status >= 200
      assert.ok(!final || nodeIsStricter(first.head) !== undefined, `only we take, ${error}: ${text}`)
    }
    if (first === undefined && response !== undefined) {
      assert.ok(known(answersWeRefuse, fault?.detail), `only node takes, ${fault?.detail}: ${text}`)
    }
  })
  await fc.assert(check, fuzzing(1_000))
})

test('a response that was accepted is, passed on, exactly one response for node, and the same', async () => {
  let accepted = 0
  const check = fc.asyncProperty(mutated(responses), fc.constantFrom('GET', 'GET', 'HEAD'), async (bytes, method) => {
    const [first] = walkResponses([bytes], [method], { last: () => 'message' }).messages
    if (first === undefined || first.head.status < 200) return
    const close = first.head.framing === 'close'
    if (!(first.complete || close) || nodeIsStricter(first.head) !== undefined) return
    accepted++
    const { status, reason, forward } = first.head
    const lines = `${forward}${close ? 'Connection: close\r\n' : ''}`
    const head = Buffer.from(`HTTP/1.1 ${status} ${reason}\r\n${lines}\r\n`, 'latin1')
    const client = new NodeClient()
    try {
      const { response, error, kept } = await client.ask(method, Buffer.concat([head, framed(first)]), close)
      assert.ok(response !== undefined, error)
      assert.deepEqual(response.start, [String(status), reason])
      assertSame(response, first, lines)
      // node also closes behind an answer to HEAD that does not say how long a body there would have been.
      const says = first.head.contentLength >= 0 || first.head.framing === 'chunked' || status === 204 || status === 304
      if (!close && says) assert.ok(kept, 'node does not keep the connection')
      if (!kept) return
      const behind = await client.ask('GET', Buffer.from(ANSWER_BEHIND), false)
      assert.deepEqual(behind.response?.start, ['299', 'Behind'])
    } finally {
      client.close()
    }
  })
  await fc.assert(check, fuzzing(1_000))
  assert.ok(accepted > fuzzing(300).numRuns, `only ${accepted} responses were accepted`)
})
