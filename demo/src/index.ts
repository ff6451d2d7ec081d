import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { sendClock } from './clock.js'
import { MAX_DOWNLOAD_BYTES, parseDownloadBytes, sendDownload } from './download.js'
import { EchoServer } from './echo.js'
import { pageHeaders, renderPage } from './page.js'
import { receiveUpload } from './upload.js'

export { downloadBlocks } from './download.js'
export type { UploadResult } from './upload.js'

export interface DemoOptions {
  /** 0: any free port. */
  port: number
  /** Default 127.0.0.1: nobody but this machine, and whoever comes through the tunnel. */
  host?: string
}

export interface Demo {
  port: number
  /** Ends every connection at once. */
  close(): Promise<void>
}

/** Starts the demo app; rejects with the system's error (`EADDRINUSE` …) when it cannot listen. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const echo = new EchoServer()
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  // The default of five minutes for a whole request would cut a long upload.
  server.requestTimeout = 0
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {}) // a client may leave while we answer
    if (splitUrl(request.url).path === '/echo') echo.accept(request, socket, head)
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host ?? '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      echo.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Nobody is left to tell when a client goes away in the middle; the error must only not end the process.
  request.on('error', () => {})
  response.on('error', () => {})
  const { path, query } = splitUrl(request.url)
  const method = request.method ?? ''
  switch (path) {
    case '/':
      if (!allowed(request, response, ['GET', 'HEAD'])) return
      return sendText(response, 200, renderPage(request), pageHeaders)
    case '/clock':
      if (!allowed(request, response, ['GET'])) return
      return sendClock(response)
    case '/upload':
      if (!allowed(request, response, ['POST', 'PUT'])) return
      return receiveUpload(request, response)
    case '/download': {
      if (!allowed(request, response, ['GET', 'HEAD'])) return
      const bytes = parseDownloadBytes(query.get('bytes'))
      if (bytes === undefined) {
        return sendText(response, 400, `bytes must be a whole number from 0 to ${MAX_DOWNLOAD_BYTES}\n`)
      }
      return sendDownload(response, bytes, method === 'GET')
    }
    case '/echo':
      return sendText(response, 426, 'open a WebSocket here\n', { connection: 'upgrade', upgrade: 'websocket' })
    default:
      return sendText(response, 404, 'nothing here; the demo starts at /\n')
  }
}

/** Not `new URL`: it throws on some of what a client may send, such as `//`. */
function splitUrl(url = '/'): { path: string; query: URLSearchParams } {
  const at = url.indexOf('?')
  if (at === -1) return { path: url, query: new URLSearchParams() }
  return { path: url.slice(0, at), query: new URLSearchParams(url.slice(at + 1)) }
}

function allowed(request: IncomingMessage, response: ServerResponse, methods: string[]): boolean {
  if (methods.includes(request.method ?? '')) return true
  const list = methods.join(', ')
  sendText(response, 405, `use ${list} here\n`, { allow: list })
  return false
}

function sendText(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'x-content-type-options': 'nosniff',
    ...headers,
  })
  response.end(text)
}
