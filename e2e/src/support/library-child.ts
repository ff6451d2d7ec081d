// Run by library.test.ts as a process of its own: opens a tunnel with the library, uses it, closes it, and exits by itself.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tunnel } from 'tunnel-client'

const app = http.createServer((request, response) => response.end(`library app at ${request.url}`))
await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
const { port } = app.address() as AddressInfo

const opened = await tunnel({ port, subdomain: process.argv[2] })
const requests: string[] = []
opened.on('request', ({ method, path }) => requests.push(`${method} ${path}`))

const { port: publicPort, host } = new URL(opened.url)
const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
  const request = http.get({ host: '127.0.0.1', port: publicPort, path: '/now?x=1', headers: { host }, agent: false })
  request.once('error', reject).once('response', async (response) => {
    let text = ''
    for await (const part of response.setEncoding('utf8')) text += part
    resolve({ status: response.statusCode!, text })
  })
})
await opened.close()
app.close()
app.closeAllConnections()
process.stdout.write(`${JSON.stringify({ url: opened.url, name: opened.name, requests, answer })}\n`)
