// Run by origin-restarts.test.ts as a process of its own: an app on a port, or on the path of a Unix socket, that answers at once. It
// prints where it listens, and the path of each POST when it has all of it.
import { rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

const where = process.argv[2]!
const path = where.startsWith('/') ? where : undefined
const server = http.createServer((request, response) => {
  request.resume().on('end', () => {
    if (request.method === 'POST') process.stdout.write(`POST ${request.url}\n`)
    response.end('hello')
  })
})
if (path !== undefined) rmSync(path, { force: true })
server.listen(path === undefined ? { port: Number(where), host: '127.0.0.1' } : { path }, () => {
  const address = server.address() as AddressInfo | string
  process.stdout.write(`listening on ${typeof address === 'string' ? address : address.port}\n`)
})
