import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { type Demo, downloadBlocks, startDemo } from './index.js'

let demo: Demo
let base: string
before(async () => {
  demo = await startDemo({ port: 0 })
  base = `http://127.0.0.1:${demo.port}`
})
after(() => demo.close())

test('the page shows the request with its headers, in their own case', async () => {
  const html = await page('/?a=1', ['Host', 'demo.example.com', 'X-Forwarded-Proto', 'https', 'x-OwN-HeAdEr', 'value'])
  assert.match(html, /GET \/\?a=1 HTTP\/1\.1/)
  assert.match(html, /demo\.example\.com/)
  assert.match(html, /X-Forwarded-Proto/)
  assert.match(html, /x-OwN-HeAdEr/)
})

test('nothing in a request becomes markup', async () => {
  const attack = '"><script>alert(1)</script>'
  const html = await page(`/?q=${attack}`, ['Host', attack, 'X-Forwarded-Host', attack, 'X-Own', attack])
  assert.ok(html.includes('&lt;script&gt;alert(1)&lt;/script&gt;'))
  assert.ok(!html.includes('<script>alert'))
  assert.ok(!html.includes('"><script>'))
})

test('the page names nothing outside itself and has the ids that tests rely on', async () => {
  const response = await fetch(base)
  const html = await response.text()
  assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
  assert.match(response.headers.get('content-security-policy') ?? '', /^default-src 'none'/)
  assert.doesNotMatch(
    html.replaceAll('http://www.w3.org/2000/svg', '').replaceAll(demo.port.toString(), ''),
    /https?:\/\//,
  )
  for (const id of ['echo-input', 'echo-send', 'echo-log', 'clock', 'upload-file', 'upload-result']) {
    assert.equal(html.split(`id="${id}"`).length, 2, `one element with the id ${id}`)
  }
})

test('HEAD answers with the length of the page and no body', async () => {
  const response = await fetch(base, { method: 'HEAD' })
  assert.ok(Number(response.headers.get('content-length')) > 1_000)
  assert.equal(await response.text(), '')
})

test('the echo answers text with text and binary with the same bytes', async () => {
  const client = await openEcho()
  const bytes = randomBytes(300_000)
  client.send('grüezi')
  assert.deepEqual(await once(client, 'message'), [Buffer.from('Echo: grüezi'), false])
  client.send(bytes)
  assert.deepEqual(await once(client, 'message'), [bytes, true])
  client.send('')
  assert.deepEqual(await once(client, 'message'), [Buffer.from('Echo: '), false])
  client.close()
  await once(client, 'close')
})

test('a client that sends much and reads late gets everything back in order', async () => {
  const client = await openEcho()
  client.pause()
  const message = Buffer.alloc(256 * 1024)
  for (let i = 0; i < 100; i++) {
    message.writeUInt32BE(i)
    client.send(Buffer.from(message))
  }
  await sleep(200)
  let next = 0
  const all = new Promise<void>((resolve) => {
    client.on('message', (data: Buffer) => {
      assert.equal(data.readUInt32BE(), next++)
      if (next === 100) resolve()
    })
  })
  client.resume()
  await all
  client.terminate()
})

test('a broken WebSocket frame ends that client only', async () => {
  const client = await openEcho()
  // @ts-expect-error the raw socket, to send what ws never would: an unmasked frame with a reserved opcode
  client._socket.write(Buffer.from([0x8f, 0x01, 0x00]))
  await once(client, 'close')
  assert.equal((await fetch(base)).status, 200)
})

test('an upgrade elsewhere gets 404, a plain request to the echo 426', async () => {
  const stray = new WebSocket(`ws://127.0.0.1:${demo.port}/nowhere`)
  const [error] = (await once(stray, 'error')) as [Error]
  assert.match(error.message, /404/)
  assert.equal((await fetch(`${base}/echo`)).status, 426)
})

test('the clock sends an event at once and one a second, uncached', async () => {
  const response = await fetch(`${base}/clock`)
  assert.equal(response.headers.get('content-type'), 'text/event-stream')
  assert.equal(response.headers.get('cache-control'), 'no-cache')
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk)
    if (text.split('\n\n').length > 2) break
  }
  const times = [...text.matchAll(/^data: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)$/gm)].map((match) =>
    Date.parse(match[1]!),
  )
  assert.equal(times.length, 2)
  const gap = times[1]! - times[0]!
  assert.ok(gap > 900 && gap < 3_000, `${gap} ms between two events`)
})

test('the clock stops its timer when the client leaves', async (t) => {
  const cleared: unknown[] = []
  const original = globalThis.clearInterval
  t.mock.method(globalThis, 'clearInterval', (timer: NodeJS.Timeout) => {
    cleared.push(timer)
    original(timer)
  })
  const controller = new AbortController()
  await fetch(`${base}/clock`, { signal: controller.signal })
  controller.abort()
  for (let i = 0; i < 100 && cleared.length === 0; i++) await sleep(20)
  assert.equal(cleared.length, 1)
})

