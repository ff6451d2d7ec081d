import assert from 'node:assert/strict'
import http from 'node:http'
import { test } from 'node:test'
import { eventually } from './support/process.js'
import { open, RawVisitor, readAll, responseOf, visit } from './support/visitor.js'
import { World } from './support/world.js'

/** An app that answers with the request as it saw it. */
const mirror: http.RequestListener = (request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    const seen = {
      method: request.method,
      url: request.url,
      version: request.httpVersion,
      headers: request.rawHeaders,
      trailers: request.rawTrailers,
      body: Buffer.concat(parts).toString('latin1'),
    }
    response.end(request.method === 'HEAD' ? undefined : JSON.stringify(seen))
  })
}

test('every method arrives with its target, headers and body as they were sent', async () => {
  await using world = await World.start()
  await world.agent('demo', await world.app(mirror))
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'REPORT']) {
    const body = method === 'GET' ? undefined : `body of ${method}`
    const answer = await visit(world, 'demo', '/a//b/../c%2Fd;x?q=1&q=%20&e=', {
      method,
      ...(body === undefined ? {} : { body, headers: { 'content-length': body.length } }),
    })
    const seen = JSON.parse(answer.text)
    assert.equal(seen.method, method)
    assert.equal(seen.url, '/a//b/../c%2Fd;x?q=1&q=%20&e=')
    assert.equal(seen.body, body ?? '')
  }
  const head = await visit(world, 'demo', '/', { method: 'HEAD' })
  assert.equal(head.status, 200)
  assert.equal(head.body.length, 0)
})

