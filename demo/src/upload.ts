import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

export interface UploadResult {
  bytes: number
  /** In hexadecimal. */
  sha256: string
  /** From the request head to the last byte, in whole milliseconds. */
  ms: number
}

/** Counts and hashes the body chunk by chunk: memory stays flat whatever its size. */
export async function receiveUpload(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const startedAt = performance.now()
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length
      hash.update(chunk)
    }
  } catch {
    return // the client left before the end: there is nobody to answer
  }
  const result: UploadResult = { bytes, sha256: hash.digest('hex'), ms: Math.round(performance.now() - startedAt) }
  const body = JSON.stringify(result)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
}