for (const method of ['POST', 'PUT']) {
  test(`${method} /upload answers with the length and hash of the body`, async () => {
    const body = randomBytes(5_000_001)
    const response = await fetch(`${base}/upload`, { method, body })
    const result = (await response.json()) as { bytes: number; sha256: string; ms: number }
    assert.equal(response.status, 200)
    assert.equal(result.bytes, body.length)
    assert.equal(result.sha256, createHash('sha256').update(body).digest('hex'))
    assert.ok(Number.isInteger(result.ms) && result.ms >= 0)
  })
}

test('an empty upload is an upload of no bytes', async () => {
  const result = (await (await fetch(`${base}/upload`, { method: 'POST' })).json()) as { bytes: number; sha256: string }
  assert.equal(result.bytes, 0)
  assert.equal(result.sha256, createHash('sha256').digest('hex'))
})

test('an upload that breaks off harms nobody', async () => {
  const request = httpRequest(`${base}/upload`, { method: 'POST', headers: { 'content-length': 1_000_000 } })
  request.on('error', () => {})
  request.write(Buffer.alloc(1_000))
  await sleep(50)
  request.destroy()
  assert.equal((await fetch(base)).status, 200)
})

test('a download has the length asked for and the same bytes every time', async () => {
  const response = await fetch(`${base}/download?bytes=1000003`)
  assert.equal(response.headers.get('content-length'), '1000003')
  const bytes = Buffer.from(await response.arrayBuffer())
  assert.deepEqual(bytes, Buffer.concat([...downloadBlocks(1_000_003)]))
  assert.equal((await (await fetch(`${base}/download?bytes=0`)).arrayBuffer()).byteLength, 0)
})

test('a download of 4 GiB that nobody reads takes no memory', async () => {
  const request = httpRequest(`${base}/download?bytes=4294967296`).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  assert.equal(response.headers['content-length'], '4294967296')
  response.pause()
  const before = process.memoryUsage().rss
  await sleep(300)
  assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024)
  response.on('error', () => {}).destroy()
  assert.equal((await fetch(base)).status, 200)
})

for (const value of ['-1', '4294967297', 'many', '', '1e9']) {
  test(`a download of "${value}" bytes is refused`, async () => {
    assert.equal((await fetch(`${base}/download?bytes=${value}`)).status, 400)
  })
}

for (const [method, path, status] of [
  ['GET', '/nothing', 404],
  ['GET', '/clock/', 404],
  ['POST', '/', 405],
  ['GET', '/upload', 405],
  ['DELETE', '/download', 405],
] as const) {
  test(`${method} ${path} gets ${status}`, async () => {
    assert.equal((await fetch(base + path, { method })).status, status)
  })
}

const malformed: Array<[string, string]> = [
  ['no HTTP at all', '\0\xff\x16\x03\x01 nonsense\r\n\r\n'],
  ['a target of slashes', 'GET // HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
  ['a target with broken escapes', 'GET /%zz%?bytes=%e0%a4%a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
  ['an absolute target', 'GET http://[::bad HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
  ['a chunk size that is none', 'POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
  ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['an upgrade without a key', 'GET /echo HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'],
]
for (const [name, bytes] of malformed) {
  test(`${name} does not end the app`, async () => {
    const socket = connect(demo.port, '127.0.0.1').on('error', () => {})
    socket.write(bytes, 'latin1')
    socket.resume()
    await once(socket, 'close')
    assert.equal((await fetch(base)).status, 200)
  })
}

test('a port in use is an error for the caller', async () => {
  await assert.rejects(startDemo({ port: demo.port }), { code: 'EADDRINUSE' })
})

test('close ends open streams and WebSockets at once', async () => {
  const other = await startDemo({ port: 0 })
  const client = new WebSocket(`ws://127.0.0.1:${other.port}/echo`)
  await once(client, 'open')
  const events = await fetch(`http://127.0.0.1:${other.port}/clock`)
  const ended = once(client, 'close')
  await other.close()
  await ended
  await assert.rejects(events.text())
  await assert.rejects(fetch(`http://127.0.0.1:${other.port}/`))
})

async function openEcho(): Promise<WebSocket> {
  const client = new WebSocket(`ws://127.0.0.1:${demo.port}/echo`)
  await once(client, 'open')
  return client
}

/** Unlike fetch, sends the target and the headers exactly as given. */
async function page(path: string, headers: string[]): Promise<string> {
  const socket = connect(demo.port, '127.0.0.1')
  let head = `GET ${path} HTTP/1.1\r\nConnection: close\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  socket.write(`${head}\r\n`)
  let text = ''
  for await (const chunk of socket.setEncoding('utf8')) text += chunk
  return text
}
