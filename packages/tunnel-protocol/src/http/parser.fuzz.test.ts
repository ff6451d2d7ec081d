import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { ErrorCode } from '../errors.js'
import { cut } from '../testing/cut.js'
import { cuts, fuzzing, readable } from '../testing/fuzz.js'
import { bodies, interims, mutated, requests, responses } from '../testing/http-messages.js'
import { type Walk, walkRequests, walkResponses } from '../testing/http-walk.js'
import { BodyReader } from './body.js'
import { provenance } from './forwarded.js'
import { parseRequestHead, parseResponseHead, type RequestHead, type ResponseHead } from './head.js'
import { HeadReader } from './head-reader.js'

const MAX_HEAD_BYTES = 1_000
const LONGEST_CUT_BYTEWISE = 1_500

const requestCodes: ErrorCode[] = [
  'TUN_ERR_BAD_REQUEST',
  'TUN_ERR_METHOD',
  'TUN_ERR_NOT_IMPLEMENTED',
  'TUN_ERR_HTTP_VERSION',
  'TUN_ERR_HEAD_TOO_LARGE',
  'TUN_ERR_URI_TOO_LONG',
]
const responseCodes: ErrorCode[] = [
  'TUN_ERR_ORIGIN_RESET',
  'TUN_ERR_BAD_REQUEST',
  'TUN_ERR_HEAD_TOO_LARGE',
  'TUN_ERR_URI_TOO_LONG',
]

const conversation = fc
  .array(mutated(requests()), { minLength: 1, maxLength: 4 })
  .map((list) => readable(Buffer.concat(list)))
const answers = fc
  .array(fc.tuple(interims, mutated(responses)), { minLength: 1, maxLength: 3 })
  .map((list) =>
    readable(
      Buffer.concat(list.flatMap(([before, response]) => [...before.map((each) => Buffer.from(each)), response])),
    ),
  )
const methods = fc.array(fc.constantFrom('GET', 'GET', 'HEAD', 'POST'), { minLength: 3, maxLength: 3 })

/** Codes that may stand for each other: a head may be malformed and too large, and HeadReader does not know whose it reads. */
const malformed: ErrorCode[] = [
  'TUN_ERR_BAD_REQUEST',
  'TUN_ERR_HEAD_TOO_LARGE',
  'TUN_ERR_URI_TOO_LONG',
  'TUN_ERR_ORIGIN_RESET',
]

/** What was found, for comparison. */
function found({ messages, fault, started, end }: Walk<RequestHead | ResponseHead>): object {
  const code = fault !== undefined && malformed.includes(fault.code) ? 'malformed' : fault?.code
  const list = messages.map(({ text, body, trailers, complete }) => [text, body.toString('latin1'), trailers, complete])
  return { list, code, ...(fault === undefined ? { started, end } : {}) }
}

/** However `bytes` come, the same is found in them. */
function sameInPieces(
  bytes: Buffer,
  at: number[],
  walk: (chunks: Buffer[]) => Walk<RequestHead | ResponseHead>,
  codes: ErrorCode[],
): void {
  const whole = walk([bytes])
  const ways = [cut(bytes, at)]
  if (bytes.length <= LONGEST_CUT_BYTEWISE) ways.push([...bytes].map((byte) => Buffer.of(byte)))
  for (const chunks of ways) {
    const inPieces = walk(chunks)
    assert.deepEqual(found(inPieces), found(whole))
    for (const { fault } of [whole, inPieces]) {
      if (fault !== undefined) assert.ok(codes.includes(fault.code), `${fault.stack}\n${(fault.cause as Error)?.stack}`)
    }
  }
}

test('requests are the same however their bytes are cut, and fail with a code', () => {
  const check = fc.property(conversation, cuts, (bytes, at) =>
    sameInPieces(bytes, at, (chunks) => walkRequests(chunks, { maxHeadBytes: MAX_HEAD_BYTES }), requestCodes),
  )
  fc.assert(check, fuzzing(2_000))
})

test('responses are the same however their bytes are cut, and fail with a code', () => {
  const check = fc.property(answers, methods, cuts, (bytes, asked, at) =>
    sameInPieces(bytes, at, (chunks) => walkResponses(chunks, asked, { maxHeadBytes: MAX_HEAD_BYTES }), responseCodes),
  )
  fc.assert(check, fuzzing(2_000))
})

test('random bytes are the same however they are cut, and fail with a code', () => {
  const check = fc.property(fc.uint8Array({ maxLength: 200 }), cuts, (bytes, at) => {
    sameInPieces(Buffer.from(bytes), at, (chunks) => walkRequests(chunks), requestCodes)
    sameInPieces(Buffer.from(bytes), at, (chunks) => walkResponses(chunks, []), responseCodes)
  })
  fc.assert(check, fuzzing(500))
})