test('header order, case, repeats and latin1 bytes are kept both ways, and so are status and reason', async () => {
  await using world = await World.start()
  const port = await world.rawApp((socket) => {
    socket.once('data', (head: Buffer) => {
      const lines = head.toString('latin1').split('\r\n')
      const body = lines
        .slice(1, lines.indexOf(''))
        .filter((line) => /^x-/i.test(line) && !/^x-forwarded/i.test(line))
        .join('|')
      socket.end(
        `HTTP/1.1 299 Very Fine\r\nX-Two: b\r\nsEt-CoOkIe: a=1\r\nSet-Cookie: b=2\r\nX-Two: a\r\nX-Empty:\r\nX-Latin: caf\xe9\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        'latin1',
      )
    })
  })
  await world.agent('demo', port)
  const visitor = new RawVisitor(world)
  visitor.send(
    `GET / HTTP/1.1\r\nX-B: 1\r\nHost: demo.localhost\r\nx-a: 2\r\nX-B: 3\r\nX-Empty:\r\nX-Latin: \xfc\xff\r\n\r\n`,
  )
  const received = await visitor.until((text) => text.includes('X-Latin: \xfc\xff'))
  assert.ok(
    received.startsWith(
      'HTTP/1.1 299 Very Fine\r\nX-Two: b\r\nsEt-CoOkIe: a=1\r\nSet-Cookie: b=2\r\nX-Two: a\r\nX-Empty:\r\nX-Latin: caf\xe9\r\n',
    ),
    received,
  )
  assert.ok(received.endsWith('\r\n\r\nX-B: 1|x-a: 2|X-B: 3|X-Empty:|X-Latin: \xfc\xff'), received)
})

test('chunked stays chunked, Content-Length stays Content-Length, and bodyless answers stay bodyless', async () => {
  await using world = await World.start()
  const port = await world.app((request, response) => {
    if (request.url === '/chunked') {
      response.write('first ')
      response.end('second')
    } else if (request.url === '/length') {
      response.setHeader('content-length', 5)
      response.end('exact')
    } else if (request.url === '/304') {
      response.writeHead(304, { etag: '"x"', 'content-length': 99 }).end()
    } else {
      response.writeHead(204).end()
    }
  })
  await world.agent('demo', port)
  const chunked = await visit(world, 'demo', '/chunked')
  assert.equal(chunked.headers['transfer-encoding'], 'chunked')
  assert.equal(chunked.text, 'first second')
  const length = await visit(world, 'demo', '/length')
  assert.equal(length.headers['content-length'], '5')
  assert.equal(length.headers['transfer-encoding'], undefined)
  assert.equal(length.text, 'exact')
  const notModified = await visit(world, 'demo', '/304')
  assert.equal(notModified.status, 304)
  assert.equal(notModified.headers['content-length'], '99')
  assert.equal((await visit(world, 'demo', '/204')).status, 204)
  const headOfLength = await visit(world, 'demo', '/length', { method: 'HEAD' })
  assert.equal(headOfLength.headers['content-length'], '5')
})

test('trailers travel in both directions', async () => {
  await using world = await World.start()
  const port = await world.app((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { trailer: 'X-Sum' })
      response.write('body')
      response.addTrailers({ 'X-Sum': `got ${request.rawTrailers.join('=')}` })
      response.end()
    })
  })
  await world.agent('demo', port)
  const request = open(world, 'demo', '/', {
    method: 'POST',
    headers: { trailer: 'X-Check', 'transfer-encoding': 'chunked' },
  })
  const answer = responseOf(request)
  request.write('part')
  request.addTrailers({ 'X-Check': '42' })
  request.end()
  const response = await answer
  assert.equal((await readAll(response)).toString(), 'body')
  assert.equal(response.trailers['x-sum'], 'got X-Check=42')
})

test('interim responses arrive in order, and 100 Continue only when the app says so', async () => {
  await using world = await World.start()
  const server = http.createServer()
  server.on('checkContinue', (request: http.IncomingMessage, response: http.ServerResponse) => {
    if (request.url === '/no') {
      response.writeHead(413, { connection: 'close', 'content-length': 9 }).end('too large')
      return
    }
    response.writeEarlyHints({ link: '</style.css>; rel=preload' }, () => {
      response.writeContinue()
      mirror(request, response)
    })
  })
  await world.agent('demo', await world.listen(server))

  const yes = new RawVisitor(world)
  yes.send('POST /yes HTTP/1.1\r\nHost: demo.localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n')
  await yes.until((text) => text.includes('HTTP/1.1 100 Continue\r\n\r\n'))
  assert.match(
    yes.received,
    /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/style.css>; rel=preload\r\n\r\nHTTP\/1\.1 100 Continue\r\n\r\n$/,
  )
  yes.send('hello')
  assert.match(await yes.until((text) => text.includes('"body":"hello"')), /HTTP\/1\.1 200 OK/)

  const no = new RawVisitor(world)
  no.send('POST /no HTTP/1.1\r\nHost: demo.localhost\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n')
  await no.until((text) => text.endsWith('too large'))
  assert.match(no.received, /^HTTP\/1\.1 413 [\s\S]*\r\nConnection: close\r\n/)
  assert.equal(await no.closed(), 'ended')
})

test('an answer that comes while the upload still runs arrives at once, and bodies flow both ways at the same time', async () => {
  await using world = await World.start()
  const port = await world.app((request, response) => {
    response.write('ready;')
    request.on('data', (part: Buffer) => response.write(`${part.toString()};`))
    request.on('end', () => response.end('bye'))
  })
  await world.agent('demo', port)
  const request = open(world, 'demo', '/', { method: 'POST', headers: { 'transfer-encoding': 'chunked' } })
  request.flushHeaders()
  const response = await responseOf(request)
  let text = ''
  response.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  await eventually('the first words', () => text === 'ready;')
  for (const word of ['one', 'two', 'three']) {
    request.write(word)
    await eventually(`the echo of ${word}`, () => text.endsWith(`${word};`))
  }
  request.end()
  await eventually('the end', () => response.complete)
  assert.equal(text, 'ready;one;two;three;bye')
})

test('one visitor connection serves different tunnels and the bare domain in turn, as a proxy that pools connections needs', async () => {
  await using world = await World.start()
  await world.agent('one', await world.app((_request, response) => response.end('app one')))
  await world.agent('two', await world.app((_request, response) => response.end('app two')))
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  try {
    for (let i = 0; i < 30; i++) {
      const name = i % 2 === 0 ? 'one' : 'two'
      assert.equal((await visit(world, name, '/', { agent })).text, `app ${name}`)
      if (i % 10 === 5) {
        const health = await visit(world, 'one', '/api/health', { agent, headers: { host: `localhost:${world.port}` } })
        assert.equal(JSON.parse(health.text).status, 'ok')
      }
    }
  } finally {
    agent.destroy()
  }
})

test('pipelined requests are answered in order', async () => {
  await using world = await World.start()
  await world.agent('demo', await world.app(mirror))
  const visitor = new RawVisitor(world)
  const paths = Array.from({ length: 20 }, (_, i) => `/${i}`)
  visitor.send(
    paths.map((path) => `POST ${path} HTTP/1.1\r\nHost: demo.localhost\r\nContent-Length: 3\r\n\r\nabc`).join(''),
  )
  const received = await visitor.until((text) => text.includes('"url":"/19"'))
  assert.deepEqual(
    [...received.matchAll(/"url":"(\/\d+)"/g)].map((match) => match[1]),
    paths,
  )
})

test('200 requests at once get each its own answer', async () => {
  await using world = await World.start()
  const waiting: Array<() => void> = []
  const port = await world.app((request, response) => {
    // Nobody is answered before all are here: they really are open at once.
    waiting.push(() => response.end(`answer to ${request.url}`))
    if (waiting.length === 200) for (const answer of waiting.reverse()) answer()
  })
  await world.agent('demo', port)
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => visit(world, 'demo', `/${i}`)))
  for (const [i, answer] of answers.entries()) assert.equal(answer.text, `answer to /${i}`)
})

test('a visitor that speaks HTTP/1.0 gets an answer it understands', async () => {
  await using world = await World.start()
  const port = await world.app((_request, response) => {
    response.write('in ')
    response.end('chunks')
  })
  await world.agent('demo', port)
  const visitor = new RawVisitor(world)
  visitor.send('GET / HTTP/1.0\r\nHost: demo.localhost\r\n\r\n')
  assert.equal(await visitor.closed(), 'ended')
  assert.doesNotMatch(visitor.received, /transfer-encoding/i)
  assert.match(visitor.received, /\r\n\r\nin chunks$/)
})

test('the app learns who visits, and forged forwarding headers are dropped unless they come from a trusted proxy', async () => {
  const forged = { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https', forwarded: 'for=1.2.3.4' }
  const seenBy = async (world: World) => {
    await world.agent('demo', await world.app(mirror))
    const { headers } = JSON.parse((await visit(world, 'demo', '/', { headers: forged })).text) as { headers: string[] }
    const named = (name: string) => headers.filter((_, i) => i % 2 === 1 && headers[i - 1]!.toLowerCase() === name)
    return {
      for: named('x-forwarded-for'),
      proto: named('x-forwarded-proto'),
      host: named('x-forwarded-host'),
      forwarded: named('forwarded'),
    }
  }
  {
    await using world = await World.start()
    const seen = await seenBy(world)
    assert.deepEqual(seen.for, ['127.0.0.1'])
    assert.deepEqual(seen.proto, ['http'])
    assert.deepEqual(seen.host, [`demo.localhost:${world.port}`])
    assert.equal(seen.forwarded.length, 1)
    assert.ok(!seen.forwarded[0]!.includes('1.2.3.4'))
  }
  await using world = await World.start({ args: ['--trust-proxy', '127.0.0.0/8'] })
  const seen = await seenBy(world)
  assert.deepEqual(seen.for, ['1.2.3.4, 127.0.0.1'])
  assert.deepEqual(seen.proto, ['https'])
})

test('connections to the app are opened when needed and used again', async () => {
  await using world = await World.start()
  let connections = 0
  const server = http.createServer((_request, response) => response.end('ok'))
  server.on('connection', () => connections++)
  await world.agent('demo', await world.listen(server))
  assert.equal(connections, 0)
  for (let i = 0; i < 20; i++) assert.equal((await visit(world, 'demo', '/')).text, 'ok')
  assert.equal(connections, 1)
})

test('an app that closes idle connections early costs no request', async () => {
  await using world = await World.start()
  const server = http.createServer((_request, response) => response.end('ok'))
  server.keepAliveTimeout = 1
  let requests = 0
  server.on('request', () => requests++)
  await world.agent('demo', await world.listen(server))
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  try {
    for (let i = 0; i < 200; i++) assert.equal((await visit(world, 'demo', '/', { agent })).status, 200)
  } finally {
    agent.destroy()
  }
  assert.equal(requests, 200)
})
