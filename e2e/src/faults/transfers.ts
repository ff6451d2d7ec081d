import { createHash } from 'node:crypto'
import { open } from '../support/visitor.js'
import type { World } from '../support/world.js'
import { Content } from './content.js'
import { Progress } from './progress.js'

/** Download so many bytes from the app of tunnel `name`; done when they are what it has sent. */
export function download(world: World, name: string, bytes: number): Progress {
  const progress = new Progress('the download')
  const hash = createHash('sha256')
  const request = open(world, name, `/download/${bytes}`)
  request.on('error', (error) => progress.fail(error))
  request.on('response', (response) => {
    progress.onAllowed = () => response.resume()
    response.on('error', (error) => progress.fail(error))
    response.on('data', (part: Buffer) => {
      hash.update(part)
      progress.advance(part.length)
      if (!progress.mayGo) response.pause()
    })
    response.on('end', () => {
      const digest = hash.digest('hex')
      if (progress.bytes !== bytes) progress.fail(new Error(`it has ${progress.bytes} bytes, not ${bytes}`))
      else if (response.trailers['x-sha256'] !== digest) progress.fail(new Error('it has another hash'))
      else progress.finish()
    })
  })
  request.end()
  return progress
}

/** Upload so many bytes; done when the app has got the same. */
export function upload(world: World, name: string, bytes: number): Progress {
  const progress = new Progress('the upload')
  const content = new Content(bytes)
  const hash = createHash('sha256')
  const request = open(world, name, '/upload', { method: 'PUT', headers: { 'content-length': bytes } })
  let ended = false
  const send = () => {
    while (progress.mayGo && !ended) {
      const part = content.next()
      if (part === undefined) {
        ended = true
        request.end()
        return
      }
      hash.update(part)
      const goesOn = request.write(part, () => progress.advance(part.length))
      if (!goesOn) return
    }
  }
  progress.onAllowed = send
  request.on('drain', send)
  request.on('error', (error) => progress.fail(error))
  request.on('response', async (response) => {
    const heard = String(await response.setEncoding('utf8').reduce((text, part) => text + part, ''))
    if (heard === hash.digest('hex')) progress.finish()
    else progress.fail(new Error(`the app says ${response.statusCode} ${heard.slice(0, 100)}`))
  })
  send()
  return progress
}