/** What decides where a message ends, and what is passed on of it. */
function meaning(head: RequestHead | ResponseHead): object {
  const { framing, contentLength, forward, minor } = head
  return 'status' in head
    ? { framing, contentLength, forward, minor, status: head.status, reason: head.reason }
    : { framing, contentLength, forward, minor, method: head.method, target: head.target, host: head.host }
}

test('a request head that was accepted reads the same once it is passed on', () => {
  let accepted = 0
  const check = fc.property(mutated(requests()), (bytes) => {
    for (const { head } of walkRequests([bytes]).messages) {
      accepted++
      const again = parseRequestHead(`${head.method} ${head.target} HTTP/1.${head.minor}\r\n${head.forward}`)
      assert.deepEqual(meaning(again), meaning(head))
      assert.deepEqual([again.connectionClose, again.connectionKeepAlive, again.upgrade], [false, false, undefined])
    }
  })
  fc.assert(check, fuzzing(1_500))
  assert.ok(accepted > fuzzing(500).numRuns, `only ${accepted} heads were accepted`)
})

test('a response head that was accepted reads the same once it is passed on', () => {
  let accepted = 0
  const check = fc.property(mutated(responses), methods, (bytes, [method]) => {
    for (const { head } of walkResponses([bytes], [method!]).messages.slice(0, 1)) {
      accepted++
      const again = parseResponseHead(`HTTP/1.${head.minor} ${head.status} ${head.reason}\r\n${head.forward}`, method!)
      assert.deepEqual(meaning(again), meaning(head))
      assert.deepEqual([again.connectionClose, again.upgrade, again.keepAliveTimeout], [false, undefined, -1])
    }
  })
  fc.assert(check, fuzzing(1_500))
  assert.ok(accepted > fuzzing(500).numRuns, `only ${accepted} heads were accepted`)
})

// What is kept, and how often it is moved.

test('a head without an end is refused as soon as it is over its limit', () => {
  const pieces = fc.array(fc.constantFrom('a', ': ', 'X', '\r\n', '\r', 'value value'), { minLength: 1, maxLength: 20 })
  const check = fc.property(pieces, fc.integer({ min: 1, max: 200 }), (parts, limit) => {
    const reader = new HeadReader(limit)
    let given = 0
    const feed = () => {
      for (let i = 0; given <= limit + 3; i++) {
        const chunk = Buffer.from(`Y${parts[i % parts.length]}`)
        if (reader.read(chunk, 0) !== undefined) return
        given += chunk.length
      }
    }
    // Or as soon as a CR stands without its LF.
    assert.throws(feed, { code: /^TUN_ERR_(?:HEAD_TOO_LARGE|URI_TOO_LONG|BAD_REQUEST)$/ })
  })
  fc.assert(check, fuzzing(200))
})

const endless: Array<[string, string, string]> = [
  ['a chunk size', '', '0'],
  ['a chunk extension', '5;', 'ext'],
  ['a trailer line', '0\r\nX: ', 'x'],
  ['trailer lines', '0\r\n', 'X: y\r\n'],
  ['what follows a chunk', '1\r\na', 'a'],
]
for (const [what, start, more] of endless) {
  test(`${what} without an end is refused after 16 KiB at the latest`, () => {
    for (const pieceBytes of [more.length, 1_000, 4_096]) {
      const reader = new BodyReader('chunked', -1, { onBody() {}, onBodyEnd() {} }, 'TUN_ERR_BAD_REQUEST')
      const piece = Buffer.from(more.repeat(Math.max(1, Math.floor(pieceBytes / more.length))))
      const feed = () => {
        reader.feed(Buffer.from(start), 0)
        for (let given = 0; given <= 16 * 1_024; given += piece.length) reader.feed(piece, 0)
      }
      assert.throws(feed, { code: 'TUN_ERR_BAD_REQUEST' })
    }
  })
}

/** Bytes that `run` has copied from buffer to buffer or decoded. */
function bytesMoved(t: TestContext, run: () => void): number {
  let bytes = 0
  const concat = t.mock.method(Buffer, 'concat')
  const copies = t.mock.method(Buffer.prototype, 'copy')
  const sets = t.mock.method(Uint8Array.prototype, 'set')
  run()
  for (const { result } of concat.mock.calls) bytes += result!.length
  for (const { result } of copies.mock.calls) bytes += result as number
  for (const {
    arguments: [from],
  } of sets.mock.calls)
    bytes += from.length
  t.mock.restoreAll()
  return bytes
}

test('a head that comes byte by byte is moved a few times, not once for each byte', (t) => {
  const head = Buffer.from(`GET / HTTP/1.1\r\n${'X-Field: value\r\n'.repeat(1_000)}\r\n`)
  const reader = new HeadReader(head.length)
  const moved = bytesMoved(t, () => {
    let text: string | undefined
    for (let i = 0; i < head.length; i++) text = reader.read(head.subarray(i, i + 1), 0)
    assert.equal(text?.length, head.length - 2)
  })
  assert.ok(moved < 8 * head.length, `${moved} bytes moved for ${head.length}`)
})

