import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TunnelError } from '../errors.js'
import { cut } from '../testing/cut.js'
import { BodyReader } from './body.js'
import type { Framing } from './head.js'

interface Result {
  body: string
  /** Undefined while the body is not over. */
  trailers: string | undefined
  /** What follows the body. */
  rest: string
  done: boolean
}

function read(framing: Framing, length: number, chunks: Buffer[]): Result {
  const result: Result = { body: '', trailers: undefined, rest: '', done: false }
  const reader = new BodyReader(
    framing,
    length,
    {
      onBody: (part) => {
        assert.equal(result.trailers, undefined, 'bytes after the end')
        assert.ok(part.length > 0, 'an empty part')
        result.body += part.toString('latin1')
      },
      onBodyEnd: (trailers) => {
        assert.equal(result.trailers, undefined, 'ended twice')
        result.trailers = trailers
      },
    },
    'TUN_ERR_BAD_REQUEST',
  )
  for (const chunk of chunks) {
    const end = reader.feed(chunk, 0)
    assert.ok(end <= chunk.length)
    result.rest += chunk.toString('latin1', end)
    assert.ok(reader.done || end === chunk.length)
  }
  result.done = reader.done
  return result
}

const chunked = (text: string) => read('chunked', -1, [Buffer.from(text, 'latin1')])
const cuts = fc.array(fc.nat(3_000), { maxLength: 30 })

test('a body of known length ends there, cut anywhere, and what follows is left', () => {
  const check = fc.property(fc.integer({ min: 1, max: 500 }), fc.nat(50), cuts, (length, more, at) => {
    const bytes = Buffer.from('x'.repeat(length) + 'y'.repeat(more))
    const expected = { body: 'x'.repeat(length), trailers: '', rest: 'y'.repeat(more), done: true }
    assert.deepEqual(read('length', length, cut(bytes, at)), expected)
  })
  fc.assert(check)
})

test('a body of known length that is not all there is not over', () => {
  assert.deepEqual(read('length', 5, [Buffer.from('four')]), {
    body: 'four',
    trailers: undefined,
    rest: '',
    done: false,
  })
})

test('no body takes nothing, and a body until close takes everything and never ends', () => {
  assert.deepEqual(read('none', -1, [Buffer.from('next')]), { body: '', trailers: undefined, rest: 'next', done: true })
  assert.deepEqual(read('close', -1, [Buffer.from('all'), Buffer.from(' of it')]), {
    body: 'all of it',
    trailers: undefined,
    rest: '',
    done: false,
  })
})

test('a whole chunk of the connection that is all body is passed on itself', () => {
  const parts: Buffer[] = []
  const reader = new BodyReader(
    'length',
    10,
    { onBody: (part) => parts.push(part), onBodyEnd() {} },
    'TUN_ERR_BAD_REQUEST',
  )
  const chunk = Buffer.from('hello')
  reader.feed(chunk, 0)
  assert.equal(parts[0], chunk)
})

const good: Array<[string, string, string, string]> = [
  ['nothing', '0\r\n\r\n', '', ''],
  ['one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello', ''],
  ['hex digits in both cases', 'a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n', '01234567890123456789a', ''],
  ['leading zeros', '0000000000005\r\nhello\r\n000\r\n\r\n', 'hello', ''],
  ['extensions', '5;a=b;c="d \\"e\xff"\r\nhello\r\n0 ; last\r\n\r\n', 'hello', ''],
  ['CRLF and chunk lines inside a chunk', '7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n', '\r\n0\r\n\r\n', ''],
  ['trailers', '1\r\nx\r\n0\r\nA: 1\r\nb:\xff\r\n\r\n', 'x', 'A: 1\r\nb:\xff\r\n'],
]
for (const [what, bytes, body, trailers] of good) {
  test(`a chunked body with ${what} is read, cut anywhere, and what follows is left`, () => {
    const expected = { body, trailers, rest: 'next', done: true }
    const all = Buffer.from(`${bytes}next`, 'latin1')
    for (let at = 0; at <= all.length; at++) assert.deepEqual(read('chunked', -1, cut(all, [at])), expected)
    assert.deepEqual(
      read(
        'chunked',
        -1,
        [...all].map((byte) => Buffer.from([byte])),
      ),
      expected,
    )
  })
}

