import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type http from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { canMeasureMemory, memoryMiB, peakMemoryMiB } from './support/memory.js'
import { eventually, type Running } from './support/process.js'
import { open, RawVisitor, responseOf, visit } from './support/visitor.js'
import { World } from './support/world.js'

const GIB = 1024 ** 3
const MAX_GROWTH_MIB = 64

/** `bytes` of data that differs from block to block, so that lost, doubled or swapped blocks change the hash. */
function* blocks(bytes: number): Generator<Buffer> {
  const base = createHash('sha512').update('tunnel').digest()
  const block = Buffer.alloc(64 * 1024, base)
  for (let sent = 0, n = 0; sent < bytes; n++) {
    const part = Buffer.from(block.subarray(0, Math.min(block.length, bytes - sent)))
    part.writeUInt32BE(n, 0)
    sent += part.length
    yield part
  }
}

function hashOfBlocks(bytes: number): string {
  const hash = createHash('sha256')
  for (const block of blocks(bytes)) hash.update(block)
  return hash.digest('hex')
}

async function hashOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of stream) hash.update(part)
  return hash.digest('hex')
}

const bulkApp: http.RequestListener = (request, response) => {
  if (request.method === 'POST') {
    void hashOf(request).then((hash) => response.end(hash))
    return
  }
  const bytes = Number(new URL(request.url!, 'http://x').searchParams.get('bytes'))
  response.setHeader('content-length', bytes)
  pipeline(Readable.from(blocks(bytes)), response).catch(() => {})
}

/** Run `work` and check how far server and agent grew meanwhile. */
async function withBoundedMemory(processes: Running[], work: () => Promise<void>): Promise<void> {
  const before = canMeasureMemory ? processes.map(({ pid }) => memoryMiB(pid)) : []
  await work()
  for (const [i, start] of before.entries()) {
    const growth = peakMemoryMiB(processes[i]!.pid) - start
    assert.ok(growth < MAX_GROWTH_MIB, `process ${i} grew by ${growth.toFixed(1)} MiB`)
  }
}

test('1 GiB down and 1 GiB up arrive as they were sent, in bounded memory', async () => {
  await using world = await World.start()
  const agent = await world.agent('demo', await world.app(bulkApp))
  const expected = hashOfBlocks(GIB)
  await withBoundedMemory([world.server, agent], async () => {
    const download = open(world, 'demo', `/?bytes=${GIB}`)
    download.end()
    assert.equal(await hashOf(await responseOf(download)), expected)

    for (const headers of [{ 'content-length': GIB }, { 'transfer-encoding': 'chunked' }]) {
      const upload = open(world, 'demo', '/', { method: 'POST', headers })
      const answer = responseOf(upload)
      await pipeline(Readable.from(blocks(GIB)), upload)
      let hash = ''
      for await (const part of await answer) hash += part
      assert.equal(hash, expected)
    }
  })
})

