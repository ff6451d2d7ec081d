import http from 'node:http'
import { within } from '../support/within.js'
import type { World } from '../support/world.js'
import type { Place, Ready, Score } from './suite.js'

/** A response as bytes that others wrote. */
export interface ResponseVector {
  name: string
  bytes: Buffer
  /** Undefined for a response that nobody must take for a good one. */
  status: number | undefined
}

/** Asks an app that answers with the bytes of one vector after the other, and closes. */
export function responseVectorSuite(vectors: ResponseVector[]): Ready {
  return {
    startApp: (world: World) =>
      world.rawApp((socket) => {
        let head = ''
        socket.setEncoding('latin1').on('data', (text: string) => {
          head += text
          if (head.endsWith('\r\n\r\n')) socket.end(vectors[Number(/^GET \/(\d+)/.exec(head)![1])]!.bytes)
        })
      }),
    async run({ port }: Place) {
      const score: Score = new Map()
      for (const [index, { name, status }] of vectors.entries()) {
        const got = await within(name, ask(port, `/${index}`))
        // 502 is how the tunnel says that it did not take the app's answer.
        const passed = status === undefined ? got === 'broken' || got === '502' : got === String(status)
        score.set(name, { passed, words: passed ? 'as it has to be' : `${got} instead of ${status ?? 'a failure'}` })
      }
      return score
    },
  }
}

/** The status of a response that came whole, or `broken`. */
function ask(port: number, path: string): Promise<string> {
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      response.on('error', () => resolve('broken'))
      response.resume().on('end', () => resolve(response.complete ? String(response.statusCode) : 'broken'))
    })
    request.on('error', () => resolve('broken'))
    request.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve(String(response.statusCode))
    })
  })
}