const bad: Array<[string, string]> = [
  ['no size', '\r\n'],
  ['a size that is no number', 'x\r\n'],
  ['a negative size', '-1\r\n'],
  ['a size with a sign', '+5\r\nhello'],
  ['Content-Length in trailers', '1\r\nx\r\n0\r\nA: b\r\ncontent-length: 5\r\n\r\n'],
  ['0x in front of a size', '0x5\r\nhello'],
  ['an underscore in a size', '1_0\r\n'],
  ['white space in front of a size', ' 5\r\nhello'],
  ['an extension without a name', '5;\r\nhello'],
  ['an extension whose value is missing', '5;a=\r\nhello'],
  ['a quoted extension that does not end', '5;a="b\r\nhello'],
  ['an extension name that is no token', '5;\xff\r\nhello'],
  ['white space behind a size', '5 \r\nhello'],
  ['white space behind the last size', '5\r\nhello\r\n0\t\r\n\r\n'],
  ['a size beyond 2^52', '10000000000000\r\n'],
  ['a size of 17 digits that wraps', '10000000000000005\r\nhello'],
  ['a size line that ends in LF', '5\nhello\r\n'],
  ['a size line that ends in CR', '5\rhello\r\n'],
  ['a CR inside a size line', '5\r\r\nhello'],
  ['NUL in an extension', '5;\0\r\nhello'],
  ['a bare CR in an extension', '5;a\rb\r\nhello'],
  ['something else than ; behind a size', '5 a\r\nhello'],
  ['a chunk longer than its size', '5\r\nhello!\r\n0\r\n\r\n'],
  ['much more than its size', `1\r\n${'x'.repeat(100)}`],
  ['a chunk shorter than its size', '6\r\nhello\r\n0\r\n\r\n'],
  ['LF behind a chunk', '5\r\nhello\n0\r\n\r\n'],
  ['nothing behind a chunk', '5\r\nhello0\r\n\r\n'],
  ['a trailer without a colon', '0\r\nnonsense\r\n\r\n'],
  ['a folded trailer', '0\r\nA: 1\r\n b\r\n\r\n'],
  ['a trailer that ends in LF', '0\r\nA: 1\n\r\n'],
  ['NUL in a trailer', '0\r\nA: \0\r\n\r\n'],
  ['a space before the colon of a trailer', '0\r\nA : 1\r\n\r\n'],
  ['LF at the end', '0\r\n\n'],
  ['a size line that is too long', `5;${'x'.repeat(5_000)}`],
  ['trailers that are too long', `0\r\n${'A: 1\r\n'.repeat(4_000)}\r\n`],
  ['a trailer that never ends', `0\r\nA: ${'x'.repeat(20_000)}`],
]
for (const [what, bytes] of bad) {
  test(`a chunked body with ${what} is refused, cut anywhere`, () => {
    assert.throws(() => chunked(bytes), { code: 'TUN_ERR_BAD_REQUEST' })
    for (const size of [1, 2, 3, 7]) {
      const pieces = cut(
        Buffer.from(bytes, 'latin1'),
        Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => i * size),
      )
      assert.throws(() => read('chunked', -1, pieces), { code: 'TUN_ERR_BAD_REQUEST' })
    }
  })
}

test('what is malformed is refused with the code that the reader was given', () => {
  const reader = new BodyReader('chunked', -1, { onBody() {}, onBodyEnd() {} }, 'TUN_ERR_ORIGIN_RESET')
  assert.throws(() => reader.feed(Buffer.from('x\r\n'), 0), { code: 'TUN_ERR_ORIGIN_RESET' })
})

test('a chunked body that is not all there is not over, wherever it stops', () => {
  const bytes = Buffer.from('5;x\r\nhello\r\n0\r\nA: 1\r\n\r\n')
  for (let at = 0; at < bytes.length; at++) {
    const { trailers, done } = read('chunked', -1, [bytes.subarray(0, at)])
    assert.deepEqual([trailers, done], [undefined, false])
  }
})

test('any chunking, cut at any bytes, gives the same body and trailers', () => {
  const payload = fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
  const extension = fc.constantFrom('', '', ';a', ';a=b', ' ; x="y;z"', ';x="\xff"')
  const trailer = fc.stringMatching(/^x[A-Za-z]{1,8}:[\x20-\x7e]{0,10}$/)
  const check = fc.property(
    fc.array(fc.tuple(payload, extension), { maxLength: 12 }),
    fc.array(trailer, { maxLength: 4 }),
    cuts,
    (chunks, trailers, at) => {
      const lines = trailers.map((line) => `${line}\r\n`).join('')
      const body = chunks.map(([text, more]) => `${text.length.toString(16)}${more}\r\n${text}\r\n`).join('')
      const bytes = Buffer.from(`${body}0\r\n${lines}\r\nHTTP`, 'latin1')
      assert.deepEqual(read('chunked', -1, cut(bytes, at)), {
        body: chunks.map(([text]) => text).join(''),
        trailers: lines,
        rest: 'HTTP',
        done: true,
      })
    },
  )
  fc.assert(check, { numRuns: 500 })
})

test('whatever bytes come, a chunked body is read or refused', () => {
  const piece = fc.constantFrom('5', '0', 'a', 'F', ';', '\r\n', '\r', '\n', ' ', 'hello', 'A: 1', ':', '\0', '\xff')
  const check = fc.property(fc.array(piece, { maxLength: 30 }), cuts, (pieces, at) => {
    const bytes = Buffer.from(pieces.join(''), 'latin1')
    const outcome = (chunks: Buffer[]): string => {
      try {
        return JSON.stringify(read('chunked', -1, chunks))
      } catch (error) {
        if (!(error instanceof TunnelError)) throw error
        return error.code
      }
    }
    assert.equal(outcome(cut(bytes, at)), outcome([bytes]))
  })
  fc.assert(check, { numRuns: 2_000 })
})

test('chunks of one byte are passed on a few together, at the end of each read', () => {
  const parts: string[] = []
  let ended = false
  const sink = {
    onBody: (part: Buffer) => void parts.push(part.toString()),
    onBodyEnd: () => {
      ended = true
    },
  }
  const reader = new BodyReader('chunked', -1, sink, 'TUN_ERR_BAD_REQUEST')
  reader.feed(Buffer.from('1\r\na\r\n1\r\nb\r\n1\r\n'), 0)
  assert.deepEqual(parts, ['ab'])
  reader.feed(Buffer.from(`c\r\nff\r\n${'d'.repeat(255)}\r\n1\r\ne\r\n0\r\n\r\n`), 0)
  assert.deepEqual(parts, ['ab', 'c', 'd'.repeat(255), 'e'])
  assert.ok(ended)
  const many = new BodyReader('chunked', -1, sink, 'TUN_ERR_BAD_REQUEST')
  parts.length = 0
  many.feed(Buffer.from('1\r\nx\r\n'.repeat(10_000)), 0)
  assert.equal(parts.join(''), 'x'.repeat(10_000))
  assert.ok(parts.length < 5)
})