test('a visitor who stops reading 1 GiB for a while costs bounded memory and delays nobody else', async () => {
  await using world = await World.start()
  let sent = 0
  const port = await world.app((request, response) => {
    if (request.url === '/small') {
      response.end('small')
      return
    }
    response.setHeader('content-length', GIB)
    const source = Readable.from(
      (function* () {
        for (const block of blocks(GIB)) {
          sent += block.length
          yield block
        }
      })(),
      { highWaterMark: 1 },
    )
    pipeline(source, response).catch(() => {})
  })
  const agent = await world.agent('demo', port)
  await withBoundedMemory([world.server, agent], async () => {
    const request = open(world, 'demo', '/big')
    request.end()
    const response = await responseOf(request)
    response.pause()
    // The app has stopped sending when a round of other requests moves nothing any more.
    await eventually('the app is held back', async () => {
      const before = sent
      for (let i = 0; i < 20; i++) {
        const small = open(world, 'demo', '/small')
        small.end()
        const answer = await responseOf(small)
        answer.resume()
        await once(answer, 'end')
      }
      return sent === before && sent > 0
    })
    assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes went out although nobody reads`)
    assert.equal(await hashOf(response), hashOfBlocks(GIB))
  })
})

test('a visitor who sends request after request and reads no answer is not served on and on', async () => {
  await using world = await World.start()
  const requests = 2_000
  const body = Buffer.alloc(64 * 1024, 'x')
  let served = 0
  const agentPort = await world.app((request, response) => {
    if (request.url === '/ahead') served++
    response.end(request.url === '/ahead' ? body : 'small')
  })
  const agent = await world.agent('demo', agentPort)
  await withBoundedMemory([world.server, agent], async () => {
    const visitor = new RawVisitor(world)
    visitor.socket.pause()
    visitor.send('GET /ahead HTTP/1.1\r\nHost: demo.localhost\r\n\r\n'.repeat(requests))
    await eventually('the visitor is held back', async () => {
      const before = served
      for (let i = 0; i < 50; i++) await visit(world, 'demo', '/small')
      return served === before && served > 0
    })
    assert.ok(served < requests, 'all were answered although nobody reads')
    let bytes = 0
    visitor.socket.removeAllListeners('data').on('data', (text: string) => {
      bytes += text.length
    })
    visitor.socket.resume()
    await eventually('all are answered in the end', () => served === requests && bytes > requests * body.length)
  })
})

test('events arrive one by one, each before the next one is sent', async () => {
  await using world = await World.start()
  let send: (text: string) => void = () => {}
  const port = await world.app((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    send = (text) => void response.write(`data: ${text}\n\n`)
    send('0')
  })
  await world.agent('demo', port)
  const request = open(world, 'demo', '/')
  request.end()
  const response = await responseOf(request)
  let text = ''
  response.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  for (let i = 0; i < 10; i++) {
    await eventually(`event ${i}`, () => text.endsWith(`data: ${i}\n\n`))
    send(String(i + 1))
  }
  request.destroy()
})

test('a visitor who leaves in the middle of a download, an upload or a wait ends the request at the app', async () => {
  await using world = await World.start()
  const seen: string[] = []
  const gone: string[] = []
  const port = await world.app((request, response) => {
    seen.push(request.url!)
    response.on('close', () => {
      if (!response.writableFinished) gone.push(request.url!)
    })
    if (request.url === '/download') {
      response.setHeader('content-length', GIB)
      pipeline(Readable.from(blocks(GIB)), response).catch(() => {})
    } else {
      request.on('data', () => {})
      request.on('error', () => {})
    }
  })
  await world.agent('demo', port)

  const download = open(world, 'demo', '/download')
  download.end()
  await once(await responseOf(download), 'data')
  download.destroy()
  await eventually('the download is given up', () => gone.includes('/download'))

  const upload = open(world, 'demo', '/upload', { method: 'POST', headers: { 'content-length': GIB } })
  upload.on('error', () => {})
  upload.write(Buffer.alloc(64 * 1024))
  await eventually('the upload is at the app', () => seen.includes('/upload'))
  upload.destroy()
  await eventually('the upload is given up', () => gone.includes('/upload'))

  const wait = new RawVisitor(world)
  wait.send('GET /wait HTTP/1.1\r\nHost: demo.localhost\r\n\r\n')
  await eventually('the request is at the app', () => seen.includes('/wait'))
  wait.socket.end()
  await eventually('the wait is given up', () => gone.includes('/wait'))
})

for (const [framing, head] of [
  ['Content-Length', 'Content-Length: 1000\r\n'],
  ['chunks', 'Transfer-Encoding: chunked\r\n'],
] as const) {
  test(`an app that breaks off in the middle of ${framing} breaks the visitor's connection, it does not end it`, async () => {
    await using world = await World.start()
    let breakOff = () => {}
    const port = await world.rawApp((socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n${framing === 'chunks' ? '5\r\nhello\r\n' : 'hello'}`)
        breakOff = () => void socket.end()
      })
    })
    await world.agent('demo', port)
    const visitor = new RawVisitor(world)
    visitor.send('GET / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n')
    await visitor.until((text) => text.includes('hello'))
    breakOff()
    assert.equal(await visitor.closed(), 'broken')
    assert.match(visitor.received, /^HTTP\/1\.1 200 OK\r\n/)
  })
}

test('an answer that ends with its connection arrives whole, and one that is reset arrives broken', async () => {
  await using world = await World.start()
  let end = () => {}
  const port = await world.rawApp((socket) => {
    socket.once('data', (head: Buffer) => {
      const whole = head.toString().startsWith('GET /whole')
      end = () => void (whole ? socket.end() : socket.resetAndDestroy())
      socket.write('HTTP/1.1 200 OK\r\n\r\nhello')
    })
  })
  await world.agent('demo', port)
  for (const [path, expected] of [
    ['/whole', 'ended'],
    ['/reset', 'broken'],
  ]) {
    const visitor = new RawVisitor(world)
    visitor.send(`GET ${path} HTTP/1.1\r\nHost: demo.localhost\r\n\r\n`)
    await visitor.until((text) => text.endsWith('Connection: close\r\n\r\nhello'))
    end()
    assert.equal(await visitor.closed(), expected, path)
  }
})

test('what is no HTTP from the app is a 502, and the tunnel goes on', async () => {
  await using world = await World.start()
  const answers = [
    'garbage\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    'HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n',
    '',
  ]
  const port = await world.rawApp((socket) => {
    socket.once('data', (head: Buffer) =>
      socket.end(answers[Number(/^GET \/(\d)/.exec(head.toString())![1])]!, 'latin1'),
    )
  })
  await world.agent('demo', port)
  for (const i of answers.keys()) {
    const request = open(world, 'demo', `/${i}`)
    request.end()
    const response = await responseOf(request)
    response.resume()
    assert.equal(response.statusCode, 502)
    assert.equal(response.headers['x-tunnel-error'], 'TUN_ERR_ORIGIN_RESET')
  }
})

test('bytes behind a complete answer are never taken for the next one', async () => {
  await using world = await World.start()
  let connections = 0
  const port = await world.rawApp((socket) => {
    const connection = ++connections
    socket.on('data', () => {
      const stray = connection === 1 ? 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison' : ''
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood${stray}`)
    })
  })
  await world.agent('demo', port)
  for (let i = 0; i < 3; i++) {
    const request = open(world, 'demo', '/')
    request.end()
    let text = ''
    for await (const part of await responseOf(request)) text += part
    assert.equal(text, 'good')
  }
  assert.equal(connections, 2)
})
