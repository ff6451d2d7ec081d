/** Anything bytes can be written to: a socket. */
export interface ByteWriter {
  cork(): void
  uncork(): void
  write(data: Buffer | string, encoding?: BufferEncoding): boolean
}

/**
 * Write `part` as one chunk (RFC 9112 section 7.1). Returns what the last write returned. An empty part is left out:
 * a chunk of size 0 would end the body.
 */
export function writeChunk(to: ByteWriter, part: Buffer): boolean {
  if (part.length === 0) return true
  to.cork()
  to.write(`${part.length.toString(16)}\r\n`, 'latin1')
  to.write(part)
  const more = to.write('\r\n', 'latin1')
  to.uncork()
  return more
}

/** Write the last chunk and the trailers, header lines that end in CRLF each. */
export function writeLastChunk(to: ByteWriter, trailers: string): boolean {
  return to.write(`0\r\n${trailers}\r\n`, 'latin1')
}