/** Seconds of this process's time that `run` takes, the best of a few: what else the machine does adds, and never takes away. */
function cost(run: () => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 5; i++) {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, user + system)
  }
  return best / 1e6
}

const GROWTH = 16
/** 16 times the bytes take 16 times as long, and 256 times where the work is quadratic. */
const MAX_GROWTH = 100
const SHORT = 12 * 1_024

function attempt(parse: () => void): void {
  try {
    parse()
  } catch {
    // Refused: only the time counts.
  }
}

/** A peer that is believed: all it says of its peers is looked at. */
const proxy = { address: '10.0.0.1', proto: 'http' as const, port: 80, trusted: true, isTrusted: () => true }

/** Heads made to send a careless pattern back and forth: many beginnings of a match, and no end. */
const hostileHeads: Array<[string, (bytes: number) => string]> = [
  ['one long line', (n) => `X: ${'a'.repeat(n)}\r\n`],
  ['spaces', (n) => `X:${' '.repeat(n)}b${' '.repeat(n)}\r\n`],
  ['short lines, the last one wrong', (n) => `${'a:b\r\n'.repeat(n / 5)}a b\r\n`],
  ['a name without an end', (n) => `${'a'.repeat(n)}\r\n`],
  ['transfer codings', (n) => `Transfer-Encoding: ${'chunked,'.repeat(n / 8)}x\r\n`],
  ['transfer codings and white space', (n) => `Transfer-Encoding: ${' ,\t'.repeat(n / 3)}chunked \x01\r\n`],
  ['connection options', (n) => `Connection: ${'a,'.repeat(n / 2)}\r\n`],
  ['as many connection options as lines', (n) => `Connection: ${'a,'.repeat(n / 10)}\r\n${'a: b\r\n'.repeat(n / 10)}`],
  ['connection lines', (n) => 'Connection: a\r\n'.repeat(n / 15)],
  ['dropped lines', (n) => 'Keep-Alive: a\r\nX: y\r\n'.repeat(n / 21)],
  ['forwarded lines', (n) => 'X-Forwarded-For: 1.2.3.4\r\n'.repeat(n / 26)],
  ['a chain of proxies', (n) => `X-Forwarded-For: ${'10.0.0.1,'.repeat(n / 9)}\r\n`],
  ['commas', (n) => `X-Forwarded-For: ${','.repeat(n)}a\r\n`],
  ['Forwarded', (n) => `Forwarded: ${'for=10.0.0.1;by=a,'.repeat(n / 18)}\r\n`],
  ['Forwarded in quotes', (n) => `Forwarded: for="${'\\"'.repeat(n / 2)}\r\n`],
  ['Forwarded and white space', (n) => `Forwarded: for=a${' \t'.repeat(n / 2)}b\r\n`],
  ['a host', (n) => `Host: ${':1'.repeat(n / 2)}\r\n`],
  ['a host of digits', (n) => `Host: ${'1'.repeat(n)}:${'1'.repeat(n)}x\r\n`],
  ['digits', (n) => `Content-Length: ${'1'.repeat(n)}\r\n`],
  ['timeouts', (n) => `Keep-Alive: ${', timeout='.repeat(n / 10)}\r\n`],
]
for (const [what, lines] of hostileHeads) {
  test(`a head takes time in proportion to its length: ${what}`, () => {
    const run = (bytes: number) => {
      const text = lines(bytes)
      return cost(() => {
        attempt(() => provenance(parseRequestHead(`GET / HTTP/1.1\r\nHost: a\r\n${text}`), proxy))
        attempt(() => parseRequestHead(`GET / HTTP/1.1\r\n${text}`))
        attempt(() => parseResponseHead(`HTTP/1.1 200 OK\r\n${text}`, 'GET'))
      })
    }
    run(SHORT)
    // A machine that is busy with something else may spoil one comparison, not three.
    const growths = [0, 1, 2].map(() => run(SHORT * GROWTH) / Math.max(run(SHORT), 20e-6))
    assert.ok(Math.min(...growths) < MAX_GROWTH, `${GROWTH} times the bytes took ${growths} times as long`)
  })
}

test('a body gives back what was framed, whatever else is fuzzed', () => {
  let complete = 0
  const check = fc.property(bodies, cuts, ({ framing, line, wire }, at) => {
    const head = Buffer.from(`POST / HTTP/1.1\r\nHost: a\r\n${line}\r\n`)
    const behind = 'GET /behind HTTP/1.1\r\nHost: a\r\n\r\n'
    const { messages, fault } = walkRequests([head, ...cut(Buffer.from(wire + behind, 'latin1'), at)])
    if (fault !== undefined) {
      assert.equal(framing, 'chunked')
      return
    }
    complete++
    assert.equal(messages.length, 2)
    assert.equal(messages[1]!.head.target, '/behind')
    if (framing === 'length') assert.equal(messages[0]!.body.toString('latin1'), wire)
  })
  fc.assert(check, fuzzing(500))
  assert.ok(complete > fuzzing(250).numRuns)
})
